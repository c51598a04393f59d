"""Which lines of an earlier layout are still there in a new one, so that text keeps hanging on its line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from transcription.htr.geometry import bounding_box
from transcription.htr.records import LineGeometry, Point

SAME = 0.5  # intersection over union from which two outlines are the same line
DERIVED = 0.5  # share of the smaller outline that lies in the other from which one line comes from the other
_SIDE = 200  # pixels of the raster on which outlines are compared


@dataclass(frozen=True, slots=True)
class LineMatch:
    """What a new line is: the old line ``same`` (its index), or one ``derived`` from old ones by split or merger."""

    same: int | None
    derived: tuple[int, ...]


def match_geometries(old: Sequence[LineGeometry], new: Sequence[LineGeometry]) -> list[LineMatch]:
    """One match for each new line; an old line is the same as at most one new one (the best; ties: the first)."""
    found = [
        (overlap, share, i, j)
        for i, after in enumerate(new)
        for j, before in enumerate(old)
        for overlap, share in [_overlap(after.polygon, before.polygon)]
        if share >= DERIVED
    ]
    same: dict[int, int] = {}
    for overlap, _, i, j in sorted(found, key=lambda each: (-each[0], each[2], each[3])):
        if overlap >= SAME and i not in same and j not in same.values():
            same[i] = j
    taken = set(same.values())
    return [
        LineMatch(same.get(i), tuple(sorted(j for _, _, k, j in found if k == i and j not in taken)))
        for i in range(len(new))
    ]


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
