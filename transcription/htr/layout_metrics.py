"""How well found baselines match true ones: the cBAD measure, and the error in the number of lines.

Grüning, Labahn, Diem, Kleber, Fiel: READ-BAD, a new dataset and evaluation scheme for baseline detection in archival
documents, DAS 2018. The tolerance of a true line is a quarter of the distance to its nearest neighbour; points farther
away than the tolerance count partly, those beyond three times the tolerance not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcription.htr.geometry import Chain, length, resample
from transcription.htr.records import Point

Baseline = Sequence[Point]

_STEP = 5.0  # pixels between the points compared
_SHARE = 0.25  # of the line spacing
_MOST_TOLERANCE = 62.5  # pixels: a quarter of the 250 that the paper allows as a spacing


@dataclass(frozen=True, slots=True)
class LayoutScore:
    """Shares in [0, 1]. ``line_error`` is |found - true| ÷ max(true, 1)."""

    precision: float
    recall: float
    found: int
    true: int

    @property
    def f1(self) -> float:
        together = self.precision + self.recall
        return 2 * self.precision * self.recall / together if together else 0.0

    @property
    def line_error(self) -> float:
        return abs(self.found - self.true) / max(self.true, 1)


def score_baselines(found: Sequence[Baseline], true: Sequence[Baseline]) -> LayoutScore:
    """Precision and recall of one page; both are 1 where there is nothing to find and nothing was found.

    Recall forgives a line found in pieces; precision pairs each found line with one true line at most, greedily, and so
    punishes pieces and inventions. Baselines of fewer than two points are ignored.
    """
    found = [line for line in found if len(line) > 1]
    true = [line for line in true if len(line) > 1]
    if not found or not true:
        empty = float(not found and not true)
        return LayoutScore(precision=empty, recall=empty, found=len(found), true=len(true))
    found_points = [resample(line, _STEP) for line in found]
    true_points = [resample(line, _STEP) for line in true]
    tolerances = line_tolerances(true)

    recall = 0.0
    pairs = np.zeros((len(found), len(true)))
    for j, (points, tolerance) in enumerate(zip(true_points, tolerances, strict=True)):
        nearest = np.full(len(points), np.inf)
        for i, other in enumerate(found_points):
            if not _near(points, other, 3 * tolerance):
                continue
            distance = _distances(points, other)
            nearest = np.minimum(nearest, distance.min(axis=1))
            pairs[i, j] = _coverage(distance.min(axis=0), tolerance)
        recall += _coverage(nearest, tolerance)
    return LayoutScore(
        precision=_greedy_total(pairs) / len(found), recall=recall / len(true), found=len(found), true=len(true)
    )


def line_tolerances(baselines: Sequence[Baseline]) -> list[float]:
    """A quarter of each line's spacing, in pixels: the median vertical distance to the nearest line above or below it.

    A line without such a neighbour takes the page's median; a page of single lines, a fortieth of its longest line.
    """
    chains = [resample(line, _STEP) for line in baselines]
    spacings = [_spacing(points, chains, own) for own, points in enumerate(chains)]
    known = [spacing for spacing in spacings if np.isfinite(spacing)]
    usual = float(np.median(known)) if known else max(length(line) for line in baselines) / 10
    return [
        float(np.clip(_SHARE * (spacing if np.isfinite(spacing) else usual), 1.0, _MOST_TOLERANCE))
        for spacing in spacings
    ]


def _spacing(points: Chain, chains: Sequence[Chain], own: int) -> float:
    """Median over the points of the vertical distance to the nearest other line there; inf without neighbours."""
    nearest = np.full(len(points), np.inf)
    for index, other in enumerate(chains):
        if index == own or len(other) < 2:
            continue
        order = np.argsort(other[:, 0], kind="stable")
        xs, ys = other[order].T
        height = np.abs(np.interp(points[:, 0], xs, ys) - points[:, 1])
        height[(points[:, 0] < xs[0]) | (points[:, 0] > xs[-1])] = np.inf
        nearest = np.minimum(nearest, height)
    covered = nearest[np.isfinite(nearest)]
    return float(np.median(covered)) if len(covered) else float("inf")


def _near(first: Chain, second: Chain, reach: float) -> bool:
    """Whether the bounding boxes come within ``reach``: most pairs of a page do not, and need no distances."""
    gap = np.maximum(first.min(axis=0) - second.max(axis=0), second.min(axis=0) - first.max(axis=0))
    return bool((gap <= reach).all())


def _distances(first: Chain, second: Chain) -> NDArray[np.float64]:
    """Euclidean, (len(first), len(second))."""
    return np.hypot(first[:, None, 0] - second[None, :, 0], first[:, None, 1] - second[None, :, 1])


def _coverage(distance: NDArray[np.float64], tolerance: float) -> float:
    """Share of the points within the tolerance, falling linearly to none at three times the tolerance."""
    return float(np.clip((3 * tolerance - distance) / (2 * tolerance), 0.0, 1.0).mean())


def _greedy_total(pairs: NDArray[np.float64]) -> float:
    """Sum of the best remaining pair, again and again; each row and each column is used once."""
    rows: set[int] = set()
    columns: set[int] = set()
    total = 0.0
    for flat in np.argsort(-pairs, axis=None, kind="stable"):
        i, j = divmod(int(flat), pairs.shape[1])
        if pairs[i, j] <= 0:
            break
        if i not in rows and j not in columns:
            rows.add(i)
            columns.add(j)
            total += float(pairs[i, j])
    return total
