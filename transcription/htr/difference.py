"""What differs between two texts, word by word, for people to look at."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text: ``kind`` is same, added or removed."""

    kind: str
    text: str


def difference(before: str, after: str) -> list[Piece]:
    """The words of ``after`` with what was removed from ``before``, in reading order."""
    old, new = before.split(), after.split()
    pieces: list[Piece] = []
    for tag, low, high, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", " ".join(new[first:last])))
            continue
        if high > low:
            pieces.append(Piece("removed", " ".join(old[low:high])))
        if last > first:
            pieces.append(Piece("added", " ".join(new[first:last])))
    return pieces
