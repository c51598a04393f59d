"""Where a two-page spread parts: a corridor without lines and the shadow of the fold in it. numpy and OpenCV only."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.htr.records import Gray, LineGeometry

Floats = NDArray[np.float64]

_LEAST_ASPECT = 1.12  # width over height: an opened volume is wider than high
_MIDDLE = (0.36, 0.64)  # of the width: where the fold may lie
_CROSSING = 0.03  # of the width: a line that reaches farther than this to both sides of the fold crosses it
_SIDE_LINES = 3  # at least, on each side, where there is no clear fold
_FAINT, _CLEAR = 2.5, 9.0  # grey levels by which the fold is darker than the paper on both of its sides
_BOTH = 1.25  # width over height from which lines on both sides and a free corridor are enough


def find_gutter(image: Gray, lines: Sequence[LineGeometry]) -> int | None:
    """The x, in pixels of the image, at which two pages part; None for a single page.

    Lines must leave a corridor in the middle. Where both sides bear lines, a faint fold in it or the shape of the sheet
    is enough; where one side is blank the fold must be plain to see.
    """
    height, width = image.shape
    if width < _LEAST_ASPECT * height:
        return None
    small_width = 400
    small = cv2.resize(image, (small_width, max(8, round(height * small_width / width))), interpolation=cv2.INTER_AREA)
    free = _uncrossed(lines, width, small_width)
    depth = _fold_depth(small)
    candidates = np.flatnonzero(free)
    if not len(candidates):
        return None
    sides = _lines_beside(lines, width, small_width)
    both = sides[candidates] >= _SIDE_LINES
    if both.any():
        inside = candidates[both]
        best = inside[int(np.argmax(depth[inside]))]
        if depth[best] < _FAINT:
            if width < _BOTH * height:
                return None
            best = int(np.median(_longest_run(inside)))
    else:
        best = candidates[int(np.argmax(depth[candidates]))]
        if depth[best] < _CLEAR:
            return None
    at: int = round((float(best) + 0.5) * width / small_width)
    return at


def _uncrossed(lines: Sequence[LineGeometry], width: int, columns: int) -> NDArray[np.bool_]:
    """Columns in the middle that hardly any line crosses."""
    crossing = np.zeros(columns)
    for line in lines:
        xs = [x for x, _ in line.baseline]
        low, high = min(xs) + _CROSSING * width, max(xs) - _CROSSING * width
        if high > low:
            crossing[int(low * columns / width) : int(np.ceil(high * columns / width))] += 1
    middle = np.zeros(columns, bool)
    middle[round(_MIDDLE[0] * columns) : round(_MIDDLE[1] * columns)] = True
    free: NDArray[np.bool_] = middle & (crossing <= 0.03 * max(1, len(lines)))
    return free


def _lines_beside(lines: Sequence[LineGeometry], width: int, columns: int) -> Floats:
    """For each column the number of lines on the side that has fewer."""
    centres = np.array([(line.baseline[0][0] + line.baseline[-1][0]) / 2 * columns / width for line in lines])
    at = np.arange(columns)
    left = (centres[None, :] < at[:, None]).sum(axis=1).astype(np.float64)
    fewer: Floats = np.minimum(left, len(lines) - left)
    return fewer


def _fold_depth(small: NDArray[np.generic]) -> Floats:
    """How much darker each column is than the paper on both sides of it, in grey levels.

    The lower quartile of the rows speaks for a column: a fold runs from top to bottom, writing does not.
    """
    rows, columns = small.shape
    inner = small[round(0.12 * rows) : max(round(0.88 * rows), round(0.12 * rows) + 1)].astype(np.float64)
    profile = np.percentile(inner, 65, axis=0)
    reach = columns // 12
    padded = np.pad(profile, reach, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach)
    left = np.percentile(windows[:columns], 70, axis=1)
    right = np.percentile(windows[reach + 1 : reach + 1 + columns], 70, axis=1)
    return np.asarray(np.minimum(left, right) - profile, np.float64)


def _longest_run(columns: NDArray[np.intp]) -> NDArray[np.intp]:
    runs = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
    return max(runs, key=len)
