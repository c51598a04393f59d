from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import DataError, OperationalError, connection

from tests.factories import create_collection, create_work
from tests.steps.journey import prepared_page
from transcription.models import Failure, Lane, Queue, Step, Work, Worker, WorkState
from transcription.steps import drain as drain_module
from transcription.steps import queue
from transcription.steps.drain import drain

pytestmark = pytest.mark.django_db


def break_step(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(drain_module, "SINGLE", dict.fromkeys(Step, broken))


def test_a_database_that_goes_away_is_nobodys_fault_and_ends_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    collection = create_collection()
    for _ in range(3):
        create_work(collection=collection)
    break_step(monkeypatch, OperationalError("server closed the connection"))
    monkeypatch.setattr(connection, "close", lambda: None)  # the test's own transaction lives in it
    assert drain(Queue.CPU) == 3
    rows = Work.objects.values_list("state", "attempts", "interruptions", "alone").distinct()
    assert list(rows) == [(WorkState.QUEUED, 0, 0, False)]


def test_a_row_that_the_database_refuses_is_its_makers_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    create_work(collection=create_collection())
    break_step(monkeypatch, DataError("smallint out of range"))
    assert drain(Queue.CPU) == 1
    assert Failure.objects.get().code == "unexpected"


def test_memory_running_out_is_tried_again_and_never_leaves_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    create_work(collection=create_collection())
    break_step(monkeypatch, MemoryError())
    for _ in range(3):
        Work.objects.update(not_before=None)
        assert drain(Queue.CPU) == 1
    assert Failure.objects.get().code == "out-of-memory"


def test_one_bad_row_does_not_sink_those_claimed_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    collection = create_collection()
    bad, good = create_work(collection=collection), create_work(collection=collection)

    def step(work: Work, token: object) -> None:
        if work.pk == bad.pk:
            raise ValueError("what is this")
        Work.objects.filter(pk=work.pk).update(state=WorkState.DONE, token=None, lease_until=None)

    monkeypatch.setattr(drain_module, "SINGLE", dict.fromkeys(Step, step))
    drain(Queue.CPU)
    good.refresh_from_db()
    assert good.state == WorkState.DONE
    assert Failure.objects.get().work_id == bad.pk


def test_an_orderly_stop_gives_back_what_was_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    collection = create_collection()
    for _ in range(4):
        create_work(collection=collection)
    begun: list[int] = []

    def step(work: Work, token: object) -> None:
        begun.append(work.pk)
        Work.objects.filter(pk=work.pk).update(state=WorkState.DONE, token=None, lease_until=None)

    monkeypatch.setattr(drain_module, "SINGLE", dict.fromkeys(Step, step))
    drain(Queue.CPU, stopping=lambda: bool(begun))
    assert len(begun) == 1
    states = Work.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == [WorkState.DONE] + 3 * [WorkState.QUEUED]


def test_a_worker_says_what_it_holds(media_root: Path, scribe: Callable[..., None]) -> None:
    prepared_page(media_root)
    drain(Queue.ENGINE)
    worker = Worker.objects.get(queue=Queue.ENGINE)
    held = set(Work.objects.filter(step=Step.RECOGNIZE).values_list("pass_version__engine_digest", flat=True))
    assert held <= set(worker.engine_digests)


@pytest.mark.parametrize(
    ("seconds", "rows"),
    [(0.0, drain_module.LARGEST_CLAIM), (0.4, 20), (60.0, drain_module.LEAST_CLAIM)],
    ids=["a quick engine", "one of half a second a page", "a slow one"],
)
def test_claims_are_worth_a_few_seconds_of_the_device(
    seconds: float, rows: int, media_root: Path, scribe: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = create_collection()
    for _ in range(4):
        prepared_page(media_root, collection=collection, lines=1)
    asked: list[int] = []
    claim, perform = queue.claim, drain_module._perform
    clock = [0.0]

    def counted(**given: Any) -> Any:
        asked.append(given["limit"])
        return claim(**given)

    def timed(name: Queue, claimed: queue.Claim, stopping: Callable[[], bool]) -> bool:
        done = perform(name, claimed, stopping)
        clock[0] += seconds * len(claimed.work)
        return done

    monkeypatch.setattr(queue, "claim", counted)
    monkeypatch.setattr(drain_module, "_perform", timed)
    monkeypatch.setattr(drain_module, "TURN_SECONDS", 10_000.0)
    monkeypatch.setattr(drain_module, "monotonic", lambda: clock[0])
    drain(Queue.ENGINE)
    assert asked[:2] == [drain_module.CLAIM_SIZE[Queue.ENGINE], rows]
    asked.clear()
    drain(Queue.ENGINE)
    assert asked == [rows], "the next turn knows what the last one learned"


def test_bulk_work_in_hand_is_given_back_for_what_somebody_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    bulk = [create_work(collection=create_collection()) for _ in range(1)]
    bulk += [create_work(collection=bulk[0].collection) for _ in range(3)]
    done: list[int] = []

    def step(work: Work, token: object) -> None:
        if not done:
            create_work(collection=create_collection(), lane=Lane.INTERACTIVE)
        done.append(work.lane)
        Work.objects.filter(pk=work.pk).update(state=WorkState.DONE, token=None, lease_until=None)

    monkeypatch.setattr(drain_module, "SINGLE", dict.fromkeys(Step, step))
    drain(Queue.CPU)
    assert done == [Lane.BULK, Lane.INTERACTIVE, Lane.BULK, Lane.BULK, Lane.BULK]
    assert set(Work.objects.values_list("interruptions", "attempts")) == {(0, 0)}
