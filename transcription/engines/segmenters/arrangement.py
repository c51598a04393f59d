"""A page's lines put in order and into regions: the last step of every segmenter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from transcription.htr.reading_order import reading_order, text_regions
from transcription.htr.records import LayoutRecord, LineGeometry


def arranged(
    lines: Sequence[LineGeometry], size: tuple[int, int], *, turn: int = 0, gutter: int | None = None
) -> LayoutRecord:
    """The layout of a page of ``size`` (width, height) with ``lines`` in reading order, each in its region."""
    regions, region_of = text_regions(lines, size, gutter=gutter)
    order = reading_order(lines, gutter=gutter)
    placed = tuple(replace(lines[i], region=region_of[i]) for i in order)
    return LayoutRecord(lines=placed, size=size, regions=regions, turn=turn, gutter=gutter)
