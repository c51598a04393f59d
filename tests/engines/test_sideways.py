"""Lines that run along the side of a page, drawn in a hand that tells up from down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from transcription.engines.registry import WEIGHTS
from transcription.engines.segmenters.learned import LearnedSegmenter
from transcription.htr.records import Gray, LineGeometry

FONT = Path(__file__).resolve().parents[2] / "transcription/training/sample/fonts/cedarville-cursive.woff"
LETTER = (
    "My dear cousin, when Ethel went to",
    "Huntington I went out to spend the",
    "day with them as it was only two weeks",
    "after she had gone away. She has failed",
    "steadily since, and I spoke to Horace",
    "and said that perhaps I had better write",
    "you, for I then realised that she would",
    "not get well, nor did she believe it.",
)
MARGIN = ("she would not have wanted you", "to worry about it all these weeks")


@pytest.fixture(scope="module")
def segmenter() -> LearnedSegmenter:
    return LearnedSegmenter(weights=WEIGHTS / "segmenter.safetensors", threads=1)


def letter(turn: int | None) -> Gray:
    """A page with two lines along its left side, turned counter-clockwise by ``turn`` quarters; None: without."""
    page = Image.new("L", (1200, 1500), 228)
    font = ImageFont.truetype(str(FONT), 52)
    for number, text in enumerate(LETTER):
        ImageDraw.Draw(page).text((300, 150 + 130 * number), text, font=font, fill=40)
    if turn is not None:
        note = Image.new("L", (1000, 200), 228)
        for number, text in enumerate(MARGIN):
            ImageDraw.Draw(note).text((20, 90 * number), text, font=font, fill=40)
        page.paste(note.rotate(90 * turn, expand=True), (40, 250))
    noise = np.random.default_rng(3).normal(0, 3, (1500, 1200))
    return np.clip(np.asarray(page) + noise, 0, 255).astype(np.uint8)


def climbs(line: LineGeometry) -> int:
    """Pixels from the baseline's start up the page to its end; 0 for a level line."""
    (x0, y0), (x1, y1) = line.baseline[0], line.baseline[-1]
    return y0 - y1 if abs(y1 - y0) > abs(x1 - x0) else 0


@pytest.mark.parametrize(("turn", "direction"), [(1, 1), (3, -1)], ids=["upwards", "downwards"])
def test_what_runs_along_the_side_is_found_in_the_direction_of_its_reading(
    segmenter: LearnedSegmenter, turn: int, direction: int
) -> None:
    lines = segmenter.segment(letter(turn)).lines
    along = [climbs(line) for line in lines if climbs(line)]
    assert len(lines) == len(LETTER) + len(MARGIN)
    assert len(along) == len(MARGIN)
    assert all(direction * climb > 400 for climb in along)


def test_a_page_without_such_lines_gets_none(segmenter: LearnedSegmenter) -> None:
    lines = segmenter.segment(letter(None)).lines
    assert [climbs(line) for line in lines] == [0] * len(LETTER)
