"""A cascade: a cheap engine reads every line, a better one those that are still doubtful and what was read there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from pytest_django.fixtures import Settings

from tests.factories import create_collection
from tests.steps.journey import prepared_page
from transcription.errors import BadInput
from transcription.htr.enhance import Enhancement
from transcription.htr.records import Hints, ItemError, LineImage, ReadingRecord
from transcription.models import Page, PageState, Queue, Reading, Vote
from transcription.steps import flow
from transcription.steps.choose_passes import ChosenPass, choose_passes, present_passes
from transcription.steps.drain import drain
from transcription.steps.invariants import violations
from transcription.steps.profiles import profile_version_of, registry

pytestmark = pytest.mark.django_db
PLAIN, CLAHE = Enhancement.parse("plain"), Enhancement.parse("clahe")


class Reader:
    """Reads ``text``, every second line with less than half of a score."""

    asked: ClassVar[list[tuple[str, tuple[str, ...]]]] = []

    def __init__(self, *, text: str, score: float) -> None:
        self.text, self.score = text, score

    def recognize(self, crops: Iterator[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        for number, crop in enumerate(crops):
            self.asked.append((self.text, crop.texts))
            score = 0.05 if number % 2 and self.score < 1 else 0.999
            yield ReadingRecord(crop.key, self.text, (score,) * len(self.text))


@pytest.fixture(autouse=True)
def engines(settings: Settings) -> Iterator[None]:
    def declared(text: str, score: float, reads: str) -> dict[str, object]:
        options = {"text": text, "score": score}
        return {"CLASS": "tests.steps.test_stages.Reader", "VERSION": "1", "OPTIONS": options, "READS": [reads]}

    settings.ENGINES = settings.ENGINES | {
        "quick": declared("the old rector", 0.5, "lines"),
        "slow": declared("the bold rector", 1.0, "lines"),
        "press": declared("PRINTED", 1.0, "print"),
    }
    registry.cache_clear()
    Reader.asked.clear()
    yield
    registry.cache_clear()


def read(folder: Path, *passes: ChosenPass, lines: int = 4) -> Page:
    collection = create_collection()
    choose_passes(collection=collection, passes=passes)
    page = prepared_page(folder, collection=collection, lines=lines)
    flow.start_run(page=page, profile_version=profile_version_of(collection), layout=page.layout, lane=1)
    for _ in range(12):
        if not drain(Queue.ENGINE) + drain(Queue.CPU):
            break
    page.refresh_from_db()
    return page


def cascade() -> list[ChosenPass]:
    return [ChosenPass(PLAIN, engine="quick"), ChosenPass(PLAIN, weight=2.0, engine="slow", stage=1)]


def test_only_doubtful_lines_go_on_and_the_next_engine_is_told_what_was_read(media_root: Path) -> None:
    page = read(media_root, *cascade())
    assert page.state in {PageState.ACCEPTED, PageState.IN_REVIEW}
    stages = {vote.line_id: vote.stage for vote in Vote.objects.filter(run=page.run).order_by("stage")}
    doubtful = [line for line, stage in stages.items() if stage == 1]
    assert 0 < len(doubtful) <= len(stages)
    second = [texts for text, texts in Reader.asked if text == "the bold rector"]
    assert second == [("the old rector",)] * len(doubtful)
    assert Reading.objects.filter(run=page.run).count() == len(stages) + len(doubtful), "each line once a stage"
    assert violations() == []


def test_the_second_vote_is_by_the_readings_of_both_stages(media_root: Path) -> None:
    page = read(media_root, *cascade())
    vote = Vote.objects.filter(run=page.run, stage=1).first()
    assert vote is not None
    said = {vote.text, *(other["text"] for word in vote.words for other in word["alternatives"])}
    assert "the bold rector" in said or "bold" in said
    assert any("old" in each for each in said)


def test_an_engine_for_print_reads_lines_of_print_only(media_root: Path) -> None:
    passes = [ChosenPass(PLAIN, engine="quick"), ChosenPass(CLAHE, engine="press")]
    page = read(media_root, *passes)
    assert not [text for text, _ in Reader.asked if text == "PRINTED"]
    assert page.state in {PageState.ACCEPTED, PageState.IN_REVIEW}
    assert "pass-missing" not in page.run.route_decision.reasons

    assert page.layout is not None
    printed = page.layout.places.first()
    page.layout.places.filter(pk=printed.pk).update(production="printed")
    flow.start_run(page=page, profile_version=page.run.profile_version, layout=page.layout, lane=1)
    drain(Queue.ENGINE)
    assert [text for text, _ in Reader.asked].count("PRINTED") == 1


def test_what_was_chosen_is_what_is_shown(media_root: Path) -> None:
    collection = create_collection()
    choose_passes(collection=collection, passes=cascade())
    assert present_passes(collection) == cascade()
    version = profile_version_of(collection)
    assert [(each.stage, each.pass_version.engine) for each in version.stage_passes.all()] == [
        (0, "quick"),
        (1, "slow"),
    ]
    assert version.thresholds == [0.7, 0.7]


@pytest.mark.parametrize(
    ("passes", "code"),
    [
        ([ChosenPass(PLAIN, engine="nobody")], "unknown-engine"),
        ([ChosenPass(PLAIN, engine="classical")], "unknown-engine"),
        ([ChosenPass(PLAIN, engine="quick", stage=1)], "bad-stages"),
        ([ChosenPass(PLAIN, engine="quick"), ChosenPass(PLAIN, engine="slow", stage=2)], "bad-stages"),
        ([ChosenPass(PLAIN, engine="quick"), ChosenPass(PLAIN, engine="quick", stage=1)], "pass-twice"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(passes: list[ChosenPass], code: str) -> None:
    collection = create_collection()
    with pytest.raises(BadInput) as refused:
        choose_passes(collection=collection, passes=passes)
    assert refused.value.code == code
    collection.refresh_from_db()
    assert collection.profile is None
