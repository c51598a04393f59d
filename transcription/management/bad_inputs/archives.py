"""ZIP archives that lead out of their folder, unpack to more than there is room for, or hide what they hold."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Iterator

from transcription.management.bad_inputs.files import BadFile
from transcription.management.bad_inputs.samples import encoded, packed, picture, samples

EVIL = "longhand-evil"  # in the name of everything that must not come to lie anywhere


def files() -> Iterator[BadFile]:
    scan = encoded(picture(31, "L", (64, 48)), "PNG")
    for what, name in {
        "a path that leads up": f"../../{EVIL}.png",
        "an absolute path": f"/tmp/{EVIL}.png",
        "a path of Windows that leads up": f"..\\..\\{EVIL}.png",
        "a drive's path": f"C:\\{EVIL}.png",
        "up from a folder": f"a/b/../../../{EVIL}.png",
    }.items():
        yield _zip(what, f"slip {len(name)}.zip", {name: scan})
    link = zipfile.ZipInfo(f"{EVIL}.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    yield BadFile("ZIP", "a symbolic link to /etc/passwd", "link.zip", packed({link: b"/etc/passwd"}))
    device = zipfile.ZipInfo(f"{EVIL}.png")
    device.external_attr = (stat.S_IFCHR | 0o666) << 16
    yield BadFile("ZIP", "a device", "device.zip", packed({device: b""}))
    yield BadFile("ZIP", "encrypted", "locked.zip", _encrypted(packed({"a.png": scan})))
    nested = packed({"a.png": scan})
    for depth in range(5):
        nested = packed({f"{depth}.zip": nested})
    yield BadFile("ZIP", "archives five deep", "nested.zip", nested)
    yield BadFile("ZIP", "bomb: 2 GB of zeros in 2 MB", "bomb.zip", _bomb(2 << 30))
    yield BadFile("ZIP", "files that share their bytes", "overlap.zip", _overlapping(scan, 200))
    yield BadFile(
        "ZIP", "20,001 files", "many.zip", packed({f"{number}.txt": b"" for number in range(20_001)}, stored=True)
    )
    yield BadFile(
        "ZIP", "says a file is smaller than it is", "small.zip", _lying(packed({"a.png": scan}, stored=True), 40)
    )
    yield BadFile("ZIP", "says a file is larger than it is", "large.zip", _lying(packed({"a.png": scan}), 9_000_000))
    yield BadFile("ZIP", "no files", "empty.zip", packed({}))
    yield BadFile("ZIP", "only folders", "folders.zip", packed({"a/": b"", "a/b/": b""}))
    yield BadFile("ZIP", "only what systems hide", "hidden.zip", packed({"__MACOSX/._a.png": b"x", "Thumbs.db": b"x"}))
    yield BadFile("ZIP", "no scan in it", "words.zip", packed({"letter.rtf": b"{\\rtf1 hello}"}))
    yield BadFile("ZIP", "a damaged scan in it", "broken.zip", packed({"a.jpg": samples()["sample.jpg"][:999]}))
    yield BadFile("ZIP", "packed by a rare method", "rare.zip", _rare(scan))
    yield BadFile("ZIP", "an archive named .jpg", "archive.jpg", _encrypted(packed({"a.png": scan})))
    sound = packed({"a.png": scan})
    yield BadFile(
        "ZIP",
        "its list of files is noise",
        "list.zip",
        sound[: sound.index(b"PK\x01\x02")] + b"\x99" * 60 + sound[-22:],
    )


def _zip(what: str, name: str, entries: dict[str, bytes]) -> BadFile:
    return BadFile("ZIP", what, name, packed(entries))


def _encrypted(archive: bytes) -> bytes:
    """Says of every file that it needs a password."""
    data = bytearray(archive)
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def _bomb(size: int) -> bytes:
    """Zeros, packed a thousand to one: 16 MB that are the same in every one of its files."""
    archive = packed({"00000.tif": bytes(1 << 24)})
    start, end = archive.index(b"PK\x01\x02"), archive.index(b"PK\x05\x06")
    local, entry = archive[:start], archive[start:end]
    copies = size >> 24
    locals_ = b"".join(local.replace(b"00000", b"%05d" % number, 1) for number in range(copies))
    entries = b"".join(
        entry[:42] + struct.pack("<I", number * len(local)) + entry[46:].replace(b"00000", b"%05d" % number, 1)
        for number in range(copies)
    )
    return locals_ + entries + _end(copies, len(entries), len(locals_))


def _overlapping(scan: bytes, copies: int) -> bytes:
    """Many names in the list of files for the same bytes (Fifield's bomb in small)."""
    archive = packed({"a.png": scan})
    start, end = archive.index(b"PK\x01\x02"), archive.index(b"PK\x05\x06")
    entry = archive[start:end]
    entries = b"".join(entry[:46] + b"%05d" % number + entry[51:] for number in range(copies))
    return archive[:start] + entries + _end(copies, len(entries), start)


def _end(number: int, size: int, start: int) -> bytes:
    return struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, number, number, size, start, 0)


def _lying(archive: bytes, size: int) -> bytes:
    data = bytearray(archive)
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(data)


def _rare(scan: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.png", scan)
    return buffer.getvalue()
