"""Outlines of traced lines: as far above and below the baseline as the network says, kept off the neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcription.engines.segmenters.tracing import TracedLine

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PolygonOptions:
    """Chosen to match polygons that people drew and corrected."""

    rise: float = 1.1  # times what the network says
    fall: float = 1.1
    above: float = 0.95  # most, of the distance to the baseline above
    below: float = 0.65  # and to the one below
    side: float = 0.15  # of the rise, beyond both ends


def outline_lines(lines: Sequence[TracedLine], options: PolygonOptions) -> list[Points]:
    """One closed outline (N, 2) a line, first point not repeated, in the pixels of the lines."""
    stations = [_stations(line) for line in lines]
    return [_outline(line, stations[i], stations[:i] + stations[i + 1 :], options) for i, line in enumerate(lines)]


def _outline(line: TracedLine, points: Points, others: Sequence[Points], options: PolygonOptions) -> Points:
    step = np.gradient(points, axis=0)
    along = step / np.maximum(np.hypot(*step.T), 1e-6)[:, None]
    up = np.column_stack([along[:, 1], -along[:, 0]])  # y grows downwards
    above, below = _room(points, up, along, line, others)
    rise = np.minimum(options.rise * line.rise, np.maximum(options.above * above, 0.4 * line.rise))
    fall = np.minimum(options.fall * line.fall, np.maximum(options.below * below, 0.4 * line.fall))
    side = options.side * line.rise
    first, last = points[0] - side * along[0], points[-1] + side * along[-1]
    course = np.vstack([first, points, last])
    up = np.vstack([up[:1], up, up[-1:]])
    rise, fall = np.pad(rise, 1, "edge")[:, None], np.pad(fall, 1, "edge")[:, None]
    return np.vstack([course - up * fall, (course + up * rise)[::-1]])


def _stations(line: TracedLine) -> Points:
    """The baseline at steps of half its rise, ends kept."""
    points = line.baseline
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    count = max(3, int(length[-1] / max(2.0, line.rise / 2)) + 1)
    at = np.linspace(0, length[-1], count)
    return np.column_stack([np.interp(at, length, points[:, 0]), np.interp(at, length, points[:, 1])])


def _room(
    points: Points, up: Points, along: Points, line: TracedLine, others: Sequence[Points]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance from each station to the next baseline above and below, inf where there is none near."""
    above, below = np.full(len(points), np.inf), np.full(len(points), np.inf)
    reach = 3 * line.rise
    low, high = points.min(axis=0) - reach, points.max(axis=0) + reach
    for other in others:
        if (other.max(axis=0) < low).any() or (other.min(axis=0) > high).any():
            continue
        offset = other[None] - points[:, None]  # (stations, N, 2)
        beside = np.abs((offset * along[:, None]).sum(axis=2)) < line.rise
        height = (offset * up[:, None]).sum(axis=2)
        apart = np.abs(height) > 0.3 * line.rise  # nearer: a piece of the same line
        above = np.minimum(above, np.where(beside & apart & (height > 0), height, np.inf).min(axis=1))
        below = np.minimum(below, np.where(beside & apart & (height < 0), -height, np.inf).min(axis=1))
    return above, below
