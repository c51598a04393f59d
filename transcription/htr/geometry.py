"""Baselines and polygons as numbers: measuring, resampling, growing and clipping them.

Points are (x, y) pixels. Functions that return points for a record round to integers; a chain that would lose its shape
(fewer than two baseline points, fewer than three polygon points) is returned empty rather than degenerate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.htr.records import LayoutRecord, LineGeometry, Point

Chain = NDArray[np.float64]  # (N, 2), x and y


def chain(points: Sequence[Point] | Sequence[Sequence[float]]) -> Chain:
    """The points as float64 (N, 2); (0, 2) when there are none."""
    return np.asarray(points, dtype=np.float64).reshape(-1, 2)


def to_points(points: Chain) -> tuple[Point, ...]:
    """Rounded to whole pixels, consecutive repetitions dropped."""
    rounded = [(int(x), int(y)) for x, y in np.rint(points)]
    return tuple(p for i, p in enumerate(rounded) if i == 0 or p != rounded[i - 1])


def area(polygon: Sequence[Point]) -> float:
    """Square pixels enclosed, by the shoelace formula; 0 for fewer than three points."""
    if len(polygon) < 3:
        return 0.0
    x, y = chain((*polygon, polygon[0])).T
    return float(abs(np.dot(x[:-1], y[1:]) - np.dot(y[:-1], x[1:])) / 2)


def bounding_box(points: Sequence[Point]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom), all inclusive; raises ValueError for no points."""
    if not points:
        raise ValueError("no points to bound")
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def length(baseline: Sequence[Point]) -> float:
    """Length of an open polyline in pixels."""
    return float(np.hypot(*np.diff(chain(baseline), axis=0).T).sum()) if len(baseline) > 1 else 0.0


def resample(baseline: Sequence[Point] | Chain, step: float) -> Chain:
    """Points at most ``step`` pixels apart along the polyline, both ends kept. A single point stays one."""
    points = chain(baseline)  # type: ignore[arg-type]
    if len(points) < 2:
        return points
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    if along[-1] == 0:
        return points[:1]
    stations = np.linspace(0, along[-1], int(np.ceil(along[-1] / step)) + 1)
    return np.column_stack([np.interp(stations, along, points[:, 0]), np.interp(stations, along, points[:, 1])])


def angle(baseline: Sequence[Point] | Chain) -> float:
    """Direction of the least-squares fit, in radians, positive when the line falls to the right (y grows downwards).

    Lines nearer to the horizontal lie in [-pi/4, pi/4] whichever way they were drawn; steeper ones follow the way from
    their first to their last point, because there the order is the only thing that tells the top of the writing.
    """
    points = chain(baseline)  # type: ignore[arg-type]
    if len(points) < 2:
        return 0.0
    x, y = (points - points.mean(axis=0)).T
    if np.ptp(x) >= np.ptp(y):
        spread = float(np.dot(x, x))
        return float(np.arctan(np.dot(x, y) / spread)) if spread else 0.0
    lean = float(np.arctan(np.dot(x, y) / float(np.dot(y, y))))
    return float(np.pi / 2 - lean) if y[-1] >= y[0] else float(-np.pi / 2 - lean)


def simplify(points: Sequence[Point] | Chain, *, most: int, closed: bool, tolerance: float = 1.0) -> tuple[Point, ...]:
    """At most ``most`` points, by Douglas and Peucker with the smallest tolerance (pixels, doubling) that suffices."""
    curve = chain(points).astype(np.float32).reshape(-1, 1, 2)  # type: ignore[arg-type]
    kept: NDArray[Any] = curve
    while len(curve):
        kept = cv2.approxPolyDP(curve, tolerance, closed)
        if len(kept) <= max(most, 4 if closed else 2):
            break
        tolerance *= 1.4
    return to_points(kept.reshape(-1, 2).astype(np.float64))


