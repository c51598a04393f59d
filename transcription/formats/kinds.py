"""What kind of file an upload is, told by its first bytes; its name is never trusted."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

HEAD_BYTES = 1024
_MAX_NAME = 200
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
# They let "gpj.exe" be shown as "exe.jpg"; joiners stay, Persian and Indic names need them.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\ufffe\uffff")


class Kind(StrEnum):
    """A kind of file that is recognized. Only those in ACCEPTED are read; the others are known in order to be
    refused by name."""

    JPEG = "jpeg"
    PNG = "png"
    TIFF = "tiff"
    PDF = "pdf"
    WEBP = "webp"
    JP2 = "jp2"
    ZIP = "zip"
    GIF = "gif"
    BMP = "bmp"
    HEIC = "heic"
    AVIF = "avif"
    PHOTOSHOP = "psd"
    DJVU = "djvu"
    RAR = "rar"
    SEVEN_ZIP = "7z"
    GZIP = "gzip"
    OFFICE = "office"
    MARKUP = "markup"
    TEXT = "text"

    @property
    def label(self) -> str:
        """With its article, as it stands in a sentence."""
        return _LABELS[self]


ACCEPTED = frozenset({Kind.JPEG, Kind.PNG, Kind.TIFF, Kind.PDF, Kind.WEBP, Kind.JP2, Kind.HEIC})
ARCHIVES = frozenset({Kind.ZIP})  # they hold files of the kinds that are read
ACCEPTED_LABEL = "JPEG, PNG, TIFF, PDF, WebP, JPEG 2000, HEIC and ZIP files"

_LABELS = {
    Kind.JPEG: "a JPEG image",
    Kind.PNG: "a PNG image",
    Kind.TIFF: "a TIFF image",
    Kind.PDF: "a PDF",
    Kind.WEBP: "a WebP image",
    Kind.JP2: "a JPEG 2000 image",
    Kind.ZIP: "a ZIP archive (or an office document)",
    Kind.GIF: "a GIF image",
    Kind.BMP: "a BMP image",
    Kind.HEIC: "a HEIC photograph",
    Kind.AVIF: "an AVIF image",
    Kind.PHOTOSHOP: "a Photoshop file",
    Kind.DJVU: "a DjVu file",
    Kind.RAR: "a RAR archive",
    Kind.SEVEN_ZIP: "a 7-Zip archive",
    Kind.GZIP: "a gzip archive",
    Kind.OFFICE: "an old office document",
    Kind.MARKUP: "an XML, SVG or HTML file",
    Kind.TEXT: "a text file",
}

# (offset, bytes, kind), the first that fits wins. ISO-BMFF brands stand at offset 4 behind the length of their box.
_MAGIC: tuple[tuple[int, bytes, Kind], ...] = (
    (0, b"\xff\xd8\xff", Kind.JPEG),
    (0, b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (0, b"II*\x00", Kind.TIFF),
    (0, b"MM\x00*", Kind.TIFF),
    (0, b"II+\x00", Kind.TIFF),
    (0, b"MM\x00+", Kind.TIFF),
    (0, b"%PDF-", Kind.PDF),
    (8, b"WEBP", Kind.WEBP),
    (4, b"jP  \r\n\x87\n", Kind.JP2),
    (0, b"\xff\x4f\xff\x51", Kind.JP2),
    (0, b"PK\x03\x04", Kind.ZIP),
    (0, b"PK\x05\x06", Kind.ZIP),
    (0, b"GIF8", Kind.GIF),
    (0, b"BM", Kind.BMP),
    (4, b"ftyphei", Kind.HEIC),
    (4, b"ftyphev", Kind.HEIC),
    (4, b"ftypmif1", Kind.HEIC),
    (4, b"ftypavif", Kind.AVIF),
    (0, b"8BPS", Kind.PHOTOSHOP),
    (0, b"AT&TFORM", Kind.DJVU),
    (0, b"Rar!\x1a\x07", Kind.RAR),
    (0, b"7z\xbc\xaf\x27\x1c", Kind.SEVEN_ZIP),
    (0, b"\x1f\x8b", Kind.GZIP),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind.OFFICE),
)
_MARKUP_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|!|html|svg|[A-Za-z])", re.IGNORECASE)


def sniff(head: bytes) -> Kind | None:
    """Return the kind of the file that begins with ``head`` (its first HEAD_BYTES), None where nothing fits."""
    for offset, magic, kind in _MAGIC:
        if head[offset : offset + len(magic)] == magic and _plausible(kind, head):
            return kind
    if b"%PDF-" in head[:HEAD_BYTES]:  # PDF readers allow junk before the header, and scanners write it
        return Kind.PDF
    if _MARKUP_START.match(head):
        return Kind.MARKUP
    return Kind.TEXT if _is_text(head) else None


def _plausible(kind: Kind, head: bytes) -> bool:
    if kind is Kind.WEBP:
        return head[:4] == b"RIFF"
    if kind is Kind.BMP:  # two letters are not enough: a text may begin with them
        return not _is_text(head)
    return True


def _is_text(head: bytes) -> bool:
    if not head:
        return False
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head):
        return False
    # Cut off an incomplete character at the end of the head, then fall back to the share of plain ASCII.
    try:
        head[: max(1, len(head) - 3)].decode("utf-8")
    except UnicodeDecodeError:
        return sum(byte < 0x80 for byte in head) > 0.8 * len(head)
    return True


def safe_name(name: str) -> str:
    """Return ``name`` as it may be stored and shown: its last path part, NFC, without control characters, bidirectional
    overrides or lone surrogates, at most 200 characters with the suffix kept, never empty."""
    last = re.split(r"[/\\]", name.rstrip("/\\ \t\r\n"))[-1]
    kept = "".join(c for c in last if unicodedata.category(c) not in _UNSAFE_CATEGORIES and c not in _BIDI)
    kept = unicodedata.normalize("NFC", re.sub(r"\s+", " ", kept)).strip()
    if not kept.strip(". "):
        return "unnamed"
    if len(kept) <= _MAX_NAME:
        return kept
    stem, dot, suffix = kept.rpartition(".")
    if dot and stem and len(suffix) <= 10:
        return f"{stem[: _MAX_NAME - 1 - len(suffix)].rstrip()}.{suffix}"
    return kept[:_MAX_NAME].rstrip()
