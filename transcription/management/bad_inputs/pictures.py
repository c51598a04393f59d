"""Images whose headers lie, that unpack to more than they should, or that are something else."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from transcription.management.bad_inputs.files import BadFile
from transcription.management.bad_inputs.samples import encoded, packed, picture, samples

_SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>fetch('/')</script></svg>"
_HTML = b"<!DOCTYPE html><html><script>alert(document.cookie)</script></html>"


def files() -> Iterator[BadFile]:
    yield from _jpeg()
    yield from _png()
    yield from _tiff()
    yield from _others()
    yield from _something_else()


def _jpeg() -> Iterator[BadFile]:
    sound = samples()["sample.jpg"]
    at = sound.index(b"\xff\xc0") + 5  # height and width of the frame header
    yield BadFile(
        "JPEG", "header says 65,535 × 65,535", "huge.jpg", _put(sound, at, struct.pack(">HH", 65_535, 65_535))
    )
    yield BadFile("JPEG", "header says no height", "flat.jpg", _put(sound, at, struct.pack(">HH", 0, 480)))
    yield BadFile(
        "JPEG", "header says more rows than there are", "tall.jpg", _put(sound, at, struct.pack(">HH", 20_000, 480))
    )
    yield BadFile("JPEG", "nothing but its first bytes", "start.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00")
    comments = b"\xff\xfe\xff\xff" + b"x" * 65_533
    yield BadFile("JPEG", "6 MB of comments and no picture", "comments.jpg", b"\xff\xd8" + comments * 100)


def _png() -> Iterator[BadFile]:
    head = b"\x89PNG\r\n\x1a\n"
    gray = struct.pack(">BBBBB", 8, 0, 0, 0, 0)
    bomb = zlib.compress(bytes(20_000_000), 9)
    yield BadFile(
        "PNG",
        "bomb: 60,000 × 60,000 pixels in 20 kB",
        "bomb.png",
        head
        + _chunk(b"IHDR", struct.pack(">II", 60_000, 60_000) + gray)
        + _chunk(b"IDAT", bomb)
        + _chunk(b"IEND", b""),
    )
    yield BadFile(
        "PNG",
        "header says 12,000 × 12,000, pixels for 10 rows",
        "short.png",
        head
        + _chunk(b"IHDR", struct.pack(">II", 12_000, 12_000) + gray)
        + _chunk(b"IDAT", zlib.compress(bytes(12_001 * 10)))
        + _chunk(b"IEND", b""),
    )
    yield BadFile(
        "PNG",
        "compressed comment of 100 MB",
        "comment.png",
        head
        + _chunk(b"IHDR", struct.pack(">II", 64, 64) + gray)
        + _chunk(b"zTXt", b"c\x00\x00" + zlib.compress(bytes(100_000_000), 9))
        + _chunk(b"IDAT", zlib.compress(bytes(65 * 64)))
        + _chunk(b"IEND", b""),
    )
    sound = bytearray(samples()["sample.png"])
    sound[29] ^= 0xFF
    yield BadFile("PNG", "wrong checksum of its header", "checksum.png", bytes(sound))
    yield BadFile("PNG", "no width", "narrow.png", head + _chunk(b"IHDR", struct.pack(">II", 0, 64) + gray))


def _tiff() -> Iterator[BadFile]:
    yield BadFile(
        "TIFF", "its pages lead back to the first", "loop.tif", _tiff_file([(256, 4, 1, 64), (257, 4, 1, 64)], next_=8)
    )
    yield BadFile(
        "TIFF",
        "pixels lie behind its end",
        "behind.tif",
        _tiff_file([*_gray(640, 480), (273, 4, 1, 90_000_000), (277, 3, 1, 1), (278, 4, 1, 480), (279, 4, 1, 307_200)]),
    )
    yield BadFile(
        "TIFF",
        "header says 4,294,967,295 pixels a side",
        "endless.tif",
        _tiff_file([*_gray(0xFFFFFFFF, 0xFFFFFFFF), (273, 4, 1, 8), (278, 4, 1, 1), (279, 4, 1, 100)]),
    )
    yield BadFile(
        "TIFF", "a tag of 4 billion values", "tag.tif", _tiff_file([(256, 4, 0xFFFFFFF0, 8), (257, 4, 1, 64)])
    )
    yield BadFile("TIFF", "no page at all", "nothing.tif", b"II*\x00\x00\x00\x00\x00")
    yield BadFile("TIFF", "2,500 pages", "many.tif", _many_pages(2_500))
    broken = bytearray(samples()["several pages, G4.tif"])
    broken[200:2200] = b"\xff" * 2000
    yield BadFile("TIFF", "fax code that means nothing", "fax.tif", bytes(broken))


def _others() -> Iterator[BadFile]:
    webp = samples()["sample.webp"]
    yield BadFile("WebP", "RIFF says 4 GB", "says.webp", _put(webp, 4, b"\xff\xff\xff\xff"))
    vp8x = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\xff\xff" * 2
    yield BadFile(
        "WebP", "canvas of 16,777,216 pixels a side", "canvas.webp", b"RIFF" + struct.pack("<I", 22) + b"WEBP" + vp8x
    )
    jp2 = samples()["sample.jp2"]
    at = jp2.index(b"\xff\x51") + 6
    yield BadFile("JPEG 2000", "header says 4,294,967,295 pixels a side", "huge.jp2", _put(jp2, at, b"\xff" * 8))
    yield BadFile(
        "JPEG 2000", "bare code stream without a tile", "bare.j2k", jp2[jp2.index(b"\xff\x4f\xff\x51") :][:60]
    )
    heic = samples()["sample.heic"]
    at = heic.index(b"ispe") + 8
    yield BadFile(
        "HEIC", "header says 60,000 × 60,000", "huge.heic", _put(heic, at, struct.pack(">II", 60_000, 60_000))
    )
    yield BadFile(
        "HEIC", "a name and nothing behind it", "name.heic", b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"
    )


def _something_else() -> Iterator[BadFile]:
    yield BadFile("wrong type", "empty", "empty.jpg", b"")
    yield BadFile("wrong type", "only zero bytes", "hole.tif", bytes(5000))
    yield BadFile("wrong type", "a text named .jpg", "letter to the editor.jpg", b"Dear Sir, I have the honour to be")
    yield BadFile("wrong type", "HTML with a script, named .png", "page.png", _HTML)
    yield BadFile("wrong type", "SVG with a script", "drawing.svg", _SVG)
    yield BadFile("wrong type", "a program", "setup.exe", b"MZ\x90\x00\x03\x00\x00\x00" + bytes(200))
    yield BadFile("wrong type", "GIF", "moving.gif", encoded(picture(1, "P"), "GIF"))
    yield BadFile("wrong type", "BMP", "old.bmp", encoded(picture(1, "L", (64, 64)), "BMP"))
    yield BadFile("wrong type", "7-Zip", "box.7z", b"7z\xbc\xaf\x27\x1c" + bytes(100))
    yield BadFile("wrong type", "RAR", "box.rar", b"Rar!\x1a\x07\x01\x00" + bytes(100))
    yield BadFile(
        "wrong type", "an old office document", "letter.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    )
    yield BadFile("wrong type", "a new office document", "letter.docx", packed({"[Content_Types].xml": b"<x/>"}))
    yield BadFile("wrong type", "noise", "noise.jpg", bytes(range(1, 256)) * 20)


def _put(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def _chunk(tag: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))


def _tiff_file(entries: list[tuple[int, int, int, int]], next_: int = 0) -> bytes:
    """A little-endian TIFF of one directory at byte 8; (tag, type, count, value) of each entry."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(entries)) + body + struct.pack("<I", next_) + bytes(400)


def _gray(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """The entries of an uncompressed grey page of 8 bits."""
    return [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]


def _many_pages(number: int) -> bytes:
    """Pages of one pixel, all of which lie in the same byte."""
    tags = [*_gray(1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, 1, 1)]
    body = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    length = len(body) + 4
    start = 10
    directories = b"".join(
        body + struct.pack("<I", start + length * (page + 1) if page + 1 < number else 0) for page in range(number)
    )
    return b"II*\x00" + struct.pack("<I", start) + bytes(2) + directories
