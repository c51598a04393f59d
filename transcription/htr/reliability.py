"""How far confidences can be believed: is what is 90 % sure right nine times in ten, and does doubt find errors?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 10  # of a diagram; the error itself is summed over more
DOUBTFUL_SHARE = 0.2  # of all words: what a reviewer who starts with the most doubtful ones gets through


@dataclass(frozen=True, slots=True)
class Bin:
    """Claims with a confidence in [low, high); the last bin includes 1. ``predicted`` is their mean confidence,
    ``observed`` the share that came true, which truly lies in [lowest, highest] (95 %, Wilson). All are NaN for n = 0.
    """

    low: float
    high: float
    n: int
    predicted: float
    observed: float
    lowest: float
    highest: float


def reliability(confidence: ArrayLike, right: ArrayLike, bins: int = BINS) -> list[Bin]:
    """Predicted against observed, over ``bins`` of equal width. Intervals take words as drawn one by one; words of a
    line are alike, so that they are rather too narrow than too wide."""
    p, labels = _pair(confidence, right)
    which = np.minimum((p * bins).astype(int), bins - 1)
    counts = np.bincount(which, minlength=bins)
    predicted = np.bincount(which, weights=p, minlength=bins)
    observed = np.bincount(which, weights=labels, minlength=bins)
    return [
        Bin(
            k / bins,
            (k + 1) / bins,
            int(n),
            float(predicted[k] / n) if n else math.nan,
            float(observed[k] / n) if n else math.nan,
            *wilson(float(observed[k]), int(n)),
        )
        for k, n in enumerate(counts.tolist())
    ]


def wilson(count: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Where a share of which ``count`` of ``n`` were seen truly lies, at 95 %; NaN for n = 0. Wilson, JASA 1927."""
    if not n:
        return math.nan, math.nan
    share = count / n
    middle = share + z * z / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    whole = 1 + z * z / n
    return max(0.0, (middle - reach) / whole), min(1.0, (middle + reach) / whole)


def expected_calibration_error(confidence: ArrayLike, right: ArrayLike, bins: int = 15) -> float:
    """Mean gap between confidence and share right over equal-width bins, weighted by words. Naeini et al., AAAI 2015.

    0 for no words.
    """
    p, labels = _pair(confidence, right)
    if not len(p):
        return 0.0
    which = np.minimum((p * bins).astype(int), bins - 1)
    gaps = np.bincount(which, weights=p - labels, minlength=bins)  # Σ (p - right) in each bin
    return float(np.abs(gaps).sum() / len(p))


def auroc(scores: ArrayLike, wrong: ArrayLike) -> float:
    """How well low scores find wrong words: P(a wrong word scores below a right one), ties count half.

    1 is perfect, 0.5 chance; NaN where all words are right or all wrong, as nothing can be told.
    """
    values = np.asarray(scores, np.float64)
    bad = np.asarray(wrong, bool)
    wrongs, rights = int(bad.sum()), int((~bad).sum())
    if not wrongs or not rights:
        return math.nan
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[where]  # 1-based, ties share their mean rank
    below = ranks[~bad].sum() - rights * (rights + 1) / 2  # Mann-Whitney U of the right words
    return float(below / (wrongs * rights))


def errors_found(scores: ArrayLike, wrong: ArrayLike, share: float = DOUBTFUL_SHARE) -> float:
    """Wrong words among the ``share`` lowest scores, as part of the most that any ranking could put there.

    Ties at the edge count as drawn at random. NaN where nothing is wrong or nothing is looked at.
    """
    values = np.asarray(scores, np.float64)
    bad = np.asarray(wrong, bool)
    room = int(share * len(values))
    most = min(room, int(bad.sum()))
    if not most:
        return math.nan
    edge = np.sort(values)[room - 1]
    below, at = values < edge, values == edge
    found = bad[below].sum() + bad[at].mean() * (room - below.sum())
    return float(found / most)


def log_losses(confidence: ArrayLike, right: ArrayLike) -> NDArray[np.float64]:
    """-ln of the probability that was given to what came true, (N,); confidence is held off 0 and 1 by 1e-6."""
    p, labels = _pair(confidence, right)
    given = np.where(labels > 0, p, 1.0 - p)
    losses: NDArray[np.float64] = -np.log(np.clip(given, 1e-6, 1.0))
    return losses


def _pair(confidence: ArrayLike, right: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.asarray(confidence, np.float64).reshape(-1), np.asarray(right, np.float64).reshape(-1)
