from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.factories import create_collection, create_failure, create_user, create_work
from tests.steps.journey import claim_step, current_run, open_work, perform, prepared_page, work_until_nothing_is_due
from transcription.errors import LostLease
from transcription.models import Collection, Export, PageState, Queue, Step, Work, WorkState
from transcription.steps import control, queue
from transcription.steps.correct import save_line
from transcription.steps.drain import drain
from transcription.steps.export import request_export
from transcription.steps.invariants import violations

pytestmark = pytest.mark.django_db
Install = Callable[..., None]


def test_a_paused_collection_waits_and_goes_on_where_it_was(media_root: Path, scribe: Install) -> None:
    page = prepared_page(media_root)
    control.pause(page.collection)
    assert drain(Queue.ENGINE) == 0
    assert open_work(page).exists()
    control.resume(page.collection)
    work_until_nothing_is_due()
    page.refresh_from_db()
    assert page.finished_at is not None


def test_a_cancelled_collection_drops_results_and_resumes_without_losing_a_pass(
    media_root: Path, scribe: Install
) -> None:
    page = prepared_page(media_root)
    passes = current_run(page).profile_version.stage_passes.count()
    perform(*claim_step(Step.RECOGNIZE))
    running, token = claim_step(Step.RECOGNIZE)
    assert control.cancel(page.collection) == passes - 1
    with pytest.raises(LostLease), queue.finishing(running, token):
        pass
    assert not open_work(page).exists()
    assert violations() == []
    control.resume(page.collection)
    work_until_nothing_is_due()
    assert current_run(page).readings.values("pass_version").distinct().count() == passes
    assert current_run(page).route_decision is not None
    assert violations() == []


def test_a_pass_that_ends_just_as_the_rest_is_cancelled_does_not_start_the_vote_without_them(
    media_root: Path, scribe: Install
) -> None:
    page = prepared_page(media_root)
    work, token = claim_step(Step.RECOGNIZE)
    # What cancelling found when this row's transaction was already deciding: all others cancelled, this one not.
    Work.objects.filter(step=Step.RECOGNIZE, state=WorkState.QUEUED).update(state=WorkState.CANCELLED)
    Collection.objects.update(state=Collection.State.CANCELLED)
    perform(work, token)
    assert not Work.objects.filter(step=Step.VOTE).exists()
    control.resume(Collection.objects.get())
    work_until_nothing_is_due()
    assert current_run(page).route_decision.reasons in ([], ["low-confidence"])


def test_resuming_leaves_the_work_of_replaced_runs_cancelled(media_root: Path, scribe: Install) -> None:
    page = prepared_page(media_root)
    old = current_run(page)
    control.rerun(page.collection)
    assert set(Work.objects.filter(run=old).values_list("state", flat=True)) == {WorkState.CANCELLED}
    control.cancel(page.collection)
    control.resume(page.collection)
    assert set(Work.objects.filter(run=old).values_list("state", flat=True)) == {WorkState.CANCELLED}
    work_until_nothing_is_due()
    assert current_run(page).number == old.number + 1
    assert violations() == []


@pytest.mark.parametrize("find_lines", [False, True])
def test_reading_again_keeps_what_people_wrote(find_lines: bool, media_root: Path, scribe: Install) -> None:
    page = prepared_page(media_root)
    work_until_nothing_is_due()
    first = current_run(page)
    place = page.layout.places.order_by("position")[1] if page.layout else None
    assert place is not None
    save_line(line=place.line, text="Mary, daughter of John", base_revision=1, author=create_user())
    scribe(text="another reading")
    assert control.rerun(page.collection, find_lines=find_lines) == 1
    work_until_nothing_is_due()
    second = current_run(page)
    assert second.number == first.number + 1
    assert page.layout is not None
    texts = [place.line.current.text for place in page.layout.places.order_by("position") if place.line.current]
    assert texts.count("Mary, daughter of John") == 1
    assert set(texts) == {"Mary, daughter of John", "another reading"}
    assert first.votes.count() == 3, "the first run's votes stay what they were"
    assert violations() == []


def test_reading_again_leaves_pages_that_are_not_prepared_alone(media_root: Path, scribe: Install) -> None:
    page = prepared_page(media_root)
    page.state = PageState.RECEIVED
    page.save()
    assert control.rerun(page.collection) == 0


def test_a_retry_starts_its_counters_afresh_and_is_done_once(media_root: Path) -> None:
    collection = create_collection()
    work = create_work(collection=collection, state=WorkState.FAILED, attempts=3, interruptions=3)
    create_failure(collection=collection, work=work)
    assert control.retry(collection.failures.all()) == 1
    assert control.retry(collection.failures.all()) == 0
    work.refresh_from_db()
    assert (work.state, work.attempts, work.interruptions) == (WorkState.QUEUED, 0, 0)
    assert violations() == []


def test_retrying_when_every_pass_failed_reads_on_in_the_same_run(media_root: Path, scribe: Install) -> None:
    scribe(error="permanent")
    page = prepared_page(media_root)
    work_until_nothing_is_due()
    run = current_run(page)
    assert page.state == PageState.SEGMENTED
    scribe()
    control.retry(page.failures.all())
    work_until_nothing_is_due()
    assert current_run(page) == run
    assert run.readings.values("pass_version").distinct().count() == run.profile_version.stage_passes.count()
    assert violations() == []


def test_an_export_that_was_given_up_says_so_and_can_be_retried(
    media_root: Path, scribe: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = prepared_page(media_root)
    work_until_nothing_is_due()
    request_export(collection=page.collection, format="txt", scope=Export.Scope.ALL, requester=None)
    (media_root / "exports").write_text("a file where the folder should be")
    drain(Queue.CPU)
    assert Export.objects.get().state == Export.State.FAILED
    (media_root / "exports").unlink()
    control.retry(page.collection.failures.all())
    assert Export.objects.get().state == Export.State.QUEUED
    drain(Queue.CPU)
    assert Export.objects.get().state == Export.State.DONE
    assert violations() == []


def test_pausing_a_cancelled_collection_leaves_it_cancelled(media_root: Path, scribe: Install) -> None:
    page = prepared_page(media_root)
    control.cancel(page.collection)
    control.pause(page.collection)
    assert page.collection.state == Collection.State.CANCELLED
    assert violations() == []
