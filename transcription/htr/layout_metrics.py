"""How well found baselines match true ones: the cBAD measure, the error in the number of lines, the order of lines.

Grüning, Labahn, Diem, Kleber, Fiel: READ-BAD, a new dataset and evaluation scheme for baseline detection in archival
documents, DAS 2018, and the tool published with it (Transkribus). The tolerance of a true line is a quarter of the
distance to its nearest neighbour; points farther away than the tolerance count partly, those beyond three times the
tolerance not at all. The tool adds up horizontal and vertical distance where this takes the straight one.

Order: Quirós and Vidal, Reading order detection on handwritten documents, Neural Computing and Applications 2022
(Kendall's distance); Critchlow, Metric methods for analyzing partially ranked data, 1985 (Ulam's).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcription.htr.geometry import Chain, angle, resample
from transcription.htr.records import Point

Baseline = Sequence[Point]

_STEP = 5.0  # pixels between the points compared
_SHARE = 0.25  # of the line spacing
_MOST_SPACING = 250.0  # pixels
_BESIDE = 2 * _STEP  # pixels along a line within which another one's points lie above or below a point
_MATCHED = 0.5  # least coverage at which a found line is taken for a true one, where their order is compared


@dataclass(frozen=True, slots=True)
class LayoutScore:
    """Shares in [0, 1]. ``line_error`` is |found - true| ÷ max(true, 1). ``matches`` are the (found, true) lines taken
    for the same, by their places among those with a baseline, in the order found."""

    precision: float
    recall: float
    found: int
    true: int
    matches: tuple[tuple[int, int], ...] = ()

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
    matched = _greedy_pairs(pairs)
    return LayoutScore(
        precision=sum(float(pairs[pair]) for pair in matched) / len(found),
        recall=recall / len(true),
        found=len(found),
        true=len(true),
        matches=tuple(sorted(pair for pair in matched if pairs[pair] >= _MATCHED)),
    )


@dataclass(frozen=True, slots=True)
class OrderScore:
    """How far one order of ``lines`` lines is from another, in [0, 1]: ``kendall`` is the share of pairs that stand the
    wrong way round, ``moves`` the share of lines that must be moved to make the orders one (Ulam's edit distance)."""

    kendall: float
    moves: float
    lines: int


def score_order(matches: Sequence[tuple[int, int]]) -> OrderScore:
    """Compare the orders of the lines matched on both sides, (found, true); no line or one is in order."""
    true = [j for _, j in sorted(matches)]
    count = len(true)
    if count < 2:
        return OrderScore(0.0, 0.0, count)
    places = np.array(true)
    wrong = int(np.triu(places[:, None] > places[None, :], 1).sum())
    longest: list[int] = []  # the least last place of a rising run of each length
    for place in true:
        at = bisect_left(longest, place)
        longest[at : at + 1] = [place]
    return OrderScore(2 * wrong / (count * (count - 1)), (count - len(longest)) / count, count)


def line_tolerances(baselines: Sequence[Baseline]) -> list[float]:
    """A quarter of each line's spacing, in pixels: its least distance to a line above or below it, at right angles to
    its own direction, 250 at most, and no more than the page's mean, which lines without a neighbour take."""
    chains = [resample(line, _STEP) for line in baselines]
    spacings = [_spacing(chains, own) for own in range(len(chains))]
    known = [spacing for spacing in spacings if 0 < spacing < _MOST_SPACING]
    usual = float(np.mean(known)) if known else _MOST_SPACING
    return [max(1.0, _SHARE * min(spacing or usual, usual)) for spacing in spacings]


def _spacing(chains: Sequence[Chain], own: int) -> float:
    """The least distance to another line that lies above or below some of its points; at most 250."""
    points = chains[own]
    turn = angle(points)
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    nearest = _MOST_SPACING
    for index, other in enumerate(chains):
        if index == own or not _near(points, other, nearest + _BESIDE):
            continue
        ends, others = points[[0, -1]] @ along, other[[0, -1]] @ along
        if max(others) < min(ends) or max(ends) < min(others):
            continue
        beside = np.abs((points @ along)[:, None] - (other @ along)[None, :]) <= _BESIDE
        off = np.abs((points @ across)[:, None] - (other @ across)[None, :])
        nearest = float(np.where(beside, off, nearest).min(initial=nearest))
    return nearest


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


def _greedy_pairs(pairs: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The best remaining pair, again and again; each row and each column is used once."""
    rows: set[int] = set()
    columns: set[int] = set()
    chosen: list[tuple[int, int]] = []
    for flat in np.argsort(-pairs, axis=None, kind="stable"):
        i, j = divmod(int(flat), pairs.shape[1])
        if pairs[i, j] <= 0:
            break
        if i not in rows and j not in columns:
            rows.add(i)
            columns.add(j)
            chosen.append((i, j))
    return chosen