def dilate(polygon: Sequence[Point], margin: int) -> tuple[Point, ...]:
    """The polygon grown outwards by ``margin`` pixels with round corners; unchanged when it has no area."""
    if margin <= 0 or area(polygon) == 0:
        return tuple(polygon)
    left, top, right, bottom = bounding_box(polygon)
    canvas = np.zeros((bottom - top + 2 * margin + 3, right - left + 2 * margin + 3), np.uint8)
    shifted = chain(polygon).astype(np.int32) - (left - margin - 1, top - margin - 1)
    cv2.fillPoly(canvas, [shifted.astype(np.int32)], 255)
    grown = cv2.dilate(canvas, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1)))
    outlines, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(outlines, key=cv2.contourArea).reshape(-1, 2)
    return tuple((int(x) + left - margin - 1, int(y) + top - margin - 1) for x, y in outline)


def clip_to_page(points: Sequence[Point], size: tuple[int, int]) -> tuple[Point, ...]:
    """Every point moved to the nearest pixel of a page of ``size`` (width, height)."""
    width, height = size
    moved = np.clip(chain(points), 0, (max(width - 1, 0), max(height - 1, 0)))
    return to_points(moved)


def scale(geometry: LineGeometry, factor_x: float, factor_y: float) -> LineGeometry:
    """The line in an image whose sides are multiplied by the factors."""
    factors = (factor_x, factor_y)
    return LineGeometry(
        baseline=to_points(chain(geometry.baseline) * factors),
        polygon=to_points(chain(geometry.polygon) * factors),
        region=geometry.region,
        production=geometry.production,
    )


def scale_layout(record: LayoutRecord, size: tuple[int, int]) -> LayoutRecord:
    """What was found on a smaller copy of a page, in the pixels of the page of ``size`` (width, height)."""
    if record.size == size or 0 in record.size:
        return replace(record, size=size)
    across, down = size[0] / record.size[0], size[1] / record.size[1]
    regions = tuple(
        replace(region, polygon=clip_to_page(to_points(chain(region.polygon) * (across, down)), size))
        for region in record.regions
    )
    lines = []
    for line in record.lines:
        large = scale(line, across, down)
        baseline, polygon = clip_to_page(large.baseline, size), clip_to_page(large.polygon, size)
        lines.append(replace(large, baseline=baseline, polygon=polygon))
    gutter = None if record.gutter is None else round(record.gutter * across)
    return replace(record, lines=tuple(lines), size=size, regions=regions, gutter=gutter)


def turn_points(points: Sequence[Point], size: tuple[int, int], turns: int) -> tuple[Point, ...]:
    """Where pixels of an image of ``size`` (width, height) are after ``turns`` quarter turns clockwise; exact, so that
    four quarter turns change nothing."""
    width, height = size
    match turns % 4:
        case 1:
            return tuple((height - 1 - y, x) for x, y in points)
        case 2:
            return tuple((width - 1 - x, height - 1 - y) for x, y in points)
        case 3:
            return tuple((y, width - 1 - x) for x, y in points)
    return tuple(points)


def cut_columns(points: Sequence[Point], columns: tuple[int, int], *, closed: bool) -> tuple[Point, ...]:
    """What of a chain stands in the columns from the first to before the last, cut where it crosses their edge.

    A chain that lies outside is moved to the nearest column, so that nothing vanishes.
    """
    low, high = columns[0], columns[1] - 1
    kept = _beyond(_beyond(list(points), low, 1, closed=closed), high, -1, closed=closed)
    if len(kept) < min(len(points), 3 if closed else 2):
        kept = [(min(max(x, low), high), y) for x, y in points]
    return tuple(kept)


def _beyond(points: list[Point], edge: int, sign: int, *, closed: bool) -> list[Point]:
    """The chain on one side of a column (Sutherland and Hodgman, 1974): right of it for sign 1, left of it for -1."""
    if all((x - edge) * sign >= 0 for x, _ in points):
        return points
    kept: list[Point] = []
    for index, (x, y) in enumerate(points):
        before = points[index - 1] if index or closed else None
        inside = (x - edge) * sign >= 0
        if before is not None and inside != ((before[0] - edge) * sign >= 0):
            crossing = (edge, round(before[1] + (y - before[1]) * (edge - before[0]) / (x - before[0])))
            if not kept or kept[-1] != crossing:
                kept.append(crossing)
        if inside and (not kept or kept[-1] != (x, y)):
            kept.append((x, y))
    return kept
