"""What the editor offers beside a line that is being typed: a transcript's marks and a collection's characters."""

from __future__ import annotations

import unicodedata
from typing import TypedDict

from django.utils.translation import gettext as _

from transcription.htr.text import ILLEGIBLE, UNCLEAR, clusters
from transcription.models import Collection

_OPENING, _CLOSING = {"Ps", "Pi"}, {"Pe", "Pf"}


class Character(TypedDict):
    """Writes ``before`` and ``after`` around what is selected; ``label`` is what a screen reader says."""

    before: str
    after: str
    label: str


def palette(collection: Collection) -> list[Character]:
    """The four marks, then the characters of the collection in its order, each once."""
    marks = [
        Character(before="⟦", after="⟧", label=_("struck out ⟦ ⟧")),
        Character(before="⸢", after="⸣", label=_("inserted ⸢ ⸣")),
        Character(before="", after=UNCLEAR, label=_("unclear word [?]")),
        Character(before=ILLEGIBLE, after="", label=_("illegible […]")),
    ]
    written = {mark["before"] + mark["after"] for mark in marks}
    own = [each for each in dict.fromkeys(collection.characters.split()) if each not in written]
    return marks + [_character(each) for each in own]


def _character(text: str) -> Character:
    """Two that open and close enclose what is selected; anything else is written as it is."""
    parts = clusters(text)
    if len(parts) == 2:
        before, after = parts
        if unicodedata.category(before[0]) in _OPENING and unicodedata.category(after[0]) in _CLOSING:
            return Character(before=before, after=after, label=f"{before} {after}")
    return Character(before=text, after="", label=_spoken(text))


def _spoken(text: str) -> str:
    """Screen readers know few of the letters that old hands used: their Unicode name, for a single one."""
    name = unicodedata.name(text, "") if len(text) == 1 else ""
    return f"{text} {name.lower()}".strip()
