"""Whatever workers, people and the sweeper do, in whatever order: nothing is stuck, lost or done twice."""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.factories import create_collection, create_page, create_profile_version
from transcription.errors import EngineFailure, LostLease, ServiceUnavailable
from transcription.models import Collection, Failure, PageState, PassVersion, Queue, Step, Work, WorkState
from transcription.steps import control, flow, queue
from transcription.steps.invariants import violations
from transcription.steps.sweep import sweep_once

Held = tuple[int, uuid.UUID]
ENGINES = ["plain+a", "clahe+b"]


class Machine(RuleBasedStateMachine):
    """Two pages of one collection from preparation to the vote, every step done, lost, failed or repeated at will."""

    claims: Bundle[Held] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.before = transaction.savepoint()  # not a nested atomic(): a claim must be the outermost
        self.version = create_profile_version(passes=ENGINES)
        self.collection = create_collection(profile=self.version.profile)
        self.digests = list(PassVersion.objects.values_list("engine_digest", flat=True))
        self.done: dict[int, int] = {}
        for _ in range(2):
            page = create_page(collection=self.collection, state=PageState.RECEIVED)
            queue.enqueue(step=Step.PREPARE, collection_id=self.collection.pk, page_id=page.pk)

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.before)

    @rule(target=claims, name=st.sampled_from(list(Queue)), limit=st.integers(1, 4))
    def claim(self, name: Queue, limit: int) -> Held | MultipleResults[Held]:
        Work.objects.filter(state=WorkState.QUEUED).update(not_before=None)
        claim = queue.claim(queue=name, worker="w", limit=limit, engine_digests=self.digests)
        return multiple(*((work.pk, claim.token) for work in claim.work)) if claim else multiple()

    @rule(held=claims)
    def finish(self, held: Held) -> None:
        pk, token = held
        work = Work.objects.select_related("run", "collection").filter(pk=pk).first()
        assert work is not None
        ours = work.token == token and work.state == WorkState.RUNNING
        try:
            with queue.finishing(work, token) as page:
                assert page is not None
                if work.step == Step.PREPARE:
                    page.state = PageState.PREPARED
                    layout = page.layouts.create(version=page.layouts.count() + 1, source="t")
                    layout.places.create(line=page.lines.create(), position=1, baseline=[], polygon=[])
                    page.layout = layout
                    page.save()
                    flow.start_run(page=page, profile_version=self.version, layout=layout, lane=work.lane)
                elif work.step == Step.RECOGNIZE:
                    assert work.run is not None
                    place = work.run.layout.places.get()  # type: ignore[union-attr]
                    assert work.pass_version_id is not None
                    work.run.readings.create(line=place.line, pass_version_id=work.pass_version_id, text="a", chars=[1])
                    flow.after_stage_read(page=page, run=work.run, stage=work.stage, lane=work.lane)
                else:
                    assert work.run is not None
                    open_passes = Work.objects.filter(run=work.run, step=Step.RECOGNIZE, state__in=flow.OPEN)
                    assert not open_passes.exists(), "the vote came before a pass was over"
                    work.run.votes.create(line=work.run.layout.places.get().line, text="a")  # type: ignore[union-attr]
                    page.route_decisions.create(run=work.run, outcome="accept", confidence=1, threshold=0)
                    page.state = PageState.ACCEPTED
                    page.save()
            assert ours, "a result was written under a token that was not the row's"
            self.done[pk] = self.done.get(pk, 0) + 1
        except LostLease:
            assert not ours

    @rule(held=claims, passing=st.booleans())
    def fail(self, held: Held, passing: bool) -> None:
        work = Work.objects.select_related("run").get(pk=held[0])
        error = ServiceUnavailable("gone") if passing else EngineFailure("broken")
        with suppress(LostLease):
            queue.fail(work, held[1], error, then=flow.after_failure)

    @rule(held=claims)
    def stop_in_good_order(self, held: Held) -> None:
        queue.release(token=held[1])

    @rule(held=claims)
    def break_the_batch(self, held: Held) -> None:
        queue.retry_alone(token=held[1])

    @rule()
    def kill_all_workers_and_sweep(self) -> None:
        Work.objects.filter(state=WorkState.RUNNING).update(lease_until=timezone.now() - timedelta(hours=1))
        sweep_once()

    @rule()
    def retry(self) -> None:
        control.retry(Failure.objects.all())

    @rule(act=st.sampled_from([control.pause, control.resume, control.cancel]))
    def control_collection(self, act: object) -> None:
        act(Collection.objects.get(pk=self.collection.pk))  # type: ignore[operator]

    @rule()
    def read_again(self) -> None:
        control.rerun(self.collection)

    @invariant()
    def nothing_is_stuck_lost_or_double(self) -> None:
        assert violations() == []
        assert all(count == 1 for count in self.done.values()), "a unit of work was done twice"


class Finishing(Machine):
    """And from wherever that led, once workers live and people retry, every page ends finished."""

    def teardown(self) -> None:
        control.resume(Collection.objects.get(pk=self.collection.pk))
        for _ in range(4):
            self.kill_all_workers_and_sweep()
            control.retry(Failure.objects.all())
            for name in Queue:
                Work.objects.filter(state=WorkState.QUEUED).update(not_before=None)
                while (claim := queue.claim(queue=name, worker="w", limit=9, engine_digests=self.digests)) is not None:
                    for work in claim.work:
                        self.finish((work.pk, claim.token))
        try:
            states = set(self.collection.pages.values_list("state", flat=True))
            assert states == {PageState.ACCEPTED}, states
            assert violations() == []
        finally:
            super().teardown()


@pytest.fixture
def quiet_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transcription.steps.sweep.ring", lambda *_, **__: False)


@pytest.mark.django_db
def test_in_whatever_order_things_happen_nothing_is_stuck_lost_or_double(quiet_bell: None) -> None:
    run_state_machine_as_test(
        Finishing,
        settings=settings(
            max_examples=4,
            stateful_step_count=20,
            phases=[Phase.generate],
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
