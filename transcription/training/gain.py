"""What voting gains over the best single pass, with intervals from pairs: both read the same lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcription.htr.metrics import LineScore, bootstrap

Scores = Mapping[str, Sequence[LineScore]]  # by set

DRAWS = 1000


def gain_over_best(voted: Scores, singles: Mapping[str, Scores]) -> dict[str, Any]:
    """``{"over": pass, "sets": {name: figures}, "mean": figures}``: by which share normalised CER falls from the pass
    that is best on the mean over sets to the vote, with 95 % percentile intervals.

    The best pass is found on the very lines it is judged by, which flatters it. Documents are drawn with replacement
    (within each set for the mean), the same ones for both. Efron 1979. Raises ValueError without a pass.
    """
    best = min(sorted(singles), key=lambda name: mean_cer(singles[name]))
    paired = {name: _paired(voted[name], singles[best][name]) for name in sorted(voted)}
    sets = {}
    for name, documents in paired.items():
        low, high = bootstrap(documents, _gain, draws=DRAWS)
        sets[name] = {"gain": float(_gain(documents.sum(axis=0, keepdims=True))[0]), "gain_low": low, "gain_high": high}
    rates = np.mean([_rates(documents.sum(axis=0, keepdims=True)) for documents in paired.values()], axis=0)
    rng = np.random.default_rng(0)
    drawn = np.mean([_rates(_drawn(documents, rng)) for documents in paired.values()], axis=0)
    low, high = np.percentile(_fall(drawn), (2.5, 97.5))
    mean = {"gain": float(_fall(rates)[0]), "gain_low": float(low), "gain_high": float(high)}
    return {"over": best, "sets": sets, "mean": mean}


def mean_cer(scores: Scores) -> float:
    """Normalised CER, mean over sets."""
    rates = [
        sum(line.edits_normalised for line in lines) / max(1, sum(line.chars_normalised for line in lines))
        for lines in scores.values()
    ]
    return sum(rates) / max(1, len(rates))


def _paired(voted: Sequence[LineScore], single: Sequence[LineScore]) -> NDArray[np.int64]:
    """By document (N, 3): edits of the vote, of the single pass, and characters."""
    sums: dict[str, list[int]] = {}
    for one, other in zip(voted, single, strict=True):
        row = sums.setdefault(one.document, [0, 0, 0])
        row[0] += one.edits_normalised
        row[1] += other.edits_normalised
        row[2] += one.chars_normalised
    return np.array(list(sums.values()), dtype=np.int64).reshape(-1, 3)


def _drawn(documents: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    picks = rng.integers(0, len(documents), (DRAWS, len(documents)))
    drawn: NDArray[np.int64] = documents[picks].sum(axis=1)
    return drawn


def _rates(sums: NDArray[np.int64]) -> NDArray[np.float64]:
    """Error rates (N, 2) of vote and single pass."""
    rates: NDArray[np.float64] = sums[:, :2] / np.maximum(1, sums[:, 2:])
    return rates


def _fall(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) by which share the first falls below the second; 0 where there is nothing to gain."""
    fall: NDArray[np.float64] = np.where(rates[:, 1] > 0, 1 - rates[:, 0] / np.maximum(rates[:, 1], 1e-12), 0.0)
    return fall


def _gain(sums: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.float64]:
    return _fall(_rates(sums.astype(np.int64)))
