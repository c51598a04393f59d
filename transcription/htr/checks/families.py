"""What engines of other families read on the same line: an invention or a translation resembles none of it."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

from transcription.htr.checks.folding import plain, shortened, without_accents, words_only

LEAST_LETTERS = 12  # of both texts: shorter ones are like and unlike by chance
# Chosen on the tune split: of its lines one in 500 has a true text that is less like what the starter read there
# without a language model; of texts of other lines of the same documents, as long, 93 in 100 are. Long texts are less
# often alike by chance, and never as unlike as short ones when both were read.
LIKE, LIKE_WHERE_LONG, LONG = 0.33, 0.36, 36


def unlike_others(text: str, others: Sequence[str]) -> str:
    """How like the nearest of ``others`` is, where none of them resembles ``text``; "" where one does, and where there
    is too little to tell."""
    folded = _folded(text)
    if len(folded) < LEAST_LETTERS:
        return ""
    told = [other for other in map(_folded, others) if len(other) >= LEAST_LETTERS]
    if not told:
        return ""
    nearest = max(Levenshtein.normalized_similarity(folded, other) for other in told)
    return f"{nearest:.0%}" if nearest < (LIKE_WHERE_LONG if len(folded) >= LONG else LIKE) else ""


def likeness(one: str, other: str) -> float:
    """From 0 to 1, as ``unlike_others`` measures it."""
    return float(Levenshtein.normalized_similarity(_folded(one), _folded(other)))


def _folded(text: str) -> str:
    return " ".join(words_only(without_accents(plain(shortened(text)))))
