"""What a JPEG says of itself in its frame header, without decoding it."""

from __future__ import annotations

_NO_FRAMES = (0xC4, 0xC8, 0xCC)  # among the markers of frames, but tables


def jpeg_shape(jpeg: bytes) -> tuple[int, int, int] | None:
    """(width, height, channels); None where there is no frame header, or not one of 8 bits a channel."""
    at = 2
    while at + 9 < len(jpeg) and jpeg[at] == 0xFF:
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4])
        if marker == 0xFF:
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES:
            if jpeg[at + 4] != 8:
                return None
            return int.from_bytes(jpeg[at + 7 : at + 9]), int.from_bytes(jpeg[at + 5 : at + 7]), jpeg[at + 9]
        at += 2 + length
    return None


def with_jfif(jpeg: bytes) -> bytes:
    """The JPEG with the JFIF header that some programs know a JPEG by; others leave it out."""
    if jpeg[2:4] in (b"\xff\xe0", b"\xff\xe1"):
        return jpeg
    return jpeg[:2] + b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x01\x00\x60\x00\x60\x00\x00" + jpeg[2:]
