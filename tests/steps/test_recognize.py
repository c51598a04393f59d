from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db.models import Q

from tests.factories import create_collection
from tests.steps.journey import claim_step, current_run, open_work, perform, prepared_page, work_until_nothing_is_due
from transcription.errors import LostLease
from transcription.models import Failure, PageState, Queue, Reading, Step, Work, WorkState
from transcription.steps import page_image as page_image_module
from transcription.steps import queue
from transcription.steps import recognize as recognize_module
from transcription.steps.control import retry
from transcription.steps.drain import drain
from transcription.steps.invariants import violations
from transcription.steps.recognize import recognize
from transcription.steps.workers import held_engine_digests

pytestmark = pytest.mark.django_db
Install = Callable[..., None]


def test_lines_of_many_pages_are_read_in_one_call_and_each_finds_its_page(media_root: Path, scribe: Install) -> None:
    collection = create_collection()
    pages = [prepared_page(media_root, collection=collection, lines=lines) for lines in (1, 3, 2)]
    passes = current_run(pages[0]).profile_version.stage_passes.count()
    claim = queue.claim(queue=Queue.ENGINE, worker="w", limit=50, engine_digests=held_engine_digests())
    assert claim is not None
    assert len(claim.work) == 3 * passes
    calls = []
    recognize(claim.work, claim.token, lambda: calls.append(1))
    for page, lines in zip(pages, (1, 3, 2), strict=True):
        assert current_run(page).readings.count() == lines * passes
        assert page.state == PageState.READ
    assert len(calls) == (1 + 3 + 2) * passes, "progress after each line"


def test_a_line_that_cannot_be_read_costs_only_that_line(media_root: Path, scribe: Install) -> None:
    scribe(fails=[1])
    page = prepared_page(media_root, lines=3)
    perform(*claim_step(Step.RECOGNIZE))
    assert current_run(page).readings.count() == 2
    work_until_nothing_is_due()
    assert current_run(page).votes.count() == 3, "a line without readings gets an empty vote"
    assert violations() == []


def test_a_pass_that_reads_nothing_is_given_up(media_root: Path, scribe: Install) -> None:
    scribe(fails=range(100))
    page = prepared_page(media_root)
    work_until_nothing_is_due()
    assert not Reading.objects.exists()
    passes = current_run(page).profile_version.stage_passes.count()
    assert page.failures.open().count() == passes
    assert page.state == PageState.SEGMENTED, "no pass has read: the page waits with its failures"
    assert violations() == []


def test_an_engine_that_falls_silent_fails_and_is_not_asked_for_ever(media_root: Path, scribe: Install) -> None:
    scribe(silent_from=0)
    page = prepared_page(media_root)
    assert drain(Queue.ENGINE) == current_run(page).profile_version.stage_passes.count()
    assert not open_work(page).exists()
    assert "no result" in page.failures.open()[0].message


def test_an_engine_that_falls_silent_in_the_middle_keeps_what_it_read(media_root: Path, scribe: Install) -> None:
    scribe(silent_from=2)
    page = prepared_page(media_root)
    perform(*claim_step(Step.RECOGNIZE))
    assert current_run(page).readings.count() == 2


def test_an_engine_that_answers_twice_is_heard_once(media_root: Path, scribe: Install) -> None:
    scribe(twice=True)
    page = prepared_page(media_root)
    work_until_nothing_is_due()
    assert current_run(page).readings.count() == 3 * current_run(page).profile_version.stage_passes.count()
    assert not Failure.objects.exists()


@pytest.mark.parametrize("error", ["value", "permanent"])
def test_a_batch_that_breaks_as_a_whole_is_read_row_by_row(error: str, media_root: Path, scribe: Install) -> None:
    scribe(error=error, smallest_batch_that_fails=4)
    page = prepared_page(media_root, lines=3)
    work_until_nothing_is_due()
    page.refresh_from_db()
    assert page.state in {PageState.ACCEPTED, PageState.IN_REVIEW}
    assert not Failure.objects.exists()
    assert Work.objects.filter(step=Step.RECOGNIZE, alone=True).exists(), "this test needs a batch that broke"


def test_lines_that_do_not_fit_into_memory_at_once_are_read_in_halves_and_no_work_is_tried_twice(
    media_root: Path, scribe: Install
) -> None:
    scribe(error="memory", smallest_batch_that_fails=4)
    collection = create_collection()
    pages = [prepared_page(media_root, collection=collection, lines=lines) for lines in (3, 1, 2)]
    work_until_nothing_is_due()
    for page, lines in zip(pages, (3, 1, 2), strict=True):
        passes = current_run(page).profile_version.stage_passes.count()
        assert current_run(page).readings.count() == lines * passes
        assert page.state in {PageState.ACCEPTED, PageState.IN_REVIEW}
    assert not Failure.objects.exists()
    assert not Work.objects.filter(Q(alone=True) | Q(attempts__gt=0)).exists()
    assert violations() == []


