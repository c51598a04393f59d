"""BagIt 1.0 (RFC 8493): the tag files that make a folder of files a package whose wholeness can be checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from transcription.formats.xml_reading import printable
from transcription.formats.zip_parts import Entry

DATA = "data/"
_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def tag_files(payload: Sequence[Entry], facts: Mapping[str, str], at: datetime) -> list[tuple[str, bytes]]:
    """The tag files of a bag, (name, bytes), for files whose names begin with ``data/``. ``facts`` go into
    bag-info.txt, those without a value are left out."""
    octets = sum(each.size for each in payload)
    info = {
        **{name: value for name, value in facts.items() if value},
        "Bagging-Date": f"{at:%Y-%m-%d}",
        "Bag-Software-Agent": "Longhand",
        "Bag-Size": _readable(octets),
        "Payload-Oxum": f"{octets}.{len(payload)}",
    }
    files = [
        ("bagit.txt", _DECLARATION),
        ("bag-info.txt", "".join(f"{name}: {_one_line(value)}\n" for name, value in info.items()).encode()),
        ("manifest-sha256.txt", _manifest((each.sha256, each.name) for each in payload)),
    ]
    tags = [(hashlib.sha256(data).hexdigest(), name) for name, data in files]
    return [*files, ("tagmanifest-sha256.txt", _manifest(tags))]


def _manifest(rows: Iterable[tuple[str, str]]) -> bytes:
    """Line ends and percent signs in names are escaped, as the standard says."""
    escape = str.maketrans({"%": "%25", "\n": "%0A", "\r": "%0D"})
    return "".join(f"{digest}  {name.translate(escape)}\n" for digest, name in rows).encode()


def _one_line(value: str) -> str:
    return " ".join(printable(value).split())


def _readable(octets: int) -> str:
    size = float(octets)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
