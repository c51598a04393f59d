"""What a person's hand does to the shape of lines: drawing one anew, cutting it in two, joining several.

A new line is given as its baseline only; how far its writing reaches above and below is what is usual on the page, and
the baselines above and below bound it. Shapes that come from outside are checked here, whoever sends them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.errors import BadInput
from transcription.htr.geometry import (
    Chain,
    angle,
    area,
    chain,
    clip_to_page,
    length,
    resample,
    simplify,
    to_points,
)
from transcription.htr.records import LineGeometry, Point

MOST_BASELINE_POINTS = 200
MOST_POLYGON_POINTS = 400
LEAST_AREA = 16.0  # square pixels: less than this is no place for a letter
SHORTEST = 4.0  # pixels of baseline
# Of the way to the next baseline. More above than below: what stands between two belongs mostly to the lower one.
SHARE_ABOVE = 0.7
SHARE_BELOW = 0.4
_USUAL = (0.024, 0.009)  # of the page's height, on a page without any line
_TALL = 80  # per cent of an outline's points that lie lower than what counts as its height
_SAME_COLUMN = 0.1  # of the narrower line, as in reading_order
_DRAWN_POINTS = 60  # of an outline that is made here
_JOINED_POINTS = 80  # of one that was made of several


@dataclass(frozen=True, slots=True)
class Reach:
    """How far writing goes above and below its baseline, in pixels."""

    rise: float
    fall: float


def checked(geometry: LineGeometry, size: tuple[int, int]) -> LineGeometry:
    """The line clipped to a page of ``size`` (width, height). Raises BadInput with one sentence for who drew it."""
    if len(geometry.baseline) > MOST_BASELINE_POINTS or len(geometry.polygon) > MOST_POLYGON_POINTS:
        raise BadInput(
            f"A line has at most {MOST_BASELINE_POINTS} points in its baseline and {MOST_POLYGON_POINTS} in its "
            f"outline, not {len(geometry.baseline)} and {len(geometry.polygon)}: remove some.",
            code="too-many-points",
        )
    baseline, polygon = clip_to_page(geometry.baseline, size), clip_to_page(geometry.polygon, size)
    if len(baseline) < 2 or length(baseline) < SHORTEST:
        raise BadInput("A baseline needs two points on the page that are some pixels apart.", code="no-baseline")
    if len(polygon) > 1 and polygon[0] == polygon[-1]:
        polygon = polygon[:-1]
    if len(polygon) < 3 or area(polygon) < LEAST_AREA:
        raise BadInput("An outline needs three points on the page that enclose something.", code="no-outline")
    return replace(geometry, baseline=baseline, polygon=polygon)


def usual_reach(lines: Sequence[LineGeometry], page_height: int) -> Reach:
    """The median over the page's lines; a guess from the page's height where there is none."""
    reaches = [_reach(line) for line in lines if len(line.baseline) > 1 and area(line.polygon) > 0]
    if not reaches:
        return Reach(max(12.0, _USUAL[0] * page_height), max(5.0, _USUAL[1] * page_height))
    rise, fall = np.median(np.array(reaches), axis=0)
    return Reach(max(float(rise), 4.0), max(float(fall), 2.0))


def _reach(line: LineGeometry) -> tuple[float, float]:
    """How far the outline goes above and below the baseline, measured from its own height at each point: (2,)."""
    turn = _turn(angle(line.baseline))
    baseline, polygon = _by_x(chain(line.baseline) @ turn), chain(line.polygon) @ turn
    below = polygon[:, 1] - np.interp(polygon[:, 0], baseline[:, 0], baseline[:, 1])
    above, under = -below[below < 0], below[below > 0]
    # Tight outlines go down between ascenders: most of their points lie lower than the tall letters reach.
    return tuple(float(np.percentile(side, _TALL)) if len(side) else 0.0 for side in (above, under))  # type: ignore[return-value]


def outline(
    baseline: Sequence[Point], others: Sequence[LineGeometry], size: tuple[int, int], *, reach: Reach | None = None
) -> tuple[Point, ...]:
    """The polygon of a line of which only the baseline is known, clipped to the page; () if the baseline has no length.

    It reaches as far up and down as is usual among ``others``, and never further than part of the way to the baselines
    of those above and below.
    """
    if len(baseline) < 2 or length(baseline) == 0:
        return ()
    usual = reach or usual_reach(others, size[1])
    turn = _turn(angle(baseline))
    stations = resample(_by_x(chain(baseline) @ turn), max(usual.rise, 8.0))
    rise, fall = np.full(len(stations), usual.rise), np.full(len(stations), usual.fall)
    for other in others:
        if len(other.baseline) < 2:
            continue
        course = _by_x(chain(other.baseline) @ turn)
        near = (stations[:, 0] >= course[0, 0] - usual.rise) & (stations[:, 0] <= course[-1, 0] + usual.rise)
        gap = np.interp(stations[:, 0], course[:, 0], course[:, 1]) - stations[:, 1]
        above, below = near & (gap < -1), near & (gap > 1)
        rise[above] = np.minimum(rise[above], -gap[above] * SHARE_ABOVE)
        fall[below] = np.minimum(fall[below], gap[below] * SHARE_BELOW)
    rise, fall = np.maximum(rise, min(3.0, usual.rise)), np.maximum(fall, min(2.0, usual.fall))
    upper, lower = stations - _upright(rise), stations + _upright(fall)
    end = np.array([0.15 * usual.rise, 0.0])  # letters begin before and end behind what people draw
    upper[0], lower[0], upper[-1], lower[-1] = upper[0] - end, lower[0] - end, upper[-1] + end, lower[-1] + end
    ring = np.concatenate([upper, lower[::-1]]) @ turn.T
    return clip_to_page(simplify(ring, most=_DRAWN_POINTS, closed=True), size)


def cut(geometry: LineGeometry, share: float) -> tuple[LineGeometry, LineGeometry]:
    """The two parts of a line, cut across at ``share`` of the baseline's length, in (0, 1); the beginning first.

    Raises BadInput where one side would hold nothing.
    """
    points = chain(geometry.baseline)
    if len(points) < 2 or not 0 < share < 1:
        raise BadInput("A line is split somewhere between its two ends.", code="no-cut")
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = along[-1] * share
    spot = np.array([np.interp(at, along, points[:, 0]), np.interp(at, along, points[:, 1])])
    direction = points[-1] - points[0]
    if not direction.any():
        direction = np.array([1.0, 0.0])
    direction = direction / np.hypot(*direction)
    before = np.vstack([points[along < at], spot])
    after = np.vstack([spot, points[along > at]])
    parts = []
    for half, side in ((before, -1.0), (after, 1.0)):
        polygon = to_points(_clip_to_side(chain(geometry.polygon), spot, direction * side))
        if len(to_points(half)) < 2 or length(to_points(half)) < SHORTEST or area(polygon) < LEAST_AREA:
            raise BadInput(
                "Split there, one side of the line would hold nothing: split it further inside.", code="no-cut"
            )
        parts.append(replace(geometry, baseline=to_points(half), polygon=polygon))
    return parts[0], parts[1]


def _clip_to_side(ring: Chain, spot: Chain, towards: Chain) -> Chain:
    """The part of a ring that lies on the side of ``spot`` to which ``towards`` points (Sutherland and Hodgman)."""
    depth = (ring - spot) @ towards
    kept = []
    for i in range(len(ring)):
        j = (i + 1) % len(ring)
        if depth[i] >= 0:
            kept.append(ring[i])
        if (depth[i] >= 0) != (depth[j] >= 0):
            kept.append(ring[i] + (ring[j] - ring[i]) * depth[i] / (depth[i] - depth[j]))
    return np.array(kept).reshape(-1, 2)


def joining_order(lines: Sequence[LineGeometry]) -> list[int]:
    """In which order pieces of one line follow each other: from left to right along it; pieces that lie over one
    another stay as they come."""
    if len(lines) < 2:
        return list(range(len(lines)))
    turn = _turn(_common_angle(lines))
    ends = [(float(x.min()), float(x.max())) for x in ((chain(line.baseline) @ turn)[:, 0] for line in lines)]
    spans = sorted(ends)
    stacked = any(
        min(a[1], b[1]) - max(a[0], b[0]) > 0.5 * max(min(a[1] - a[0], b[1] - b[0]), 1.0) for a, b in pairwise(spans)
    )
    return list(range(len(lines))) if stacked else sorted(range(len(lines)), key=lambda i: ends[i])


def join(lines: Sequence[LineGeometry]) -> LineGeometry:
    """One line of several, given in the order of ``joining_order``: one baseline from end to end, and the outlines
    bridged where they stand apart. Region and production are the first one's. Raises BadInput for fewer than two."""
    if len(lines) < 2:
        raise BadInput("Choose two or more lines to merge.", code="nothing-to-join")
    turn = _turn(_common_angle(lines))
    courses = [_by_x(chain(line.baseline) @ turn) for line in lines]
    baseline = to_points(chain(simplify(_joined_course(courses) @ turn.T, most=MOST_BASELINE_POINTS, closed=False)))
    polygons = [chain(line.polygon) @ turn for line in lines]
    ring = chain(_united(polygons)) @ turn.T
    polygon = simplify(ring, most=_JOINED_POINTS, closed=True, tolerance=1.5)
    return replace(lines[0], baseline=baseline, polygon=polygon)


