from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from django.conf import settings

from tests.engines.drawn_pages import NO_PAGES, ODD_PAGES
from transcription.engines.registry import Registry
from transcription.engines.segmenters.paper import why_no_blank_paper
from transcription.htr.blank import is_blank
from transcription.htr.records import Gray

PAPER = NO_PAGES["paper"]
PAGES = NO_PAGES | ODD_PAGES


def vignetted() -> Gray:
    """Old paper: light in the middle, darker to its edges, with the speckle of its fibres."""
    height, width = PAPER.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.clip(PAPER * 0.8 - 30 * (x**2 + y**2), 0, 255).astype(np.uint8)


def framed() -> Gray:
    """A sheet on a scanner's black bed, with the shadow of a gutter."""
    page = cv2.copyMakeBorder(PAPER, 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=4.0)
    page[:, :90] //= 2
    return np.asarray(page, np.uint8)


def shown_through() -> Gray:
    page = PAPER.copy()
    for y in range(200, 1300, 60):
        for x in range(120, 950, 24):
            cv2.line(page, (x, y), (x + 12, y - 20), 190.0, 3)
    return page


def photograph() -> Gray:
    """A light sky over dark hills: more than half of it is as light as paper."""
    page = np.full((1200, 900), 215, np.uint8)
    cv2.ellipse(page, (450, 1200), (700, 450), 0, 0, 360, 70.0, -1)
    return page


@pytest.mark.parametrize("draw", [vignetted, framed, shown_through])
def test_paper_that_is_old_framed_or_shows_its_other_side_is_blank_paper(draw: Callable[[], Gray]) -> None:
    assert why_no_blank_paper(draw()) == ""


@pytest.mark.parametrize("name", ["white", "paper"])
def test_light_and_even_is_blank_paper(name: str) -> None:
    assert why_no_blank_paper(PAGES[name]) == ""


@pytest.mark.parametrize("level", [0, 12, 40])
def test_an_almost_black_image_is_none(level: int) -> None:
    said = why_no_blank_paper(np.full((1280, 900), level, np.uint8))
    assert said == "No writing was found on this page; it is almost black."


PICTURES = {"gradient": PAGES["gradient"], "animal": PAGES["animal"], "hills": photograph()}


@pytest.mark.parametrize("page", PICTURES.values(), ids=PICTURES)
def test_a_picture_is_none(page: Gray) -> None:
    assert why_no_blank_paper(page) == "No writing was found on this page, though it is not blank paper."


@pytest.mark.parametrize("shape", [(8, 1280), (1280, 8), (24, 24)])
def test_the_smallest_pages_are_judged_too(shape: tuple[int, int]) -> None:
    assert why_no_blank_paper(np.full(shape, 230, np.uint8)) == ""


def test_the_segmenter_calls_only_paper_blank() -> None:
    segmenter = Registry(settings.ENGINES).segmenter("learned")
    blank = {name: is_blank(segmenter.segment(PAGES[name]).note) for name in ("white", "paper", "black", "gradient")}
    assert blank == {"white": True, "paper": True, "black": False, "gradient": False}
    layout = segmenter.segment(photograph())
    assert not layout.lines
    assert not is_blank(layout.note)
