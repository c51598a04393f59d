"""After a repair only what has changed is read again, whatever dies in the middle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from pydantic import TypeAdapter

from tests.factories import create_imported_transcript, create_term, create_user
from tests.steps.journey import claim_step, current_run, open_work, perform, prepared_page, work_until_nothing_is_due
from transcription.errors import LostLease
from transcription.htr.confidence import page_confidence
from transcription.models import LayoutLine, Page, PageState, Queue, Reading, Source, Step, Work, WorkState
from transcription.steps import flow, queue
from transcription.steps.correct import save_line
from transcription.steps.drain import drain
from transcription.steps.edit_layout import edit_layout
from transcription.steps.invariants import violations
from transcription.steps.layout_operations import Operation
from transcription.steps.profiles import registry
from transcription.steps.reread import changes_since_reading, reread
from transcription.steps.score import expected_cer
from transcription.steps.sweep import sweep_once
from transcription.steps.undo_layout import undo_layout

pytestmark = pytest.mark.django_db
Install = Callable[..., None]
OPERATION: TypeAdapter[Operation] = TypeAdapter(Operation)


@pytest.fixture
def page(media_root: Path, scribe: Install) -> Page:
    """A page of three lines that has been read and waits for review."""
    scribe(score=0.3)
    made = prepared_page(media_root)
    made.collection.threshold = 0.99
    made.collection.save()
    work_until_nothing_is_due()
    made.refresh_from_db()
    assert made.state == PageState.IN_REVIEW
    return made


@pytest.fixture
def anna() -> User:
    return create_user(username="anna")


def do(page: Page, author: User, **operation: Any) -> Page:
    page = Page.objects.get(pk=page.pk)
    assert page.layout is not None
    edit_layout(
        page=page,
        base_version=page.layout.version,
        operation=OPERATION.validate_python(operation),
        author=author,
    )
    return page


def lines(page: Page) -> list[int]:
    assert page.layout is not None
    return list(page.layout.places.order_by("position").values_list("line", flat=True))


def read_lines(page: Page) -> set[int]:
    """Lines whose readings the page's run made itself, rather than carried over."""
    run = current_run(page)
    return set(Reading.objects.filter(run=run, created_at__gte=run.created_at).values_list("line", flat=True))


def lose(work: Work) -> None:
    """The worker that had it is gone, the sweeper has seen it, and the pause after it is over."""
    Work.objects.filter(pk=work.pk).update(lease_until=Now() - timedelta(minutes=9))
    sweep_once()
    Work.objects.filter(pk=work.pk).update(not_before=None)


def test_only_changed_lines_are_given_to_the_engine(page: Page, anna: User, scribe: Install) -> None:
    before = current_run(page)
    passes = before.profile_version.stage_passes.count()
    one, two, three = lines(page)
    page = do(page, anna, kind="split", line=one, share=0.5)
    page = do(page, anna, kind="reshape", line=three, baseline=[[60, 370], [840, 372]])
    page = do(page, anna, kind="order", lines=[*lines(page)[:2], three, two])
    left, right = lines(page)[:2]
    assert changes_since_reading(page).lines == (left, right, three)
    scribe(text="read anew", score=0.4)
    run = reread(page=page)
    assert run is not None
    assert (run.profile_version, run.vocabulary, run.layout) == (before.profile_version, before.vocabulary, page.layout)
    queued = Work.objects.filter(run=run, step=Step.RECOGNIZE)
    assert queued.count() == passes
    assert {tuple(work.lines or ()) for work in queued} == {(left, right, three)}
    work_until_nothing_is_due()
    assert read_lines(page) == {left, right, three}
    readings = Reading.objects.filter(run=run)
    assert readings.count() == 4 * passes
    assert set(readings.filter(line=two).values_list("text", flat=True)) == {"the old rector"}
    assert set(readings.exclude(line=two).values_list("text", flat=True)) == {"read anew"}
    assert run.votes.count() == 4
    page.refresh_from_db()
    assert page.state == PageState.IN_REVIEW
    assert "lines-repaired" in run.route_decision.reasons
    assert changes_since_reading(page).stale is False
    assert [place.line.current.text for place in page.layout.places.order_by("position")] == [  # type: ignore[union-attr]
        "read anew",
        "read anew",
        "read anew",
        "the old rector",
    ]
    assert violations() == []


def test_a_carried_vote_is_the_same_in_all_but_its_run(page: Page, anna: User) -> None:
    before = current_run(page)
    kept = lines(page)[1]
    page = do(page, anna, kind="delete", lines=lines(page)[:1])
    reread(page=page)
    columns = ("line", "stage", "text", "words", "confidence", "expected_edits", "good", "calibration", "created_at")
    assert list(current_run(page).votes.filter(line=kept).values(*columns)) == list(
        before.votes.filter(line=kept).values(*columns)
    )


