"""Which words of a transcript a person typed on a line."""

from __future__ import annotations

from collections.abc import Container, Sequence

from rapidfuzz.distance import Levenshtein

from transcription.htr.text import normalised
from transcription.htr.transcript_alignment import Word

_LEAST_ALIKE = 0.85  # 1 - edits / length
_TELLING = 3  # words that stand for themselves, wherever their line goes on


def find_typed(text: str, words: Sequence[Word], barred: Container[int]) -> range | None:
    """The words (indices) that say ``text``, or nearly so, none of them ``barred``; the first of equals, or None.

    A part of a transcript's line counts where the rest of it is barred, that is, placed; otherwise only where it says
    ``text`` exactly in several words: “and” stands in many lines. Costs time in proportion to the words.
    """
    typed = [_folded(token) for token in text.split()]
    if not typed:
        return None
    folded = [_folded(word.text) for word in words]
    target, best, found = " ".join(typed), 0.0, None
    for size in (len(typed), len(typed) - 1, len(typed) + 1):
        for first in range(len(words) - size + 1 if size else 0):
            stretch = range(first, first + size)
            likeness = Levenshtein.normalized_similarity(
                target, " ".join(folded[first : first + size]), score_cutoff=_LEAST_ALIKE
            )
            if likeness <= best or any(k in barred for k in stretch):
                continue
            if _whole(words, stretch, barred) or (likeness == 1 and size >= _TELLING):
                best, found = likeness, stretch
    return found


def _whole(words: Sequence[Word], stretch: range, barred: Container[int]) -> bool:
    """Whether nothing is left over of the transcript's lines beside the stretch."""
    return not any(
        0 < k < len(words) and words[k - 1].line == words[k].line and beside not in barred
        for k, beside in ((stretch.start, stretch.start - 1), (stretch.stop, stretch.stop))
    )


def _folded(text: str) -> str:
    return normalised(text).casefold()