def _joined_course(courses: Sequence[Chain]) -> Chain:
    """A single course over all of them, level frame: their mean where they lie over one another."""
    xs = np.unique(np.concatenate([course[:, 0] for course in courses]))
    heights = np.full((len(courses), len(xs)), np.nan)
    for row, course in zip(heights, courses, strict=True):
        inside = (xs >= course[0, 0]) & (xs <= course[-1, 0])
        row[inside] = np.interp(xs[inside], course[:, 0], course[:, 1])
    return np.column_stack([xs, np.nanmean(heights, axis=0)])


def _united(polygons: Sequence[Chain]) -> tuple[Point, ...]:
    """The outline round several, bridged between neighbours; drawn on a raster, so true to a pixel."""
    everything = np.concatenate(polygons)
    low = np.floor(everything.min(axis=0)) - 2
    width, height = (int(side) for side in np.ceil(everything.max(axis=0)) - low + 3)
    canvas: NDArray[np.uint8] = np.zeros((height, width), np.uint8)

    def fill(points: Chain) -> None:
        cv2.fillPoly(canvas, [np.rint(points - low).astype(np.int32)], 255)

    for polygon in polygons:
        fill(polygon)
    for left, right in pairwise(polygons):
        reach = max(float(np.ptp(left[:, 1])), float(np.ptp(right[:, 1])))
        edges = [_end(left, reach, last=True), _end(right, reach, last=False)]
        fill(cv2.convexHull(np.concatenate(edges).astype(np.float32)).reshape(-1, 2).astype(np.float64))
    outlines, _ = cv2.findContours(canvas, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = max(outlines, key=cv2.contourArea) if len(outlines) == 1 else cv2.convexHull(everything.astype(np.float32))
    moved = whole.reshape(-1, 2).astype(np.float64) + (low if len(outlines) == 1 else 0.0)
    return to_points(moved)


def _end(polygon: Chain, reach: float, *, last: bool) -> Chain:
    """Points of the outline near its right (``last``) or left end; at least its two outermost ones."""
    across = polygon[:, 0] if last else -polygon[:, 0]
    near = polygon[across >= across.max() - reach]
    return near if len(near) > 1 else polygon[np.argsort(across)[-2:]]


def place_in_order(new: LineGeometry, lines: Sequence[LineGeometry]) -> int:
    """Where a new line goes among ``lines``, which stand in reading order: its index.

    Beside the piece of writing that it continues, else after the nearest line above in its column, else before the
    nearest below, else last.
    """
    reach = _reach(new)[0] or 1.0
    turn = _turn(_common_angle([*lines, new]))
    x0, x1, y = _extent(new, turn)
    best: list[tuple[int, float, int]] = []  # (rule, distance, index)
    for i, line in enumerate(lines):
        if len(line.baseline) < 2:
            continue
        left, right, height = _extent(line, turn)
        shared = min(right, x1) - max(left, x0)
        if abs(height - y) < 0.6 * reach and shared <= _SAME_COLUMN * max(min(right - left, x1 - x0), 1.0):
            gap = x0 - right if right <= (x0 + x1) / 2 else left - x1
            if gap < 4 * reach:
                best.append((0, gap, i + 1 if right <= (x0 + x1) / 2 else i))
        elif shared > _SAME_COLUMN * max(min(right - left, x1 - x0), 1.0):
            best.append((1, y - height, i + 1) if height <= y else (2, height - y, i))
    return min(best)[2] if best else len(lines)


def hull(polygons: Sequence[Sequence[Point]]) -> tuple[Point, ...]:
    """The convex outline round all of them; () for none."""
    points = [point for polygon in polygons for point in polygon]
    if not points:
        return ()
    return to_points(cv2.convexHull(chain(points).astype(np.float32)).reshape(-1, 2).astype(np.float64))


def contains(outer: Sequence[Point], inner: Sequence[Point], *, slack: float = 8.0) -> bool:
    """Whether every point of ``inner`` lies in ``outer`` or within ``slack`` pixels of it."""
    if len(outer) < 3:
        return False
    ring = chain(outer).astype(np.float32).reshape(-1, 1, 2)
    return all(cv2.pointPolygonTest(ring, (float(x), float(y)), measureDist=True) >= -slack for x, y in inner)


def _extent(line: LineGeometry, turn: Chain) -> tuple[float, float, float]:
    level = chain(line.baseline) @ turn
    return float(level[:, 0].min()), float(level[:, 0].max()), float(np.median(level[:, 1]))


def _common_angle(lines: Sequence[LineGeometry]) -> float:
    """The direction in which most of the writing goes."""
    directions = [angle(line.baseline) for line in lines if len(line.baseline) > 1]
    return float(np.median(directions)) if directions else 0.0


def _turn(by: float) -> Chain:
    """(2, 2): points @ it are turned level, points @ its transpose back."""
    cos, sin = np.cos(by), np.sin(by)
    return np.array([[cos, -sin], [sin, cos]])


def _by_x(points: Chain) -> Chain:
    return points[np.argsort(points[:, 0], kind="stable")]


def _upright(heights: NDArray[np.float64]) -> Chain:
    return np.column_stack([np.zeros(len(heights)), heights])
