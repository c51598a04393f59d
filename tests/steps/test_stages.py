"""A cascade: a cheap engine reads every line, a better one those that are still doubtful and what was read there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.factories import create_collection
from tests.steps.cascade import CLAHE, PLAIN, Reader, cascade, engines
from tests.steps.journey import prepared_page
from transcription.errors import BadInput
from transcription.models import Page, PageState, Queue, Reading, Vote
from transcription.steps import flow
from transcription.steps.choose_passes import (
    ChosenPass,
    choose_passes,
    pages_read_otherwise,
    present_choice,
    present_passes,
)
from transcription.steps.drain import drain
from transcription.steps.invariants import violations
from transcription.steps.profiles import profile_version_of

__all__ = ["engines"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engines")]


def read(folder: Path, *passes: ChosenPass, lines: int = 4, thresholds: Sequence[float] = ()) -> Page:
    collection = create_collection()
    choose_passes(collection=collection, passes=passes, thresholds=thresholds)
    page = prepared_page(folder, collection=collection, lines=lines)
    flow.start_run(page=page, profile_version=profile_version_of(collection), layout=page.layout, lane=1)
    for _ in range(12):
        if not drain(Queue.ENGINE) + drain(Queue.CPU):
            break
    page.refresh_from_db()
    return page


def test_only_doubtful_lines_go_on_and_the_next_engine_is_told_what_was_read(media_root: Path) -> None:
    page = read(media_root, *cascade())
    assert page.state in {PageState.ACCEPTED, PageState.IN_REVIEW}
    stages = {vote.line_id: vote.stage for vote in Vote.objects.filter(run=page.run).order_by("stage")}
    doubtful = [line for line, stage in stages.items() if stage == 1]
    assert 0 < len(doubtful) < len(stages)
    second = [texts for text, texts in Reader.asked if text == "the bold rector"]
    assert second == [("the old rector",)] * len(doubtful)
    assert Reading.objects.filter(run=page.run).count() == len(stages) + len(doubtful), "each line once a stage"
    assert violations() == []


def test_the_second_vote_is_by_the_readings_of_both_stages(media_root: Path) -> None:
    page = read(media_root, *cascade())
    vote = Vote.objects.filter(run=page.run, stage=1).first()
    assert vote is not None
    alternatives = [other["text"] for word in vote.words for other in word["alternatives"]]
    assert {"old", "bold"} <= set(" ".join([vote.text, *alternatives]).split())


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


@pytest.mark.parametrize(("threshold", "stages"), [(0.1, {0}), (0.99, {0, 1})])
def test_the_threshold_says_which_lines_go_on(media_root: Path, threshold: float, stages: set[int]) -> None:
    page = read(media_root, *cascade(), thresholds=[threshold])
    votes = Vote.objects.filter(run=page.run)
    assert set(votes.values_list("stage", flat=True)) == stages
    assert votes.filter(stage=1).count() in {0, votes.filter(stage=0).count()}, "none or all of them"


def test_another_threshold_is_another_version_and_the_usual_one_is_not(media_root: Path) -> None:
    collection = create_collection()
    usual = choose_passes(collection=collection, passes=cascade())
    other = choose_passes(collection=collection, passes=cascade(), thresholds=[0.5])
    assert (other.number, other.thresholds) == (usual.number + 1, [0.5, 0.7])
    assert present_choice(collection).thresholds == (0.5,)
    assert choose_passes(collection=collection, passes=cascade(), thresholds=[0.7]) == usual


def test_pages_read_with_another_threshold_were_read_otherwise(media_root: Path) -> None:
    page = read(media_root, *cascade())
    assert not pages_read_otherwise(page.collection).exists()
    choose_passes(collection=page.collection, passes=cascade(), thresholds=[0.5])
    assert list(pages_read_otherwise(page.collection)) == [page]


@pytest.mark.parametrize("thresholds", [[0.05], [1.0], [-1.0], [float("nan")], [float("inf")], [0.5, 0.6]])
def test_a_threshold_that_cannot_be_is_refused(thresholds: list[float]) -> None:
    collection = create_collection()
    with pytest.raises(BadInput) as refused:
        choose_passes(collection=collection, passes=cascade(), thresholds=thresholds)
    assert refused.value.code == "bad-threshold"
    assert collection.profile is None


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
