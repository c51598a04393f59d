"""A transcript belongs to the frame: both pages of a spread take their words of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.factories import create_user
from tests.steps.journey import TEXTS, draw_page, receive, work_until_nothing_is_due
from tests.steps.spread import places
from transcription.engines.registry import WEIGHTS
from transcription.models import Alignment, ImportedTranscript, Page, Source
from transcription.steps.import_transcripts import import_transcripts
from transcription.steps.invariants import violations
from transcription.steps.join_spread import join_spread
from transcription.steps.split_spread import split_spread
from transcription.steps.withdraw import withdraw_transcript

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not (WEIGHTS / "starter.safetensors").exists(), reason="the starter's weights are not here"),
]

LEFT, RIGHT = TEXTS, ("Sarah daughter of Robert Mills", "William son of Edward Turner")
LINES = [(50, 53 + 130 * n, 850, 128 + 130 * n) for n in range(3)]
LINES += [(950, 53 + 130 * n, 1750, 128 + 130 * n) for n in range(2)]


@pytest.fixture
def spread(tmp_path: Path, surveyor: Callable[..., None]) -> Page:
    surveyor(lines=LINES, gutter=900)
    image = Image.new("L", (1800, 560), 236)
    image.paste(draw_page(LEFT), (0, 0))
    image.paste(draw_page(RIGHT), (900, 0))
    image.save(tmp_path / "s.png")
    receive(tmp_path / "s.png")
    work_until_nothing_is_due()
    return Page.objects.get()


def bring(page: Page, *texts: str) -> ImportedTranscript:
    files = [("s.txt", "\n".join(texts).encode())]
    return import_transcripts(collection=page.collection, files=files, importer=None).imported[0].transcript


def said(page: Page) -> list[tuple[str, str]]:
    return [(place.line.current.text, place.line.current.source) for place in places(page) if place.line.current]


def unplaced(page: Page) -> list[str]:
    page.refresh_from_db()
    return [piece["text"] for piece in Alignment.objects.get(run=page.run).unplaced]


def brought(texts: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(text, Source.IMPORT) for text in texts]


def test_each_page_of_a_spread_takes_its_words_and_neither_misses_those_of_the_other(spread: Page) -> None:
    right = split_spread(page=spread, lane=0)
    work_until_nothing_is_due()
    transcript = bring(spread, *LEFT, *RIGHT, "Witness my hand")
    work_until_nothing_is_due()
    assert (said(spread), said(right)) == (brought(LEFT), brought(RIGHT))
    assert unplaced(spread) == unplaced(right) == ["Witness my hand"]
    assert violations() == []
    withdraw_transcript(transcript, by=create_user())
    work_until_nothing_is_due()
    assert {source for page in (spread, right) for _, source in said(page)} == {Source.VOTE}
    assert violations() == []


def test_brought_text_stays_on_its_lines_when_a_spread_is_split_and_joined(spread: Page) -> None:
    bring(spread, *LEFT, *RIGHT)
    work_until_nothing_is_due()
    assert said(spread) == brought(LEFT + RIGHT)
    right = split_spread(page=spread, lane=0)
    work_until_nothing_is_due()
    assert (said(spread), said(right)) == (brought(LEFT), brought(RIGHT))
    assert unplaced(spread) == unplaced(right) == []
    assert places(right)[0].line.current.transcript is not None  # type: ignore[union-attr]
    join_spread(page=spread, lane=0)
    work_until_nothing_is_due()
    assert said(spread) == brought(LEFT + RIGHT)
    assert unplaced(spread) == []
    assert violations() == []
