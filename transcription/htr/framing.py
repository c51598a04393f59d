"""How a page's image is cut out of its original's frame, and where lines stand when that changes.

All of it is exact in whole pixels: what is turned or parted and put back stands where it stood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from transcription.htr.frame_cut import turned_size
from transcription.htr.geometry import clip_to_page, cut_columns, turn_points
from transcription.htr.records import LineGeometry, Point, RegionGeometry


@dataclass(frozen=True, slots=True)
class Framing:
    """The frame (``size``, width and height, as its file shows it) is turned by ``frame_turn`` quarter turns clockwise,
    cut to the ``columns`` from the first to before the last (None: not cut), and turned by ``turn``."""

    size: tuple[int, int]
    frame_turn: int = 0
    columns: tuple[int, int] | None = None
    turn: int = 0

    @property
    def cut_size(self) -> tuple[int, int]:
        """Size after the cut and before the last turn."""
        width, height = turned_size(self.size, self.frame_turn)
        return (width if self.columns is None else self.columns[1] - self.columns[0]), height

    @property
    def image_size(self) -> tuple[int, int]:
        return turned_size(self.cut_size, self.turn)

    def to_image(self, points: Sequence[Point]) -> tuple[Point, ...]:
        """Points of the frame as points of the image; those outside of its columns lie outside of it."""
        left = self.columns[0] if self.columns else 0
        turned = turn_points(points, self.size, self.frame_turn)
        return turn_points([(x - left, y) for x, y in turned], self.cut_size, self.turn)

    def to_frame(self, points: Sequence[Point]) -> tuple[Point, ...]:
        """The reverse of ``to_image``."""
        left = self.columns[0] if self.columns else 0
        cut = turn_points(points, self.image_size, -self.turn)
        return turn_points([(x + left, y) for x, y in cut], turned_size(self.size, self.frame_turn), -self.frame_turn)

    def to_json(self) -> dict[str, Any]:
        return {
            "frame_width": self.size[0],
            "frame_height": self.size[1],
            "frame_turn": self.frame_turn,
            "columns": list(self.columns) if self.columns else None,
            "turn": self.turn,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], size: tuple[int, int]) -> Framing:
        """What ``to_json`` gave; where there is nothing of it, an image of ``size`` that is its whole frame."""
        if "frame_width" not in data:
            return cls(size)
        columns = data["columns"]
        return cls(
            (data["frame_width"], data["frame_height"]),
            data["frame_turn"],
            (columns[0], columns[1]) if columns else None,
            data["turn"],
        )


def reframe(geometry: LineGeometry, before: Framing, after: Framing) -> LineGeometry:
    """The line in the image that ``after`` makes of the same frame; what lies outside of it is moved to its edge."""
    if before == after:
        return geometry
    return replace(
        geometry,
        baseline=_reframed(geometry.baseline, before, after),
        polygon=_reframed(geometry.polygon, before, after),
    )


def reframe_region(region: RegionGeometry, before: Framing, after: Framing) -> RegionGeometry:
    return replace(region, polygon=_reframed(region.polygon, before, after))


def _reframed(points: Sequence[Point], before: Framing, after: Framing) -> tuple[Point, ...]:
    if before.size != after.size:  # another decoder gave the same frame other pixels
        wide, high = after.size[0] / before.size[0], after.size[1] / before.size[1]
        framed = tuple((round(x * wide), round(y * high)) for x, y in before.to_frame(points))
    else:
        framed = before.to_frame(points)
    moved = after.to_image(framed)
    width, height = after.image_size
    if all(0 <= x < width and 0 <= y < height for x, y in moved):
        return moved
    return clip_to_page(moved, after.image_size)


def stands_left(geometry: LineGeometry, gutter: int) -> bool:
    """Whether most of the line, by its baseline, stands left of column ``gutter``; ties do. Without a baseline, the
    middle of its outline decides."""
    if len(geometry.baseline) < 2:
        xs = [x for x, _ in geometry.polygon or geometry.baseline]
        return not xs or (min(xs) + max(xs)) / 2 < gutter
    left = right = 0.0
    for (x0, y0), (x1, y1) in zip(geometry.baseline, geometry.baseline[1:], strict=False):
        long = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        low, high = min(x0, x1), max(x0, x1)
        share = float(low < gutter) if low == high else (min(max(gutter, low), high) - low) / (high - low)
        left, right = left + long * share, right + long * (1 - share)
    return left >= right


def part_of(geometry: LineGeometry, columns: tuple[int, int]) -> LineGeometry:
    """The line on the page that the columns of a spread are, cut where it reaches over the gutter."""
    return replace(
        geometry,
        baseline=_cut(geometry.baseline, columns, closed=False),
        polygon=_cut(geometry.polygon, columns, closed=True),
    )


def region_part_of(region: RegionGeometry, columns: tuple[int, int]) -> RegionGeometry:
    return replace(region, polygon=_cut(region.polygon, columns, closed=True))


def _cut(points: Sequence[Point], columns: tuple[int, int], *, closed: bool) -> tuple[Point, ...]:
    return tuple((x - columns[0], y) for x, y in cut_columns(points, columns, closed=closed))


def whole_of(geometry: LineGeometry, columns: tuple[int, int], before: LineGeometry | None = None) -> LineGeometry:
    """The line on the spread again. ``before``: where it stood there when the spread was parted; a line that was only
    cut then, and not moved since, is whole again."""
    if before is not None and _same_place(part_of(before, columns), geometry):
        return replace(geometry, baseline=before.baseline, polygon=before.polygon)
    left = columns[0]
    return replace(
        geometry,
        baseline=tuple((x + left, y) for x, y in geometry.baseline),
        polygon=tuple((x + left, y) for x, y in geometry.polygon),
    )


def whole_region_of(
    region: RegionGeometry, columns: tuple[int, int], before: RegionGeometry | None = None
) -> RegionGeometry:
    if before is not None and region_part_of(before, columns).polygon == region.polygon:
        return replace(region, polygon=before.polygon)
    return replace(region, polygon=tuple((x + columns[0], y) for x, y in region.polygon))


def _same_place(one: LineGeometry, other: LineGeometry) -> bool:
    return (one.baseline, one.polygon) == (other.baseline, other.polygon)