def test_after_order_tags_and_deletion_nothing_is_read_and_the_confidence_is_made_anew(page: Page, anna: User) -> None:
    one, two, three = lines(page)
    before = current_run(page)
    before.votes.filter(line=one).update(confidence=0.05)
    page = do(page, anna, kind="order", lines=[three, two, one])
    page = do(page, anna, kind="tag", lines=[two], production="printed", region="heading")
    page = do(page, anna, kind="delete", lines=[one])
    changes = changes_since_reading(page)
    assert (changes.lines, changes.stale) == ((), True)
    run = reread(page=page)
    assert run is not None
    assert not Work.objects.filter(run=run, step=Step.RECOGNIZE).exists()
    work_until_nothing_is_due()
    page.refresh_from_db()
    left = run.votes.filter(line__in=[two, three])
    assert run.votes.count() == left.count() == 2
    assert page.confidence == pytest.approx(page_confidence((vote.confidence or 0, len(vote.words)) for vote in left))
    assert page.confidence > 0.05
    assert page.expected_cer == expected_cer(left)
    assert page.expected_cer is not None
    assert page.state == PageState.IN_REVIEW
    assert read_lines(page) == set()
    assert violations() == []


def test_what_is_undone_after_it_was_read_needs_no_reading(page: Page, anna: User) -> None:
    page = do(page, anna, kind="merge", lines=lines(page)[:2])
    reread(page=page)
    work_until_nothing_is_due()
    page = Page.objects.get(pk=page.pk)
    assert page.layout is not None
    undo_layout(page=page, base_version=page.layout.version, author=anna)
    changes = changes_since_reading(page)
    assert (changes.lines, changes.stale) == ((), True)
    reread(page=page)
    work_until_nothing_is_due()
    assert read_lines(page) == set()
    assert current_run(page).votes.count() == 3
    assert violations() == []
    page = do(page, anna, kind="merge", lines=lines(page)[1:])
    reread(page=page)
    work_until_nothing_is_due()
    assert violations() == [], "carried over what was carried over"


def test_a_persons_text_is_not_overwritten_by_reading_again(page: Page, anna: User, scribe: Install) -> None:
    place = page.layout.places.select_related("line__current").order_by("position")[0]  # type: ignore[union-attr]
    save_line(line=place.line, text="Baptisms in the parish", base_revision=1, author=anna)
    page = do(page, anna, kind="split", line=place.line_id, share=0.5)
    scribe(text="nonsense")
    reread(page=page)
    work_until_nothing_is_due()
    texts = [place.line.current for place in page.layout.places.order_by("position")[:2]]  # type: ignore[union-attr]
    assert [text.text for text in texts if text] == ["Baptisms in", "the parish"]
    assert {text.source for text in texts if text} == {Source.PERSON}
    assert violations() == []


def test_pressing_the_button_twice_begins_one_run(page: Page, anna: User) -> None:
    page = do(page, anna, kind="split", line=lines(page)[0], share=0.5)
    assert reread(page=page) is not None
    assert reread(page=page) is None
    assert page.runs.count() == 2


def test_a_page_that_nobody_changed_is_not_read_again(page: Page) -> None:
    assert changes_since_reading(page).lines == ()
    assert reread(page=page) is None


def test_a_page_without_a_layout_or_being_read_has_no_changes(media_root: Path, scribe: Install) -> None:
    page = prepared_page(media_root)
    assert changes_since_reading(page).stale is False
    page.layout = None
    assert changes_since_reading(page).stale is False


def test_a_worker_lost_in_the_middle_costs_nothing_and_doubles_nothing(page: Page, anna: User) -> None:
    one, two, three = lines(page)
    page = do(page, anna, kind="split", line=two, share=0.4)
    run = reread(page=page)
    assert run is not None
    passes = run.profile_version.stage_passes.count()
    perform(*claim_step(Step.RECOGNIZE))
    lost, token = claim_step(Step.RECOGNIZE)  # its worker is killed here
    lose(lost)
    work_until_nothing_is_due()
    with pytest.raises(LostLease), queue.finishing(lost, token):
        pass  # it was only asleep, and comes back
    assert Reading.objects.filter(run=run).count() == 4 * passes
    assert read_lines(page) == set(lines(page)) - {one, three}
    assert run.votes.count() == 4
    assert violations() == []


