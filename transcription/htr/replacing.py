"""Where a pattern stands in a line's text, and the text with other words put there.

Patterns are plain characters. Regular expressions are left out on purpose: neither Python's engine nor PostgreSQL's can
promise to end within a given time, and a line would have to be tried by both. Text and pattern are NFC; what is found
never begins or ends inside a character as people see it, so ``n`` does not stand in ``n̄``. Time is linear in the text.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache

from transcription.htr.text import clean, is_boundary


@dataclass(frozen=True, slots=True)
class Pattern:
    """``find`` becomes ``put``. Without ``match_case`` letters are alike that differ in case only: ſ is no s."""

    find: str
    put: str
    whole_words: bool = False
    match_case: bool = True


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a line: ``text`` as it stands and, at a place, ``put`` as it would be; None where nothing changes.
    ``place`` is the place's 0-based number in the line."""

    text: str
    put: str | None = None
    place: int = -1


def places(text: str, pattern: Pattern) -> list[tuple[int, int]]:
    """Where ``pattern`` would change ``text``: (start, end) of each place, in code points and in order."""
    find, standing = pattern.find, text
    if not pattern.match_case:
        find, standing = _folded(find), _folded(text)
    found: list[tuple[int, int]] = []
    start = standing.find(find) if find else -1
    while start >= 0:
        end = start + len(find)
        if _stands_alone(text, start, end, pattern):
            if text[start:end] != pattern.put:
                found.append((start, end))
            start = standing.find(find, end)
        else:
            start = standing.find(find, start + 1)
    return found


def pieces(text: str, pattern: Pattern) -> list[Piece]:
    """``text`` cut at its places; the pieces' texts together are ``text``."""
    cut: list[Piece] = []
    done = 0
    for number, (start, end) in enumerate(places(text, pattern)):
        if start > done:
            cut.append(Piece(text[done:start]))
        cut.append(Piece(text[start:end], pattern.put, number))
        done = end
    if done < len(text):
        cut.append(Piece(text[done:]))
    return cut


def replaced(text: str, pattern: Pattern, leave: Collection[int] = ()) -> tuple[str, int]:
    """``text`` as it may be stored after the change, and how many places were changed; those numbered in ``leave`` are
    not, nor any where nothing of the change is left once white space is collapsed."""
    changed, parts = 0, []
    for piece in pieces(text, pattern):
        stays = piece.put is None or piece.place in leave
        changed += not stays
        parts.append(piece.text if stays or piece.put is None else piece.put)
    after = clean("".join(parts))
    return (after, changed) if after != text else (text, 0)


def database_pattern(pattern: Pattern) -> tuple[str, str]:
    """An SQL operator and its right side that hold for every text in which ``pattern`` may stand, whatever the
    database's locale: LIKE, which an index of trigrams serves, or a regular expression without any repetition."""
    if pattern.match_case:
        return "LIKE", "%" + re.sub(r"([\\%_])", r"\\\1", pattern.find) + "%"
    return "~", "".join(_alike(char) for char in pattern.find)


def spoils_characters(text: str) -> bool:
    """Whether ``text`` begins with a mark that would join the character before it."""
    return bool(text) and not is_boundary("a" + text, 1)


def _stands_alone(text: str, start: int, end: int, pattern: Pattern) -> bool:
    if not (is_boundary(text, start) and is_boundary(text, end)):
        return False
    if not pattern.whole_words:
        return True
    return not (_joined(text, start) or _joined(text, end))


def _joined(text: str, index: int) -> bool:
    """Whether letters of one word stand on both sides of ``index``."""
    return 0 < index < len(text) and _in_word(text[index - 1]) and _in_word(text[index])


def _in_word(char: str) -> bool:
    return char.isalnum() or unicodedata.category(char)[0] == "M"


def _folded(text: str) -> str:
    """Lower case, character for character: indexes stay what they are, and no letter depends on its neighbors."""
    return text.lower() if text.isascii() else "".join(map(_lower, text))


def _lower(char: str) -> str:
    lower = char.lower()
    return lower if len(lower) == 1 else char


def _alike(char: str) -> str:
    variants = _cases().get(_lower(char), char)
    if len(variants) == 1:
        return variants if variants.isalnum() else "\\" + variants if variants.isascii() else variants
    return f"[{variants}]"  # letters only: nothing in it means anything else


@cache
def _cases() -> dict[str, str]:
    """The characters that become one and the same in lower case, by it; where there are several."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for char in map(chr, range(sys.maxunicode + 1)):
        if (lower := _lower(char)) != char:
            alike[lower].append(char)
    return {lower: "".join([lower, *chars]) for lower, chars in alike.items()}


def count(texts: Sequence[str], pattern: Pattern) -> int:
    """How many places ``texts`` have."""
    return sum(len(places(text, pattern)) for text in texts if not pattern.match_case or pattern.find in text)
