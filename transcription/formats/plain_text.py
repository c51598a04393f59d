"""Plain text, a line for each line."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator

from transcription.errors import BadInput
from transcription.formats.records import TranscribedLine, TranscribedPage
from transcription.formats.writing import Folder, Manner, PageToWrite, by_document

_LINE_END = re.compile("\r\n|[\n\r\f\u2028\u2029]")
_SPACE = re.compile(r"\s")
_SENSELESS = {"Cc", "Cn", "Cs"}  # control characters, code points of no character, halves of one
_UTF_16 = {"utf-16-le", "utf-16-be"}
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def write(page: TranscribedPage) -> bytes:
    """Return the page's lines in UTF-8, one each, empty ones too; a line break inside a line becomes a space."""
    return "".join(f"{_LINE_END.sub(' ', line.text)}\n" for line in page.lines).encode("utf-8", "replace")


def write_documents(pages: Iterator[PageToWrite], folder: Folder, manner: Manner) -> None:
    """A file for each document; between two pages stands a form feed, as printers and other programs have it."""
    for document, of_document in by_document(pages):
        with folder.file(f"{document.name}.txt") as file:
            for index, each in enumerate(of_document):
                file.write((b"\x0c" if index else b"") + write(each.page))


def read(data: bytes, name: str = "text") -> TranscribedPage:
    """Return the lines of a text file that are not blank, without places.

    UTF-8, UTF-16 with a byte order mark, else Windows' Western encoding. Raises BadInput ``not-text``.
    """
    text, encoding = decoded(data)
    characters = set(_SPACE.sub("", text))
    senseless = "\ufffd" in characters or not _SENSELESS.isdisjoint(map(unicodedata.category, characters))
    if encoding in _UTF_16 and senseless:
        raise BadInput(
            f"“{name}” begins as UTF-16 does, but what follows is no text: save it as plain text in UTF-8.",
            code="not-text",
        )
    if "\x00" in text:
        raise BadInput(f"“{name}” is not a text file: save it as plain text in UTF-8.", code="not-text")
    texts = [line.strip() for line in _LINE_END.split(text)]
    lines = tuple(TranscribedLine(f"l{number}", None, line) for number, line in enumerate(filter(None, texts), 1))
    return TranscribedPage(name, "", (0, 0), lines)


def decoded(data: bytes) -> tuple[str, str]:
    """The text of ``data`` and the encoding it was taken for; what that cannot decode becomes U+FFFD."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(encoding, "replace"), encoding
    for encoding in ("utf-8", "cp1252"):
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1"), "latin-1"
