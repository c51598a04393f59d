"""Engines that break their contract, on real rows: what they break is named, everything else goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from tests.engines.planted import PlantedPages
from tests.factories import create_collection
from tests.steps.journey import drawn_layout, open_work, prepared_page
from transcription.htr.enhance import Enhancement
from transcription.htr.records import LineGeometry
from transcription.models import Collection, Failure, Page, PageReading, PageState, Queue, Reading, Work
from transcription.steps.choose_passes import ChosenPass, choose_passes
from transcription.steps.drain import drain
from transcription.steps.invariants import violations
from transcription.steps.profiles import registry

pytestmark = pytest.mark.django_db
Plant = Callable[[str], None]

FAILS: dict[str, tuple[str, str]] = {
    # way: (code, what the Failure says)
    "raises": ("unexpected", "CUDA error"),
    "runs_out_of_memory": ("out-of-memory", "not enough memory"),
    "gives_nothing": ("no-result", "no result for 1 lines"),
    "gives_none": ("no-result", "no result for 1 lines"),
    "scores_nan": ("bad-scores", "scores that are not numbers from 0 to 1"),
    "scores_infinity": ("bad-scores", "scores that are not numbers from 0 to 1"),
    "scores_below_nothing": ("bad-scores", "scores that are not numbers from 0 to 1"),
    "scores_words": ("bad-result", "cannot be stored"),
    "repeats": ("endless-text", "1,048,576 characters for one line"),
    "mistakes_the_key": ("no-result", "no result for 1 lines"),
    "fails_without_a_word": ("error", "did not say why"),
}
STANDS = {
    # way: what is stored
    "repeats_in_its_nbest": "the old rector",
    "writes_lone_surrogates": "Mr ?? Hale",
    "writes_invalid_utf8": "caf? ??",
    "writes_nul_and_control_characters": "ab[31m c",
    "answers_twice": "the old rector",
    "answers_for_ever": "the old rector",  # the first answer stands; the call is ended
    "spans_nowhere": "the old rector",
}


@pytest.fixture
def plant(settings: Settings) -> Iterator[Plant]:
    def install(way: str) -> None:
        settings.ENGINES = settings.ENGINES | {
            "starter": {
                "CLASS": "tests.engines.planted.Planted",
                "VERSION": "1",
                "READS": ["lines"],
                "RUNTIME": {"way": way},
            }
        }
        registry.cache_clear()

    yield install
    registry.cache_clear()


def page_of_a_narrow_line(folder: Path, collection: Collection, *, wide: int = 0) -> Page:
    """A page with one line that is read badly, and ``wide`` others."""
    narrow = LineGeometry(((50, 100), (200, 100)), ((50, 60), (200, 60), (200, 120), (50, 120)))
    layout = drawn_layout(wide)
    return prepared_page(folder, collection=collection, layout=replace(layout, lines=(*layout.lines, narrow)))


def read_everything() -> None:
    for _ in range(20):
        Work.objects.update(not_before=None)
        if not drain(Queue.ENGINE) + drain(Queue.CPU):
            return
    raise AssertionError("the work does not end")


@pytest.mark.parametrize("way", FAILS)
def test_a_page_that_is_read_badly_fails_with_a_sentence_and_those_beside_it_are_read(
    way: str, media_root: Path, plant: Plant
) -> None:
    plant(way)
    collection = create_collection()
    before = prepared_page(media_root, collection=collection, lines=2)
    bad = page_of_a_narrow_line(media_root, collection)
    after = prepared_page(media_root, collection=collection, lines=3)
    read_everything()
    code, sentence = FAILS[way]
    failures = list(Failure.objects.open())
    assert {failure.page_id for failure in failures} == {bad.pk}
    assert {failure.code for failure in failures} == {code}
    assert all(sentence in failure.message for failure in failures), failures[0].message
    for page in (before, after):
        page.refresh_from_db()
        assert page.state in {PageState.ACCEPTED, PageState.IN_REVIEW}
        assert not open_work(page).exists()
    passes = len(failures)
    assert Reading.objects.count() == (2 + 3) * passes, "each line of the others is read once by each pass"
    assert violations() == []


@pytest.mark.parametrize("way", STANDS)
def test_what_can_be_made_whole_is_stored_whole(way: str, media_root: Path, plant: Plant) -> None:
    plant(way)
    page = page_of_a_narrow_line(media_root, create_collection())
    read_everything()
    page.refresh_from_db()
    assert page.state in {PageState.ACCEPTED, PageState.IN_REVIEW}
    assert set(Reading.objects.values_list("text", flat=True)) == {STANDS[way]}
    reading = Reading.objects.all()[0]
    assert len(reading.chars) == len(reading.text)
    assert reading.milliseconds == 0.0
    assert not Failure.objects.exists()
    assert violations() == []


def test_a_line_that_does_not_fit_into_memory_is_left_out_and_its_page_goes_on(media_root: Path, plant: Plant) -> None:
    plant("runs_out_of_memory")
    collection = create_collection()
    pages = [page_of_a_narrow_line(media_root, collection, wide=3) for _ in range(2)]
    passes = open_work(pages[0]).count()
    assert drain(Queue.ENGINE) == 2 * passes, "nothing is tried twice"
    assert Reading.objects.count() == 2 * 3 * passes
    read_everything()
    for page in pages:
        page.refresh_from_db()
        assert page.state in {PageState.ACCEPTED, PageState.IN_REVIEW}
    assert not Failure.objects.exists()
    assert not Work.objects.filter(alone=True).exists()
    assert violations() == []


def test_whole_pages_read_badly_fail_each_with_a_sentence_and_what_can_be_made_whole_is_stored_whole(
    media_root: Path, settings: Settings
) -> None:
    reader = {"CLASS": "tests.engines.planted.PlantedPages", "VERSION": "1", "READS": ["pages"], "RUNTIME": {}}
    settings.ENGINES = settings.ENGINES | {"clerk": reader}
    registry.cache_clear()
    collection = create_collection()
    choose_passes(collection=collection, passes=[ChosenPass(Enhancement.parse("plain"), engine="clerk")])
    ways = PlantedPages.WAYS
    pages = {way: prepared_page(media_root, collection=collection, lines=k + 1) for k, way in enumerate(ways)}
    read_everything()
    registry.cache_clear()
    failures = {failure.page_id: failure for failure in Failure.objects.open()}
    for way, (code, sentence) in PlantedPages.FAILS.items():
        failure = failures.pop(pages[way].pk)
        assert (way, failure.code) == (way, code)
        assert sentence in failure.message, way
    assert failures == {}
    for way, lines in PlantedPages.STANDS.items():
        kept = PageReading.objects.get(run=pages[way].run)
        assert kept.lines == lines, way
        assert [len(chars) for chars in kept.chars] == [len(line) for line in lines]
        assert kept.milliseconds == 0.0
        pages[way].refresh_from_db()
        assert pages[way].state in {PageState.ACCEPTED, PageState.IN_REVIEW}
    looped = PageReading.objects.get(run=pages["loops"].run)
    assert looped.raw.count("baptised") == 40, "the answer is kept as it came"
    assert violations() == []