def test_a_vote_that_is_lost_is_taken_again_for_the_changed_lines_only(page: Page, anna: User) -> None:
    page = do(page, anna, kind="split", line=lines(page)[1], share=0.4)
    run = reread(page=page)
    assert run is not None
    while drain(Queue.ENGINE):
        pass
    lost, _token = claim_step(Step.VOTE)
    lose(lost)
    work_until_nothing_is_due()
    assert run.votes.count() == 4
    assert violations() == []


def test_a_pass_that_fails_on_the_changed_lines_is_missed_although_others_were_carried(
    page: Page, anna: User, scribe: Install
) -> None:
    page = do(page, anna, kind="split", line=lines(page)[1], share=0.4)
    reread(page=page)
    scribe(fails=range(10))
    perform(*claim_step(Step.RECOGNIZE))
    scribe()
    work_until_nothing_is_due()
    assert "pass-missing" in current_run(page).route_decision.reasons
    assert violations() == []


def test_words_brought_for_the_page_are_placed_on_the_new_lines(page: Page, anna: User, scribe: Install) -> None:
    create_imported_transcript(page=page, text="the old rector\nthe old rector\nthe old rector\n")
    page = do(page, anna, kind="split", line=lines(page)[1], share=0.4)
    reread(page=page)
    work_until_nothing_is_due()
    assert Work.objects.filter(run=current_run(page), step=Step.ALIGN, state=WorkState.DONE).exists()
    assert violations() == []


def test_the_words_that_the_page_was_read_with_are_used_again(page: Page, anna: User) -> None:
    before = current_run(page).vocabulary
    create_term(collection=page.collection)
    page = do(page, anna, kind="split", line=lines(page)[1], share=0.4)
    run = reread(page=page)
    assert run is not None
    assert run.vocabulary == before


def test_where_an_engine_has_changed_the_whole_page_is_read_with_the_present_one(
    page: Page, anna: User, scribe: Install, settings: Any
) -> None:
    page = do(page, anna, kind="split", line=lines(page)[1], share=0.4)
    declared = settings.ENGINES["starter"] | {"VERSION": "2"}
    settings.ENGINES = settings.ENGINES | {"starter": declared}
    registry.cache_clear()
    run = reread(page=page)
    assert run is not None
    work_until_nothing_is_due()
    assert read_lines(page) == set(lines(page))
    assert violations() == []


def test_lines_that_a_later_stage_has_read_are_not_sent_there_again(page: Page, anna: User) -> None:
    version = current_run(page).profile_version
    first = version.stage_passes.order_by("position")[0].pass_version
    version.stage_passes.exclude(pass_version=first).update(stage=1)
    version.thresholds = [0.999, 0.0]
    version.save()
    # Read in two stages from the beginning.
    flow.start_run(page=page, profile_version=version, layout=page.layout, lane=0)
    work_until_nothing_is_due()
    assert set(current_run(page).votes.values_list("stage", flat=True)) == {0, 1}
    one, *others = lines(page)
    page = Page.objects.get(pk=page.pk)
    page = do(page, anna, kind="split", line=one, share=0.5)
    run = reread(page=page)
    assert run is not None
    work_until_nothing_is_due()
    second = Work.objects.filter(run=run, step=Step.RECOGNIZE, stage=1)
    assert second.exists()
    assert all(set(work.lines or ()).isdisjoint(others) for work in second)
    assert not open_work(page).exists()
    assert run.votes.filter(stage=1).count() == 4
    assert violations() == []


def test_a_reading_carried_over_for_a_line_that_moved_would_be_found(page: Page, anna: User) -> None:
    page = do(page, anna, kind="split", line=lines(page)[0], share=0.5)
    reread(page=page)
    work_until_nothing_is_due()
    assert violations() == []
    kept = LayoutLine.objects.filter(layout=page.layout_id, line=lines(page)[3])
    kept.update(baseline=[[1, 1], [500, 1]])
    assert [each.name for each in violations()] == [
        "a reading stems from a done pass of its run, or of an earlier one whose line has not moved"
    ]


def test_a_reading_that_no_pass_made_for_a_changed_line_would_be_found(page: Page, anna: User) -> None:
    page = do(page, anna, kind="split", line=lines(page)[0], share=0.5)
    run = reread(page=page)
    assert run is not None
    work_until_nothing_is_due()
    # A pass that was done for other lines is no excuse.
    Work.objects.filter(run=run, step=Step.RECOGNIZE).update(lines=[lines(page)[0]])
    assert [each.name for each in violations()] == [
        "a reading stems from a done pass of its run, or of an earlier one whose line has not moved"
    ]
