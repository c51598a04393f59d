"""Error rates of transcriptions.

CER is edits ÷ reference length, both summed over the set before dividing (it may exceed 1); WER is the same on words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from transcription.htr.text import normalised, strict, words


def edit_counts(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Levenshtein distance, unit costs; works on strings and on lists of words."""
    return int(Levenshtein.distance(reference, hypothesis))


def cer(reference: str, hypothesis: str, fold: Callable[[str], str] = strict) -> float:
    """Character error rate of one text; 0 for two empty texts, 1 for text where none was expected."""
    folded = fold(reference)
    edits = edit_counts(folded, fold(hypothesis))
    return edits / len(folded) if folded else float(edits > 0)


@dataclass(frozen=True, slots=True)
class LineScore:
    """Edits and reference lengths of one line (or of one page, where lines cannot be told apart)."""

    document: str
    chars: int
    chars_normalised: int
    words: int
    words_normalised: int
    edits: int
    edits_normalised: int
    word_edits: int
    word_edits_normalised: int
    lines: int = 1


def score_line(document: str, reference: str, hypothesis: str) -> LineScore:
    """Count the edits of one line under both foldings."""
    strict_pair = strict(reference), strict(hypothesis)
    loose_pair = normalised(reference), normalised(hypothesis)
    return LineScore(
        document=document,
        chars=len(strict_pair[0]),
        chars_normalised=len(loose_pair[0]),
        words=len(words(strict_pair[0])),
        words_normalised=len(words(loose_pair[0])),
        edits=edit_counts(*strict_pair),
        edits_normalised=edit_counts(*loose_pair),
        word_edits=edit_counts(words(strict_pair[0]), words(strict_pair[1])),
        word_edits_normalised=edit_counts(words(loose_pair[0]), words(loose_pair[1])),
    )


# The rates of a report: its name, what is counted, and what it is divided by.
_RATES = (
    ("cer_strict", "edits", "chars"),
    ("cer_normalised", "edits_normalised", "chars_normalised"),
    ("wer_strict", "word_edits", "words"),
    ("wer_normalised", "word_edits_normalised", "words_normalised"),
)


def summarise(scores: Sequence[LineScore], *, draws: int = 1000, seed: int = 0) -> dict[str, float]:
    """Error rates of a set; ``<rate>_low`` and ``<rate>_high`` are 95 % bootstrap intervals drawn by document."""
    figures: dict[str, float] = {
        "lines": sum(score.lines for score in scores),
        "chars": sum(score.chars for score in scores),
    }
    for name, edits, length in _RATES:
        by_document: dict[str, list[int]] = {}
        for score in scores:
            pair = by_document.setdefault(score.document, [0, 0])
            pair[0] += getattr(score, edits)
            pair[1] += getattr(score, length)
        documents = np.array(list(by_document.values()), dtype=np.int64).reshape(-1, 2)
        total = documents.sum(axis=0)
        figures[name] = float(total[0] / max(1, total[1]))
        figures[f"{name}_low"], figures[f"{name}_high"] = bootstrap(documents, _rates, draws=draws, seed=seed)
    return figures


def _rates(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return sums[:, 0] / np.maximum(1, sums[:, 1])


def bootstrap(
    documents: NDArray[np.float64] | NDArray[np.int64],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile interval of a statistic of sums over documents drawn with replacement. Efron 1979.

    ``documents`` is (n, k), what each document adds; ``statistic`` makes (draws,) of the sums, (draws, k).
    """
    if not len(documents):
        return 0.0, 0.0
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(documents), (draws, len(documents)))
    low, high = np.percentile(statistic(documents[picks].sum(axis=1).astype(np.float64)), (2.5, 97.5))
    return float(low), float(high)
