"""Stored text taken apart at its inline marks, for formats that have ways of their own to say them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from transcription.htr.text import ILLEGIBLE, UNCLEAR

_MARK = re.compile(r"[⟦⟧⸢⸣]|\[\?\]|\[…\]")
_OPENS = {"⟦": "⟧", "⸢": "⸣"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text that one set of marks holds for. A ``gap`` is what nobody can read; it has no text."""

    text: str
    struck: bool = False
    inserted: bool = False
    unclear: bool = False
    gap: bool = False


def pieces(text: str) -> list[Piece]:
    """The text in pieces, in order. Marks that find no partner, and a ``[?]`` behind nothing, are text like any other.

    Pairs may cross: what is struck and inserted is both. Joined, the pieces give the text without its marks.
    """
    if not _MARK.search(text):
        return [Piece(text)] if text else []
    found: list[Piece] = []  # one for each character, so that a mark behind a word can still change it
    struck = inserted = False
    partners = _partners(text)
    at = 0
    while at < len(text):
        mark = _MARK.match(text, at)
        sign = mark.group() if mark else text[at]
        if sign == ILLEGIBLE:
            found.append(Piece("", struck, inserted, gap=True))
        elif sign in "⟦⟧" and at in partners:
            struck = sign == "⟦"
        elif sign in "⸢⸣" and at in partners:
            inserted = sign == "⸢"
        elif sign != UNCLEAR or not _doubt(found):
            found += [Piece(char, struck, inserted) for char in sign]
        at += len(sign)
    return [_joined(list(alike)) for _, alike in groupby(found, lambda piece: replace(piece, text=""))]


def _partners(text: str) -> set[int]:
    """Where the marks stand that come in pairs; a second opening one within a pair is text."""
    paired: set[int] = set()
    for opening, closing in _OPENS.items():
        opened: int | None = None
        for match in re.finditer(f"[{opening}{closing}]", text):
            if match.group() == opening:
                opened = match.start() if opened is None else opened
            elif opened is not None:
                paired |= {opened, match.start()}
                opened = None
    return paired


def _doubt(found: list[Piece]) -> bool:
    """Mark the word at the end of ``found`` as unclear; False where no word ends there."""
    start = len(found)
    while start and found[start - 1].text and not found[start - 1].text.isspace() and not found[start - 1].unclear:
        start -= 1
    found[start:] = [replace(piece, unclear=True) for piece in found[start:]]
    return start < len(found)


def _joined(alike: Sequence[Piece]) -> Piece:
    return replace(alike[0], text="".join(piece.text for piece in alike))


def without_marks(text: str) -> str:
    """What is left when the marks are told in another way."""
    return "".join(piece.text for piece in pieces(text))


def pieces_of_words(words: Sequence[str]) -> list[list[Piece]]:
    """The pieces of each word of a line: a mark that opens in one word holds in those that follow. Words without a
    letter outside of marks have no pieces."""
    if not any(_MARK.search(word) for word in words):
        return [[Piece(word)] if word else [] for word in words]
    found: list[list[Piece]] = [[]]
    for piece in pieces("\n".join(word.replace("\n", " ") for word in words)):
        first, *rest = piece.text.split("\n")
        for number, text in enumerate([first, *rest]):
            if number:
                found.append([])
            if text or piece.gap:
                found[-1].append(replace(piece, text=text))
    return found
