"""Reading that is paid for: it waits, uncounted, where a budget has no room; goes on at once when there is; and what
was paid for is not paid again."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.factories import create_collection
from tests.fake_endpoint import FakeEndpoint
from tests.steps.journey import prepared_page
from transcription.engines.endpoints import Endpoint, Endpoints, declared_engines
from transcription.models import Charge, ChargeState, Collection, Failure, Page, Queue, Reading, Span, Step, Work
from transcription.steps import flow
from transcription.steps.budgets import Limit, estimate, set_caps, standings
from transcription.steps.control import retry
from transcription.steps.drain import drain
from transcription.steps.invariants import violations
from transcription.steps.profiles import DEFAULT_STAGES, profile_version_of, registry
from transcription.steps.progress import collection_progress

pytestmark = pytest.mark.django_db
LINES, PASSES = 3, len(DEFAULT_STAGES[0])


@pytest.fixture
def endpoint(settings: Settings) -> Iterator[FakeEndpoint]:
    """The profile's engine is an endpoint that counts some hundred tokens a line."""
    with FakeEndpoint().started() as started:
        settings.ENDPOINTS = Endpoints(
            starter=Endpoint(
                name="starter",
                url=started.url,
                model="m",
                prompt="Transcribe.",
                image_tokens=200,
                max_tokens=40,
                concurrency=1,
                price_in=Decimal(2),
                price_out=Decimal(10),
            )
        )
        settings.ENGINES = settings.ENGINES | declared_engines(settings.ENDPOINTS)
        registry.cache_clear()
        yield started
    registry.cache_clear()


@pytest.fixture
def page(endpoint: FakeEndpoint, media_root: Path) -> Page:
    page = prepared_page(media_root, collection=create_collection(), lines=LINES)
    flow.start_run(page=page, profile_version=profile_version_of(page.collection), layout=page.layout, lane=1)
    return page


def settled(collection: Collection) -> int:
    return Charge.objects.filter(collection_id=collection.pk, state=ChargeState.SETTLED).count()


def test_every_line_is_paid_once_as_the_endpoint_counted(page: Page, endpoint: FakeEndpoint) -> None:
    drain(Queue.ENGINE)
    assert Reading.objects.filter(run=page.run).count() == LINES * PASSES
    assert settled(page.collection) == LINES * PASSES == len(endpoint.counted)
    total = standings(collection=page.collection)[-1]
    assert (total.span, total.used_tokens) == (Span.TOTAL, endpoint.tokens)
    assert total.used_money == sum(2 * came + 10 * went for came, went in endpoint.counted.values())
    assert not Charge.objects.exclude(answer=None).exists()


def test_a_spent_budget_makes_reading_wait_and_says_so(page: Page, endpoint: FakeEndpoint) -> None:
    set_caps({Span.DAY: Limit(tokens=700)}, collection=page.collection)
    drain(Queue.ENGINE)
    waiting = Work.objects.filter(step=Step.RECOGNIZE, state="queued")
    assert waiting.count() == PASSES
    assert {(work.attempts, work.interruptions) for work in waiting} == {(0, 0)}
    assert all(work.not_before is not None for work in waiting)
    assert "the day's budget of this collection is spent" in collection_progress(page.collection).put_off
    assert endpoint.tokens <= 700
    assert not Failure.objects.exists()
    assert violations() == []
    paid = len(endpoint.counted)
    assert 0 < paid < LINES * PASSES

    assert drain(Queue.ENGINE) == 0, "what waits is not asked for again"
    set_caps({Span.DAY: Limit(tokens=100_000)}, collection=page.collection)
    drain(Queue.ENGINE)
    assert Reading.objects.filter(run=page.run).count() == LINES * PASSES
    assert len(endpoint.counted) == LINES * PASSES, "what was paid for is not paid again"
    assert collection_progress(page.collection).put_off == ""
    assert violations() == []


def test_a_retry_asks_anew_for_what_was_an_error(page: Page, endpoint: FakeEndpoint) -> None:
    endpoint.finish = "length"
    drain(Queue.ENGINE)
    failures = list(Failure.objects.open())
    assert {failure.code for failure in failures} == {"endpoint-cut"}
    paid = len(endpoint.counted)
    endpoint.finish = "stop"
    retry(Failure.objects.filter(pk__in=[failure.pk for failure in failures]))
    drain(Queue.ENGINE)
    assert Reading.objects.filter(run=page.run).count() == LINES * PASSES
    assert len(endpoint.counted) == paid + LINES * PASSES


def test_a_cap_of_the_endpoint_holds_for_all_collections(page: Page, endpoint: FakeEndpoint) -> None:
    set_caps({Span.TOTAL: Limit(money=1)}, endpoint="starter")
    drain(Queue.ENGINE)
    assert endpoint.counted == {}
    assert "budget of endpoint “starter” is too small" in collection_progress(page.collection).put_off


def test_an_estimate_is_the_most_it_can_be_until_enough_was_measured(page: Page, endpoint: FakeEndpoint) -> None:
    before = estimate(page.collection)
    assert not before.measured
    assert before.tokens > LINES * PASSES * 200
    drain(Queue.ENGINE)
    Charge.objects.bulk_create(
        [
            Charge(
                endpoint="starter",
                collection_id=page.collection_id,
                state=ChargeState.SETTLED,
                reserved_in=200,
                reserved_out=40,
                tokens_in=90,
                tokens_out=10,
                tokens=100,
                money=280,
                created_at=timezone.now(),
            )
            for _ in range(20)
        ]
    )
    after = estimate(page.collection)
    assert after.measured
    assert after.tokens < before.tokens
    assert after.money == sum(each.money for each in after.passes) > 0
