from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from tests.factories import create_collection, create_profile_version, create_user
from tests.steps.audited import TEXT, decided_page, settle
from tests.steps.journey import claim_step, perform, work_until_nothing_is_due
from transcription.htr import risk
from transcription.models import (
    Audit,
    Collection,
    Page,
    PageState,
    ProfileVersion,
    Promise,
    RouteDecision,
    Step,
    Work,
    WorkState,
)
from transcription.steps import weigh_audits
from transcription.steps.invariants import violations
from transcription.steps.promises import request_weighing
from transcription.steps.weigh_audits import bring_up_to_date, weighed

pytestmark = pytest.mark.django_db
State, Reason = Promise.State, Promise.Reason
PAGES = 30  # of one line each: enough for a promise of 40 % on half of them where nothing is wrong


@pytest.fixture(autouse=True)
def few_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the pages, the first that are tried, may be enough; a page takes a tenth of a second to make."""
    monkeypatch.setattr(risk, "LEAST_PAGES", 10)
    monkeypatch.setattr(weigh_audits, "LEAST_DECIDED", 12)


@pytest.fixture
def version() -> ProfileVersion:
    return create_profile_version()


@pytest.fixture
def collection() -> Collection:
    """A collection that promises 40 % and audits every page."""
    return create_collection(audit_rate=1.0, promised_error=0.4)


@pytest.fixture
def people() -> Callable[..., None]:
    """Settles all audits that wait, as the same two people do."""
    typist, judge = create_user(), create_user()

    def work(truth: str = TEXT) -> None:
        for audit in Audit.objects.waiting().order_by("pk"):
            settle(audit, truth=truth, typist=typist, judge=judge)

    return work


def pages_of(
    collection: Collection, version: ProfileVersion, count: int = PAGES, *, confidence: float = 0.9, lines: int = 1
) -> list[Page]:
    """Pages whose confidences are spread a little around ``confidence``."""
    return [
        decided_page(collection, version, confidence=confidence + (n % 10 - 4.5) / 100, lines=lines)
        for n in range(count)
    ]


def promise_of(collection: Collection) -> Promise:
    return Promise.objects.filter(collection=collection).latest("pk")


def standing(collection: Collection, version: ProfileVersion, people: Callable[..., None]) -> Promise:
    """A promise that was just made."""
    pages_of(collection, version)
    bring_up_to_date(collection)
    people()
    bring_up_to_date(collection)
    promise = promise_of(collection)
    assert promise.state == State.STANDING
    return promise


def test_without_audits_nothing_is_promised(collection: Collection, version: ProfileVersion) -> None:
    pages_of(collection, version)
    promise = bring_up_to_date(collection)
    assert promise is not None
    assert (promise.state, promise.threshold) == (State.GATHERING, None)
    assert promise.thresholds == sorted(promise.thresholds, reverse=True)


def test_a_handful_of_pages_lays_down_no_thresholds(collection: Collection, version: ProfileVersion) -> None:
    pages_of(collection, version, 5)
    assert bring_up_to_date(collection) is None


def test_where_nobody_asks_for_a_promise_none_is_begun(version: ProfileVersion) -> None:
    collection = create_collection(audit_rate=1.0)
    pages_of(collection, version)
    assert bring_up_to_date(collection) is None


def test_audits_make_the_promise_and_it_says_on_what_it_stands(
    collection: Collection, version: ProfileVersion, people: Callable[..., None]
) -> None:
    promise = standing(collection, version, people)
    assert promise.threshold == min(promise.thresholds)
    assert (promise.pages, promise.lines, promise.measured) == (PAGES, PAGES, 0.0)
    assert promise.made_at is not None
    assert promise.engines
    assert violations() == []


def test_errors_in_the_audits_refuse_the_promise(
    collection: Collection, version: ProfileVersion, people: Callable[..., None]
) -> None:
    pages_of(collection, version)
    bring_up_to_date(collection)
    people("wholly another line")
    promise = bring_up_to_date(collection)
    assert promise is not None
    assert promise.state == State.GATHERING


def test_errors_on_doubtful_pages_alone_move_the_threshold_above_them(
    collection: Collection, version: ProfileVersion, people: Callable[..., None]
) -> None:
    for page in pages_of(collection, version, 40, confidence=0.9):
        assert page.state == PageState.ACCEPTED
    bad = pages_of(collection, version, 30, confidence=0.6)
    bring_up_to_date(collection)
    for audit in Audit.objects.waiting():
        settle(audit, truth="wholly another line" if audit.page in bad else TEXT)
    promise = bring_up_to_date(collection)
    assert promise is not None
    assert promise.threshold is not None
    assert min(promise.thresholds) < promise.threshold <= max(promise.thresholds)


def test_an_audit_that_is_open_holds_back_those_drawn_after_it(
    collection: Collection, version: ProfileVersion, people: Callable[..., None]
) -> None:
    pages_of(collection, version, 14)
    promise = bring_up_to_date(collection)
    assert promise is not None
    first, *others = Audit.objects.order_by("pk")
    for audit in others:
        settle(audit)
    assert weighed(promise) == []
    settle(first)
    assert len(weighed(promise)) == 14


def test_routing_goes_by_the_promise_while_it_stands_and_says_so(
    collection: Collection, version: ProfileVersion, people: Callable[..., None]
) -> None:
    promise = standing(collection, version, people)
    page = decided_page(collection, version, confidence=0.7)  # above the collection's own threshold of 0.5
    decision = RouteDecision.objects.get(run=page.run)
    assert (decision.promise, decision.threshold) == (promise, promise.threshold)
    assert page.state == PageState.IN_REVIEW


def test_pages_on_the_other_side_of_the_threshold_are_decided_again(
    collection: Collection, version: ProfileVersion, people: Callable[..., None]
) -> None:
    doubtful = decided_page(collection, version, confidence=0.6, lines=1)
    pages_of(collection, version)
    request_weighing(collection)
    work_until_nothing_is_due()
    for audit in Audit.objects.waiting().order_by("pk"):
        settle(audit, truth="wholly another line" if audit.page_id == doubtful.pk else TEXT)
    Promise.objects.update(thresholds=[0.8])
    work_until_nothing_is_due()
    assert promise_of(collection).state == State.STANDING
    doubtful.refresh_from_db()
    assert doubtful.state == PageState.IN_REVIEW
    decision = RouteDecision.objects.get(page=doubtful)
    assert decision.threshold == 0.8
    assert "low-confidence" in decision.reasons
    assert violations() == []


def test_weighing_twice_changes_nothing_more(
    collection: Collection, version: ProfileVersion, people: Callable[..., None]
) -> None:
    standing(collection, version, people)
    before = Promise.objects.values().get()
    request_weighing(collection)
    work, token = claim_step(Step.PROMISE)
    perform(work, token)
    Work.objects.filter(pk=work.pk).update(state=WorkState.RUNNING, token=token, lease_until=Now() + timedelta(hours=1))
    perform(work, token)
    assert Promise.objects.values().get() == before
    assert Work.objects.get(pk=work.pk).state == WorkState.DONE


def test_a_worker_that_dies_between_two_pages_leaves_work_that_ends_as_if_it_had_not(
    collection: Collection, version: ProfileVersion, people: Callable[..., None]
) -> None:
    doubtful = [decided_page(collection, version, confidence=0.6, lines=1) for _ in range(3)]
    pages_of(collection, version)
    bring_up_to_date(collection)
    people()
    Promise.objects.update(thresholds=[0.8])
    Work.objects.all().delete()
    request_weighing(collection)
    work, token = claim_step(Step.PROMISE)

    def die() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        weigh_audits.weigh_audits(work, token, die)
    moved = Page.objects.filter(pk__in=[page.pk for page in doubtful], state=PageState.IN_REVIEW)
    assert (promise_of(collection).state, moved.count()) == (State.STANDING, 1)
    weigh_audits.weigh_audits(work, token)
    assert moved.count() == 3
    assert Promise.objects.count() == 1
    assert Work.objects.get(pk=work.pk).state == WorkState.DONE
    assert violations() == []


def test_the_last_audit_that_is_settled_has_the_promise_made(
    collection: Collection, version: ProfileVersion, people: Callable[..., None]
) -> None:
    pages_of(collection, version)
    request_weighing(collection)
    work_until_nothing_is_due()
    assert promise_of(collection).state == State.GATHERING
    people()
    work_until_nothing_is_due()
    assert promise_of(collection).state == State.STANDING


def test_another_profile_version_ends_the_promise(
    collection: Collection, version: ProfileVersion, people: Callable[..., None]
) -> None:
    promise = standing(collection, version, people)
    page = decided_page(collection, create_profile_version(), confidence=0.7)
    promise.refresh_from_db()
    assert (promise.state, promise.reason) == (State.EXPIRED, Reason.PROFILE)
    decision = RouteDecision.objects.get(run=page.run)
    assert (decision.promise, decision.threshold) == (None, collection.threshold)


def test_another_calibration_ends_the_promise(
    collection: Collection, version: ProfileVersion, people: Callable[..., None]
) -> None:
    promise = standing(collection, version, people)
    Promise.objects.filter(pk=promise.pk).update(calibration="another")
    decided_page(collection, version)
    promise.refresh_from_db()
    assert (promise.state, promise.reason) == (State.EXPIRED, Reason.CALIBRATION)


def test_material_that_looks_otherwise_ends_the_promise(
    collection: Collection, version: ProfileVersion, people: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weigh_audits, "BLOCK", 25)
    promise = standing(collection, version, people)
    pages_of(collection, version, 25)
    bring_up_to_date(collection)
    promise.refresh_from_db()
    assert (promise.state, promise.blocks) == (State.STANDING, 1)
    pages_of(collection, version, 25, lines=4)
    bring_up_to_date(collection)
    promise.refresh_from_db()
    assert (promise.state, promise.reason, promise.detail) == (State.EXPIRED, Reason.MATERIAL, "lines")


def test_errors_in_later_audits_end_the_promise_and_what_was_audited_before_is_no_evidence_for_the_next(
    collection: Collection, version: ProfileVersion, people: Callable[..., None]
) -> None:
    promise = standing(collection, version, people)
    pages_of(collection, version, 15)
    people("wholly another line")
    bring_up_to_date(collection)
    promise.refresh_from_db()
    assert (promise.state, promise.reason) == (State.EXPIRED, Reason.AUDITS)
    pages_of(collection, version)
    following = bring_up_to_date(collection)
    assert following is not None
    assert following.state == State.GATHERING
    assert weighed(following) == []


def test_asking_for_another_rate_begins_anew_with_the_same_audits(
    collection: Collection, version: ProfileVersion, people: Callable[..., None]
) -> None:
    promise = standing(collection, version, people)
    Collection.objects.update(promised_error=0.45)
    following = bring_up_to_date(collection)
    promise.refresh_from_db()
    assert promise.reason == Reason.WITHDRAWN
    assert following is not None
    assert (following.state, following.error) == (State.STANDING, 0.45)


def test_withdrawing_the_promise_ends_it(
    collection: Collection, version: ProfileVersion, people: Callable[..., None]
) -> None:
    promise = standing(collection, version, people)
    Collection.objects.update(promised_error=None)
    assert bring_up_to_date(collection) is None
    promise.refresh_from_db()
    assert promise.reason == Reason.WITHDRAWN
