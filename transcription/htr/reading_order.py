"""In which order a page's lines are read: columns from left to right, each from top to bottom.

Breuel, High performance document layout analysis, SDIUT 2003: a line comes before another one that lies below it in
the same column, and before one that lies wholly to its right unless some line between the two spans both columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transcription.htr.records import LineGeometry

_OVERLAP = 0.1  # of the narrower line: what counts as standing in one column
_MOST_LINES = 800  # the comparison is cubic in memory and time


def reading_order(lines: Sequence[LineGeometry]) -> list[int]:
    """Indexes into ``lines`` in reading order; every index once, whatever the geometry.

    Lines without a baseline come last. Pages of more than 800 lines are read from top to bottom.
    """
    drawn = [i for i, line in enumerate(lines) if line.baseline]
    empty = [i for i, line in enumerate(lines) if not line.baseline]
    if not drawn:
        return empty
    boxes = np.array([_extent(lines[i]) for i in drawn])  # (n, 3): left, right, height on the page
    if len(drawn) > _MOST_LINES:
        order = [int(i) for i in np.lexsort((boxes[:, 0], boxes[:, 2]))]
    else:
        order = _topological(_precedes(boxes), boxes)
    return [drawn[i] for i in order] + empty


def _extent(line: LineGeometry) -> tuple[float, float, float]:
    xs = [x for x, _ in line.baseline]
    return float(min(xs)), float(max(xs)), float(np.median([y for _, y in line.baseline]))


def _precedes(boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n, n): whether i must be read before j."""
    left, right, middle = boxes.T
    shared = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    narrower = np.minimum(right - left, (right - left)[:, None])
    same_column = shared > _OVERLAP * np.maximum(narrower, 1)
    np.fill_diagonal(same_column, False)
    above = middle[:, None] < middle
    beside = ~same_column & ((left + right)[:, None] < left + right)
    np.fill_diagonal(beside, False)
    upper = np.minimum(middle[:, None], middle)
    lower = np.maximum(middle[:, None], middle)
    bridged = np.zeros_like(beside)
    for c in range(len(boxes)):
        spans = same_column[c][:, None] & same_column[c][None, :]
        bridged |= spans & (upper < middle[c]) & (middle[c] < lower)
    before: NDArray[np.bool_] = (same_column & above) | (beside & ~bridged)
    # two columns that a heading bridges: what stands above it is read first, on whichever side
    before |= ~same_column & bridged & above
    return before


def _topological(before: NDArray[np.bool_], boxes: NDArray[np.float64]) -> list[int]:
    """Lines with nothing unread before them first, the upper left of these first; a cycle is broken at its top line."""
    waiting = before.sum(axis=0).astype(np.int64)
    unread = np.ones(len(boxes), dtype=bool)
    order: list[int] = []
    while unread.any():
        free = unread & (waiting == 0)
        candidates = np.flatnonzero(free if free.any() else unread)
        chosen = int(min(candidates, key=lambda i: (boxes[i, 2], boxes[i, 0])))
        order.append(chosen)
        unread[chosen] = False
        waiting -= before[chosen]
    return order
