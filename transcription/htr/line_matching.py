"""Which lines of an earlier layout are still there in a new one, so that text keeps hanging on its line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.htr.geometry import bounding_box
from transcription.htr.records import LineGeometry, Point

SAME = 0.5  # intersection over union from which two outlines are the same line
DERIVED = 0.5  # share of the smaller outline that lies in the other from which one line comes from the other
_SIDE = 200  # pixels of the raster on which outlines are compared
_LEAST_HEIGHT = 8  # pixels above a baseline that nobody drew an outline around


@dataclass(frozen=True, slots=True)
class Overlaps:
    """How much each new line, by row, shares with each old one, by column: intersection over union, and intersection
    over the smaller of the two, each in [0, 1]."""

    union: NDArray[np.float64]
    smaller: NDArray[np.float64]

    def same(self) -> dict[int, int]:
        """The old line that a new one is; each is used once, the best pairs first (ties: the first lines)."""
        pairs = sorted(zip(*np.nonzero(self.union >= SAME), strict=True), key=lambda at: (-self.union[at], *at))
        same: dict[int, int] = {}
        taken: set[int] = set()
        for new, old in pairs:
            if new not in same and old not in taken:
                same[int(new)] = int(old)
                taken.add(int(old))
        return same


def overlaps(old: Sequence[LineGeometry], new: Sequence[LineGeometry]) -> Overlaps:
    """Compare every pair of outlines; a line without an outline has a low one along its baseline."""
    before, after = [_outline(line) for line in old], [_outline(line) for line in new]
    union, smaller = np.zeros((len(new), len(old))), np.zeros((len(new), len(old)))
    for i, a in enumerate(after):
        for j, b in enumerate(before):
            if a and b:
                union[i, j], smaller[i, j] = _overlap(a, b)
    return Overlaps(union, smaller)


def _outline(line: LineGeometry) -> tuple[Point, ...]:
    if len(line.polygon) > 2 or not line.baseline:
        return line.polygon
    points = line.baseline + line.polygon
    return points + tuple((x, y - _LEAST_HEIGHT) for x, y in reversed(points))


def _overlap(a: Sequence[Point], b: Sequence[Point]) -> tuple[float, float]:
    """(intersection over union, intersection over the smaller) of two polygons, each in [0, 1]."""
    boxes = np.array([bounding_box(a), bounding_box(b)])
    if (boxes[:, :2].max(axis=0) >= boxes[:, 2:].min(axis=0)).any():
        return 0.0, 0.0
    corner, far = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    scale = _SIDE / np.maximum(far - corner, 1)  # each axis by itself: lines are wide and low
    masks = np.zeros((2, _SIDE + 1, _SIDE + 1), np.uint8)
    for mask, polygon in zip(masks, (a, b), strict=True):
        cv2.fillPoly(mask, [np.rint((np.array(polygon) - corner) * scale).astype(np.int32)], 1)
    both = float((masks[0] & masks[1]).sum())
    areas = masks.sum(axis=(1, 2), dtype=float)
    return both / max(1.0, areas.sum() - both), both / max(1.0, areas.min())
