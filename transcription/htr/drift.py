"""Whether pages have come to look unlike those that a promise rests on: two-sample tests, block after block.

Each block of pages is compared with the reference, feature by feature, by Kolmogorov and Smirnov's test. How often all
tests of all blocks together cry wolf is bounded: the k-th block is tested at the share 6/(π²k²) of the level, which add
up to 1, and each feature at its part of that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


def drifted(
    reference: Mapping[str, Sequence[float]], block: Mapping[str, Sequence[float]], *, number: int, level: float = 0.01
) -> str | None:
    """The feature by which the ``number``-th block (1-based) differs most from ``reference``; None where none does.

    Over all blocks a false alarm has a probability of at most ``level``. Features that only one of them has are left
    out, as are those with fewer than 20 values on either side.
    """
    values = {name: (reference[name], block[name]) for name in sorted(reference) if name in block}
    compared = {name: ks_p_value(*pair) for name, pair in values.items() if min(map(len, pair)) >= 20}
    if not compared:
        return None
    allowed = level * 6 / (math.pi**2 * number**2) / len(compared)
    name = min(compared, key=lambda each: compared[each])
    return name if compared[name] < allowed else None


def ks_p_value(first: Sequence[float], second: Sequence[float]) -> float:
    """P-value of the two-sample test of Kolmogorov and Smirnov; ties make it larger, never smaller.

    Stephens, JRSS B 1970, for the correction of the asymptotic distribution.
    """
    a: NDArray[np.float64] = np.sort(np.asarray(first, np.float64))
    b: NDArray[np.float64] = np.sort(np.asarray(second, np.float64))
    every = np.concatenate([a, b])
    below_a = np.searchsorted(a, every, side="right") / len(a)
    below_b = np.searchsorted(b, every, side="right") / len(b)
    distance = float(np.abs(below_a - below_b).max())
    root = math.sqrt(len(a) * len(b) / (len(a) + len(b)))
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.2:
        return 1.0
    terms = [2 * (-1) ** (j - 1) * math.exp(-2 * (j * scaled) ** 2) for j in range(1, 101)]
    return min(1.0, max(0.0, math.fsum(terms)))
