"""The words by which one text differs from another."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from transcription.htr.text import words


def word_changes(before: str, after: str) -> Iterator[tuple[str, str]]:
    """Pairs of words, (before, after); "" stands for a word that is not there."""
    old, new = words(before), words(after)
    for tag, low, high, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for offset in range(max(high - low, last - first)):
            yield (
                old[low + offset] if low + offset < high else "",
                new[first + offset] if first + offset < last else "",
            )
