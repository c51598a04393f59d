from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.utils import timezone

from tests.factories import create_collection, create_page, create_profile_version, create_run, create_work
from transcription.errors import BadInput, LostLease, ServiceUnavailable
from transcription.models import Collection, Failure, Lane, Page, Queue, Step, Work, WorkState
from transcription.steps import queue
from transcription.steps.queue import Claim
from transcription.steps.sweep import sweep_once

NOBODY = lambda work, page: None  # noqa: E731 - what follows a failure is not what these tests are about


def take(limit: int = 6, *, name: Queue = Queue.CPU, digests: tuple[str, ...] = ()) -> Claim:
    claim = queue.claim(queue=name, worker="w", limit=limit, engine_digests=digests)
    assert claim is not None
    return claim


def run_in_thread(act: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def after_the_pause(*works: Work) -> None:
    """What was lost alone waits before it is tried again; let that time pass."""
    waiting = Work.objects.filter(pk__in=[work.pk for work in works])
    assert not waiting.filter(not_before__lte=timezone.now()).exists()
    waiting.update(not_before=None)


def expire(*works: Work) -> None:
    Work.objects.filter(pk__in=[work.pk for work in works]).update(lease_until=timezone.now() - timedelta(minutes=5))


@pytest.mark.django_db(transaction=True)
def test_threads_that_claim_at_once_never_get_the_same_row() -> None:
    for title in ("A", "B"):
        collection = create_collection(title=title)
        for _ in range(40):
            create_work(collection=collection)
    taken: list[int] = []
    ready = threading.Barrier(4)

    def claim_all() -> None:
        ready.wait()
        while (claim := queue.claim(queue=Queue.CPU, worker="w", limit=3)) is not None:
            taken.extend(work.pk for work in claim.work)

    threads = [run_in_thread(claim_all) for _ in range(4)]
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 80
    assert not Work.objects.filter(state=WorkState.QUEUED).exists(), "nobody went home while work was due"


@pytest.mark.django_db(transaction=True)
def test_when_all_rows_of_one_collection_are_being_taken_the_next_collection_is_served() -> None:
    first, second = create_collection(title="waited longer"), create_collection(title="waited less")
    locked, free = create_work(collection=first), create_work(collection=second)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(Work.objects.select_for_update().filter(pk=locked.pk))
            held.set()
            done.wait(10)

    thread = run_in_thread(hold)
    assert held.wait(10)
    try:
        assert [work.pk for work in take().work] == [free.pk]
    finally:
        done.set()
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_cancelling_while_workers_claim_ends_in_no_deadlock_and_leaves_nothing_running() -> None:
    from transcription.steps.control import cancel, resume

    collection = create_collection()
    for _ in range(60):
        create_work(collection=collection)
    errors: list[Exception] = []
    stop = threading.Event()

    def claim_and_release() -> None:
        while not stop.is_set():
            try:
                claim = queue.claim(queue=Queue.CPU, worker="w", limit=5)
                if claim is not None:
                    queue.renew(token=claim.token)
                    queue.release(token=claim.token)
            except DatabaseError as error:  # a deadlock is what this test looks for
                errors.append(error)
                return

    threads = [run_in_thread(claim_and_release) for _ in range(3)]
    for _ in range(15):
        cancel(Collection.objects.get(pk=collection.pk))
        assert not collection.work.filter(state=WorkState.RUNNING).exists()
        resume(Collection.objects.get(pk=collection.pk))
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.django_db
class TestOrder:
    def test_interactive_work_of_any_collection_comes_first(self) -> None:
        bulk, urgent = create_collection(title="bulk"), create_collection(title="urgent")
        create_work(collection=bulk)
        awaited = create_work(collection=urgent, lane=Lane.INTERACTIVE)
        create_work(collection=urgent)
        assert [work.pk for work in take().work] == [awaited.pk]

    def test_the_collection_that_waited_longest_is_served_next(self) -> None:
        first, second = create_collection(title="first"), create_collection(title="second")
        for collection in (first, first, second, second):
            create_work(collection=collection)
        served = [take(1).work[0].collection_id for _ in range(4)]
        assert served == [first.pk, second.pk, first.pk, second.pk]

    def test_pages_begun_are_finished_before_others_are_begun(self) -> None:
        collection = create_collection()
        queue.enqueue(step=Step.PREPARE, collection_id=collection.pk, page_id=create_page(collection=collection).pk)
        queue.enqueue(step=Step.ROUTE, collection_id=collection.pk, page_id=create_page(collection=collection).pk)
        assert [work.step for work in take().work] == [Step.PREPARE, Step.ROUTE], "rows of a claim come by id"
        queue.release(token=Work.objects.exclude(token=None)[0].token or uuid.uuid4())
        assert take(1).work[0].step == Step.ROUTE

    @pytest.mark.parametrize("state", [Collection.State.PAUSED, Collection.State.CANCELLED])
    def test_nothing_of_a_paused_or_cancelled_collection_is_claimed(self, state: str) -> None:
        create_work(collection=create_collection(state=state))
        assert queue.claim(queue=Queue.CPU, worker="w", limit=5) is None

    def test_a_row_to_be_tried_alone_is_claimed_alone(self) -> None:
        collection = create_collection()
        create_work(collection=collection)
        suspects = [create_work(collection=collection, alone=True) for _ in range(2)]
        assert [work.pk for work in take().work] == [suspects[0].pk]
        assert [work.pk for work in take().work] == [suspects[1].pk]
        assert len(take().work) == 1

    def test_engine_work_goes_only_to_workers_that_hold_that_very_engine(self) -> None:
        page = create_page()
        version = create_profile_version(passes=["plain+starter"])
        held = version.passes.get()
        run = create_run(page=page, profile_version=version)
        create_work(
            collection=page.collection, step=Step.RECOGNIZE, queue=Queue.ENGINE, page=page, run=run, pass_version=held
        )
        assert queue.claim(queue=Queue.ENGINE, worker="w", limit=5) is None
        assert queue.claim(queue=Queue.ENGINE, worker="w", limit=5, engine_digests=["another"]) is None
        assert len(take(name=Queue.ENGINE, digests=("another", held.engine_digest)).work) == 1

    def test_work_that_failed_a_moment_ago_waits_until_its_time(self) -> None:
        work = create_work(collection=create_collection())
        claim = take()
        assert queue.fail(work, claim.token, ServiceUnavailable("gone"), then=NOBODY) is False
        assert queue.claim(queue=Queue.CPU, worker="w", limit=5) is None
        Work.objects.update(not_before=timezone.now() - timedelta(seconds=1))
        assert take().work[0].attempts == 1


@pytest.mark.django_db
class TestOnce:
    def test_the_same_work_cannot_be_queued_twice(self) -> None:
        page = create_page()
        wanted = {"step": Step.PREPARE, "collection_id": page.collection_id, "page_id": page.pk}
        assert queue.enqueue(**wanted) is not None  # type: ignore[arg-type]
        assert queue.enqueue(**wanted, lane=Lane.INTERACTIVE) is None  # type: ignore[arg-type]
        assert Work.objects.count() == 1

    def test_passes_over_different_lines_are_different_work(self) -> None:
        page = create_page()
        for lines in ([1, 2], [1, 3], None):
            made = queue.enqueue(step=Step.RECOGNIZE, collection_id=page.collection_id, page_id=page.pk, lines=lines)
            assert made is not None
            assert made.queue == Queue.ENGINE

    def test_after_a_lost_lease_nothing_is_written(self) -> None:
        page = create_page()
        work = create_work(collection=page.collection, page=page)
        late = take()
        expire(work)
        sweep_once()
        after_the_pause(work)
        current = take()
        with pytest.raises(LostLease), queue.finishing(work, late.token):
            Page.objects.update(confidence=0.9)
        page.refresh_from_db()
        assert page.confidence is None
        with queue.finishing(work, current.token):
            pass
        with pytest.raises(LostLease), queue.finishing(work, current.token):
            pass
        work.refresh_from_db()
        assert (work.state, work.token, work.lease_until) == (WorkState.DONE, None, None)

    def test_an_error_after_a_lost_lease_is_dropped_too(self) -> None:
        work = create_work(collection=create_collection())
        late = take()
        expire(work)
        sweep_once()
        with pytest.raises(LostLease):
            queue.fail(work, late.token, BadInput("damaged"), then=NOBODY)
        assert not Failure.objects.exists()

    def test_a_result_for_a_page_that_was_deleted_is_a_lost_lease(self) -> None:
        page = create_page()
        work = create_work(collection=page.collection, page=page)
        claim = take()
        claimed = claim.work[0]
        page.delete()
        with pytest.raises(LostLease), queue.finishing(claimed, claim.token):
            pass
        with pytest.raises(LostLease):
            queue.fail(work, claim.token, BadInput("damaged"), then=NOBODY)


@pytest.mark.django_db
class TestErrors:
    def test_what_may_pass_is_tried_three_times_then_becomes_a_failure(self) -> None:
        work = create_work(collection=create_collection())
        outcomes = []
        for _ in range(3):
            Work.objects.update(not_before=None)
            claim = take()
            outcomes.append(queue.fail(claim.work[0], claim.token, ServiceUnavailable("no answer"), then=NOBODY))
        assert outcomes == [False, False, True]
        failure = Failure.objects.get()
        assert (failure.work_id, failure.code, failure.message) == (work.pk, "service-unavailable", "no answer")

    def test_what_will_not_pass_is_a_failure_at_once_and_says_so_to_the_flow(self) -> None:
        page = create_page()
        work = create_work(collection=page.collection, page=page)
        claim = take()
        told: list[Page | None] = []
        assert queue.fail(work, claim.token, BadInput("ends early", code="damaged"), then=lambda _, p: told.append(p))
        assert told == [page]
        assert Failure.objects.get().code == "damaged"

    def test_bytes_that_postgresql_refuses_do_not_hide_a_failure(self) -> None:
        work = create_work(collection=create_collection())
        claim = take()
        queue.fail(work, claim.token, BadInput("name \x00\udcff"), detail="\x00", then=NOBODY)
        assert Failure.objects.get().message.startswith("name ")

    def test_an_orderly_stop_counts_against_nobody(self) -> None:
        collection = create_collection()
        for _ in range(3):
            create_work(collection=collection)
        assert queue.release(token=take().token) == 3
        rows = Work.objects.values_list("state", "alone", "interruptions", "attempts").distinct()
        assert list(rows) == [(WorkState.QUEUED, False, 0, 0)]

    def test_renewing_moves_the_lease_of_what_is_left(self) -> None:
        collection = create_collection()
        first, second = create_work(collection=collection), create_work(collection=collection)
        claim = take()
        with queue.finishing(first, claim.token):
            pass
        expire(second)
        assert queue.renew(token=claim.token) == 1
        second.refresh_from_db()
        assert second.lease_until is not None
        assert second.lease_until > timezone.now() + timedelta(seconds=30)
        first.refresh_from_db()
        assert first.lease_until is None


@pytest.mark.django_db
class TestSweeper:
    def test_a_loss_in_company_counts_against_nobody_and_each_is_tried_alone(self) -> None:
        collection = create_collection()
        works = [create_work(collection=collection) for _ in range(3)]
        take()
        expire(*works)
        assert sweep_once().freed == 3
        assert list(Work.objects.values_list("interruptions", "alone").distinct()) == [(0, True)]

    def test_the_third_loss_alone_sets_aside_with_a_failure(self) -> None:
        work = create_work(collection=create_collection())
        for round_ in range(1, 4):
            take()
            expire(work)
            swept = sweep_once()
            work.refresh_from_db()
            assert work.interruptions == round_
            after_the_pause(work)
        assert swept.set_aside == 1
        assert work.state == WorkState.FAILED
        assert Failure.objects.get().code == "worker-killer"

    def test_a_lease_that_holds_is_left_alone(self) -> None:
        work = create_work(collection=create_collection())
        take()
        assert sweep_once().freed == 0
        work.refresh_from_db()
        assert work.state == WorkState.RUNNING

    def test_a_sweep_outlives_pages_that_are_deleted_under_it(self) -> None:
        from transcription.steps.sweep import _free

        assert _free(work_id=10**9, page_id=10**9) == ""
