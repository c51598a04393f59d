"""Plain text, a line for each line."""

from __future__ import annotations

import codecs
import re

from transcription.errors import BadInput
from transcription.formats.records import TranscribedLine, TranscribedPage

_LINE_END = re.compile("\r\n|[\n\r\f\u2028\u2029]")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def write(page: TranscribedPage) -> bytes:
    """Return the page's lines in UTF-8, one each, empty ones too; a line break inside a line becomes a space."""
    return "".join(f"{_LINE_END.sub(' ', line.text)}\n" for line in page.lines).encode("utf-8", "replace")


def read(data: bytes, name: str = "text") -> TranscribedPage:
    """Return the lines of a text file that are not blank, without places.

    UTF-8, UTF-16 with a byte order mark, else Windows' Western encoding. Raises BadInput ``not-text``.
    """
    text = _decoded(data)
    if "\x00" in text:
        raise BadInput(f"“{name}” is not a text file: save it as plain text in UTF-8.", code="not-text")
    texts = [line.strip() for line in _LINE_END.split(text)]
    lines = tuple(TranscribedLine(f"l{number}", None, line) for number, line in enumerate(filter(None, texts), 1))
    return TranscribedPage(name, "", (0, 0), lines)


def _decoded(data: bytes) -> str:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(encoding, "replace")
    for encoding in ("utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")