def test_where_not_even_one_line_fits_work_is_tried_thrice_and_set_aside_with_a_sentence(
    media_root: Path, scribe: Install
) -> None:
    scribe(error="memory")
    pages = [prepared_page(media_root, lines=lines) for lines in (1, 3)]
    turns = 0
    while drain(Queue.ENGINE):
        Work.objects.update(not_before=None)
        turns += 1
        assert turns < 30, "nothing is tried for ever"
    reading = Work.objects.filter(step=Step.RECOGNIZE)
    assert set(reading.values_list("state", "attempts")) == {(WorkState.FAILED, queue.MAX_ATTEMPTS)}
    for page in pages:
        failures = list(page.failures.open())
        assert len(failures) == current_run(page).profile_version.stage_passes.count()
        assert {failure.code for failure in failures} == {"out-of-memory"}
        assert all("not enough memory to read" in failure.message for failure in failures)
        assert page.state == PageState.SEGMENTED
    assert violations() == []


def test_a_page_whose_image_is_too_much_for_the_memory_waits_and_the_others_are_read(
    media_root: Path, scribe: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = create_collection()
    large, small = (prepared_page(media_root, collection=collection) for _ in range(2))
    passes = current_run(small).profile_version.stage_passes.count()
    before = page_image_module.read_gray

    def read_gray(path: Path) -> Any:
        if path.name == Path(large.pyramid).name:
            raise MemoryError
        return before(path)

    monkeypatch.setattr(page_image_module, "read_gray", read_gray)
    assert drain(Queue.ENGINE) == 2 * passes
    assert current_run(small).readings.count() == 3 * passes
    waiting = open_work(large)
    assert set(waiting.values_list("state", "attempts", "alone")) == {(WorkState.QUEUED, 1, False)}
    assert not waiting.filter(not_before=None).exists()
    monkeypatch.undo()
    Work.objects.update(not_before=None)
    work_until_nothing_is_due()
    assert current_run(large).readings.count() == 3 * passes
    assert not Failure.objects.exists()
    assert violations() == []


def test_lines_that_memory_cannot_even_cut_out_put_only_their_page_off(
    media_root: Path, scribe: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = create_collection()
    first, second = (prepared_page(media_root, collection=collection) for _ in range(2))
    before, cut = recognize_module.enhance, []

    def enhance(*given: Any) -> Any:
        cut.append(1)
        if len(cut) == 2:
            raise MemoryError
        return before(*given)

    monkeypatch.setattr(recognize_module, "enhance", enhance)
    drain(Queue.ENGINE)
    passes = current_run(second).profile_version.stage_passes.count()
    assert current_run(second).readings.count() == 3 * passes
    assert set(open_work(first).values_list("attempts", flat=True)) == {1}
    Work.objects.update(not_before=None)
    work_until_nothing_is_due()
    assert current_run(first).readings.count() == 3 * passes
    assert violations() == []


def test_lines_are_cut_as_the_engine_takes_them(media_root: Path, scribe: Install) -> None:
    collection = create_collection()
    pages = [prepared_page(media_root, collection=collection) for _ in range(3)]
    claim = queue.claim(queue=Queue.ENGINE, worker="w", limit=50, engine_digests=held_engine_digests())
    assert claim is not None
    scribe(eager=False)
    read: list[int] = []

    def stop_after_a_third() -> None:
        read.append(1)
        if len(read) > len(claim.work):
            raise LostLease("this worker was thought dead")

    with pytest.raises(LostLease):
        recognize(claim.work, claim.token, stop_after_a_third)
    assert current_run(pages[0]).readings.exists()
    assert not current_run(pages[2]).readings.exists(), "a page is written as soon as its lines are done"


def test_an_unexpected_error_is_a_failure_with_its_trace(media_root: Path, scribe: Install) -> None:
    scribe(error="value")
    page = prepared_page(media_root)
    work_until_nothing_is_due()
    failure = page.failures.open()[0]
    assert failure.code == "unexpected"
    assert "ValueError" in failure.detail


def test_a_page_whose_image_is_gone_fails_by_itself(media_root: Path, scribe: Install) -> None:
    collection = create_collection()
    broken, whole = (prepared_page(media_root, collection=collection) for _ in range(2))
    Path(default_storage.path(broken.pyramid)).write_bytes(b"no image")
    work_until_nothing_is_due()
    for page in (broken, whole):
        page.refresh_from_db()
    assert broken.failures.open().exists()
    assert whole.state in {PageState.ACCEPTED, PageState.IN_REVIEW}
    assert not whole.failures.exists()


def test_the_vote_goes_on_without_a_pass_that_was_given_up_and_retry_reads_the_page_anew(
    media_root: Path, scribe: Install
) -> None:
    page = prepared_page(media_root)
    scribe(error="permanent")
    perform_or_fail = claim_step(Step.RECOGNIZE)
    queue.release(token=perform_or_fail[1])
    Work.objects.filter(step=Step.RECOGNIZE).exclude(pk=perform_or_fail[0].pk).update(state=WorkState.CANCELLED)
    drain(Queue.ENGINE)
    Work.objects.filter(state=WorkState.CANCELLED).update(state=WorkState.QUEUED)
    scribe()
    work_until_nothing_is_due()
    page.refresh_from_db()
    assert "pass-missing" in current_run(page).route_decision.reasons
    assert page.state == PageState.IN_REVIEW
    assert violations() == []
    first_run = current_run(page)
    assert retry(page.failures.all()) == 1
    work_until_nothing_is_due()
    assert current_run(page).number == first_run.number + 1
    assert "pass-missing" not in current_run(page).route_decision.reasons
    assert violations() == []
