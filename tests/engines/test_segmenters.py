"""One suite over every segmenter: what each must do with any image."""

from __future__ import annotations

import time

import pytest
from django.conf import settings

from tests.engines.drawn_pages import NO_PAGES, ODD_PAGES, written_page
from transcription.engines.base import Segmenter
from transcription.engines.registry import Registry
from transcription.htr.geometry import area, bounding_box
from transcription.htr.records import LayoutRecord

SEGMENTERS = ["classical", "learned"]


@pytest.fixture(scope="module", params=SEGMENTERS)
def segmenter(request: pytest.FixtureRequest) -> Segmenter:
    return Registry(settings.ENGINES).segmenter(request.param)


def assert_whole(layout: LayoutRecord) -> None:
    """Every line on the page, of a few whole points, with an area, and in a region that is there."""
    width, height = layout.size
    regions = {region.id for region in layout.regions}
    for line in layout.lines:
        left, top, right, bottom = bounding_box(line.baseline + line.polygon)
        assert 0 <= left <= right < width
        assert 0 <= top <= bottom < height
        assert 2 <= len(line.baseline) <= 12
        assert 3 <= len(line.polygon) <= 60
        assert area(line.polygon) > 0
        assert all(type(value) is int for point in line.baseline + line.polygon for value in point)
        assert not regions or line.region in regions
    assert layout.lines or layout.note.endswith(".")
    assert layout.turn in range(4)
    assert layout.gutter is None or 0 < layout.gutter < width


@pytest.mark.parametrize("name", NO_PAGES)
def test_what_holds_no_writing_gives_no_lines_and_says_why(segmenter: Segmenter, name: str) -> None:
    layout = segmenter.segment(NO_PAGES[name])
    assert layout.lines == ()
    assert layout.note.endswith(".")
    assert layout.size == NO_PAGES[name].shape[::-1]


@pytest.mark.parametrize("name", ODD_PAGES)
def test_whatever_it_is_it_ends_soon_and_without_an_error(segmenter: Segmenter, name: str) -> None:
    started = time.process_time()
    layout = segmenter.segment(ODD_PAGES[name])
    assert time.process_time() - started < 6
    assert_whole(layout)


def test_geometry_is_whole_on_the_page_and_of_few_points(segmenter: Segmenter) -> None:
    page, _ = written_page(degrees=3.0)
    layout = segmenter.segment(page)
    assert layout.size == (page.shape[1], page.shape[0])
    assert_whole(layout)


def test_the_same_page_gives_the_same_layout(segmenter: Segmenter) -> None:
    page, _ = written_page(lines=5)
    assert segmenter.segment(page) == segmenter.segment(page)
