"""What every segmenter does alike: images that are no pages, lines in the page's pixels, their order and regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from transcription.htr.geometry import area, clip_to_page, simplify
from transcription.htr.reading_order import reading_order, text_regions
from transcription.htr.records import Gray, LayoutRecord, LineGeometry

_SMALLEST_SIDE = 24  # pixels: no writing can be read on less
_MOST_ASPECT = 20  # longer strips are no pages
_MOST_BASELINE_POINTS = 12
_MOST_POLYGON_POINTS = 60


def nothing(size: tuple[int, int], note: str) -> LayoutRecord:
    """A page of ``size`` (width, height) without lines, and why."""
    return LayoutRecord(lines=(), size=size, note=note)


def no_page(image: Gray) -> LayoutRecord | None:
    """What there is to say of an image too small or too long to be a page; None for all others."""
    height, width = image.shape[:2] if image.ndim >= 2 else (0, 0)
    if min(height, width) < _SMALLEST_SIDE:
        note = f"The image is only {width} × {height} pixels; no line can be found on it."
        return nothing((width, height), note)
    if max(height, width) > _MOST_ASPECT * min(height, width):
        return nothing((width, height), f"The image is a strip of {width} × {height} pixels, not a page.")
    return None


def too_many(count: int, size: tuple[int, int]) -> LayoutRecord:
    """What there is to say of texture that was taken for ``count`` lines."""
    return nothing(size, f"The page shows {count} line-like marks, too many to be writing.")


def line_on_page(
    baseline: NDArray[np.float64], polygon: NDArray[np.float64], size: tuple[int, int]
) -> LineGeometry | None:
    """A line from points (N, 2) in the page's pixels, simplified and clipped; None when nothing is left of it."""
    tolerance = max(1.0, float(np.hypot(*np.ptp(polygon, axis=0))) / 800)
    course = simplify(baseline, most=_MOST_BASELINE_POINTS, closed=False, tolerance=tolerance)
    outline = simplify(polygon, most=_MOST_POLYGON_POINTS, closed=True, tolerance=tolerance)
    drawn = LineGeometry(clip_to_page(course, size), clip_to_page(outline, size))
    return drawn if len(drawn.baseline) > 1 and area(drawn.polygon) > 0 else None


def arranged(
    lines: Sequence[LineGeometry], size: tuple[int, int], *, turn: int = 0, gutter: int | None = None
) -> LayoutRecord:
    """The layout of a page of ``size`` (width, height) with ``lines`` in reading order, each in its region."""
    regions, region_of = text_regions(lines, size, gutter=gutter)
    order = reading_order(lines, gutter=gutter)
    placed = tuple(replace(lines[i], region=region_of[i]) for i in order)
    return LayoutRecord(lines=placed, size=size, regions=regions, turn=turn, gutter=gutter)
