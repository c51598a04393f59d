"""Words as search compares them: case, accents, long s, ligatures and marks of transcription make no difference.

Done here and not by the database's dictionaries, so that what is searched and what is searched for are folded by one
function, whatever rules the server has.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MOST_PARTS = 12  # of one word; a row of dots and letters is no word
MOST_LETTERS = 100  # of one lexeme: PostgreSQL takes 2,046 bytes, nobody types as many

_WORD = re.compile(r"\S+")
# Marks of transcription, and characters that show nothing: they part no word.
_REMOVED = str.maketrans("", "", "⟦⟧⸢⸣^¬\u00ad\u200b\u200c\u200d\u2060\ufeff")
_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i", "ŧ": "t", "ŋ": "n"}
)
# Accents, and the points of Hebrew and Arabic. Marks of other scripts are letters of theirs.
_ACCENTS = re.compile(
    r"[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    r"\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
# What a scribe, or an engine, puts where a word goes on in the next line.
_BROKEN = re.compile(r"(?<=\w)[-=¬‐‑–⸗]\s*$")


@dataclass(frozen=True, slots=True)
class Token:
    """One written word: where it stands in its text, and its lexemes: the whole first, then the parts it is made of
    (``o'brien``: obrien, o, brien)."""

    start: int
    end: int
    lexemes: tuple[str, ...]


def fold(text: str) -> str:
    """``text`` without what makes no difference in a search; folding twice changes nothing."""
    text = text.encode("utf-8", "replace").decode("utf-8").translate(_REMOVED)
    for _ in range(2):  # casefolding makes what is to be decomposed, and the other way round
        text = unicodedata.normalize("NFKD", text).casefold()
    text = _ACCENTS.sub("", unicodedata.normalize("NFKD", text).translate(_LETTERS))
    return unicodedata.normalize("NFC", text.translate(_REMOVED))


def lexemes(word: str) -> tuple[str, ...]:
    """The lexemes of one written word, the whole first; none where it holds neither letter nor digit."""
    parts: list[str] = []
    open_part = False
    for char in fold(word):
        if not (char.isalnum() or (open_part and unicodedata.category(char)[0] == "M")):
            open_part = False
        elif open_part:
            parts[-1] += char
        else:
            parts.append(char)
            open_part = True
    whole = "".join(parts)[:MOST_LETTERS]
    if len(parts) < 2:
        return (whole,) if whole else ()
    return tuple(dict.fromkeys([whole, *(part[:MOST_LETTERS] for part in parts[:MOST_PARTS])]))


def tokens(text: str) -> list[Token]:
    """The words of ``text`` that hold a letter or digit, in order; parted at white space as readings and votes are."""
    found = []
    for match in _WORD.finditer(text):
        of_word = lexemes(match.group())
        if of_word:
            found.append(Token(match.start(), match.end(), of_word))
    return found


def is_broken(text: str) -> bool:
    """Whether the last word of a line goes on in the next one."""
    return _BROKEN.search(text) is not None
