"""Names of exported files by a template, so that they match the catalogue: safe on every system, and each but once."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from transcription.errors import BadInput

DEFAULT = "{document}/{page:04}_{original}"
LONGEST = 200  # of a template
_MOST_BYTES = 120  # of one part of a path: archives and disks add suffixes to it
_NUMBERS = {"page", "number", "id"}
# What tells documents apart, and what tells the pages of one.
OF_DOCUMENT = ("identifier", "collection", "document", "reference")
OF_PAGE = ("page", "original", "number", "id")
_WIDTH = re.compile(r"0?[1-9]?")
_UNSAFE = re.compile(r"[^\w.,()+-]+")
# Names that Windows keeps for its devices, whatever suffix they have.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def check_template(template: str) -> str:
    """The template, tidied. Raises BadInput ``file-names`` with what is wrong, for people."""
    template = template.strip().strip("/") or DEFAULT
    known = ", ".join(f"{{{name}}}" for name in (*OF_DOCUMENT, *OF_PAGE))
    if len(template) > LONGEST:
        raise _wrong(f"The pattern of file names is longer than {LONGEST} characters: shorten it.")
    try:
        fields = [each for each in string.Formatter().parse(template) if each[1] is not None]
    except ValueError as error:
        raise _wrong(f"The pattern of file names has a brace without its partner ({error}): close it.") from error
    for _, name, width, conversion in fields:
        if name not in (*OF_DOCUMENT, *OF_PAGE) or conversion:
            raise _wrong(f"The pattern of file names has “{{{name}}}”, which is not known: use {known}.")
        if width and (name not in _NUMBERS or not _WIDTH.fullmatch(width)):
            raise _wrong(
                f"In the pattern of file names, “{{{name}:{width}}}” should be as {{page:04}} is, or {{{name}}}."
            )
    *folders, last = template.split("/")
    if any(part.strip(". ") == "" for part in (*folders, last)):
        raise _wrong("The pattern of file names has an empty part, “.” or “..”: give each folder a name.")
    paged = [name for _, name, _, _ in string.Formatter().parse("/".join(folders)) if name in OF_PAGE]
    if paged:
        raise _wrong(
            f"The pattern of file names has {{{paged[0]}}} in a folder's name: folders are of documents, pages are "
            "told apart in the last part."
        )
    return template


def _wrong(message: str) -> BadInput:
    return BadInput(message, code="file-names")


def safe_part(text: str) -> str:
    """``text`` as one part of a path, NFC; never empty, never hidden, no device of Windows."""
    plain = _UNSAFE.sub("_", unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8")))
    plain = plain.encode()[:_MOST_BYTES].decode("utf-8", "ignore").strip("._ ")
    return f"_{plain}" if _DEVICES.match(plain) else plain or "untitled"


@dataclass(slots=True)
class FileNames:
    """Gives out names by a checked template, and no name twice: letters' case does not tell names apart on some
    systems."""

    template: str = DEFAULT
    taken: set[str] = field(default_factory=set)

    def page(self, values: Mapping[str, str | int]) -> str:
        """The path of a page. ``values`` has every field; texts are made safe here."""
        parts = [self._filled(part, values) for part in self.template.split("/")]
        return self._untaken("/".join(parts))

    def document(self, values: Mapping[str, str | int]) -> str:
        """The path of a document: the template's folder, or the document's title where it has none that names it."""
        *folders, _ = self.template.split("/")
        naming = any(name in ("document", "reference", "identifier") for part in folders for name in _fields(part))
        parts = [self._filled(part, values) for part in folders] if naming else [self._filled("{document}", values)]
        return self._untaken("/".join(parts))

    def _filled(self, part: str, values: Mapping[str, str | int]) -> str:
        safe = {name: value if isinstance(value, int) else safe_part(value) for name, value in values.items()}
        return safe_part(part.format_map(safe))

    def _untaken(self, wish: str) -> str:
        found, number = wish, 1
        while found.casefold() in self.taken:
            number += 1
            found = f"{wish}_{number}"
        self.taken.add(found.casefold())
        return found


def _fields(part: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(part) if name]
