"""Two people never hold one page; a claim that ran out is anybody's."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import close_old_connections, connections
from django.db.models.functions import Now

from review.claims import NotInReview, PageHeld, claim_page, release, renew
from review.models import Claim
from review.queue import next_page
from review.queue_filter import QueueFilter
from review.stages import NotYours
from tests.factories import create_collection
from tests.review.written_page import create_reviewer, create_written_page
from transcription.models import Page, PageState


def expire(claim: Claim) -> None:
    Claim.objects.filter(pk=claim.pk).update(lease_until=Now() - timedelta(seconds=1))


def at_once(*jobs: Callable[[], object]) -> list[object]:
    """Run every job in a thread of its own, released together; their results or exceptions."""
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> object:
        close_old_connections()
        barrier.wait(timeout=10)
        try:
            return job()
        except (PageHeld, NotInReview, NotYours) as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


@pytest.mark.django_db(transaction=True)
def test_of_two_who_claim_one_page_at_once_exactly_one_gets_it() -> None:
    collection = create_collection()
    people = [create_reviewer(collection) for _ in range(4)]
    for _ in range(5):
        page = create_written_page(collection=collection, image=False)

        def claim(person: User, page: Page = page) -> Claim:
            return claim_page(page=page, reviewer=person)

        results = at_once(*[lambda person=person: claim(person) for person in people])
        won = [result for result in results if isinstance(result, Claim)]
        assert len(won) == 1
        assert sum(isinstance(result, PageHeld) for result in results) == len(people) - 1
        assert Claim.objects.get(page=page).reviewer_id == won[0].reviewer_id


@pytest.mark.django_db(transaction=True)
def test_people_who_start_at_once_get_different_pages() -> None:
    collection = create_collection()
    people = [create_reviewer(collection) for _ in range(4)]
    pages = {create_written_page(collection=collection, image=False).pk for _ in range(4)}
    results = at_once(*[lambda person=person: next_page(person, QueueFilter()) for person in people])
    claimed = [result.page_id for result in results if isinstance(result, Claim)]
    assert sorted(claimed) == sorted(pages)


@pytest.mark.django_db
def test_the_refusal_names_who_holds_the_page() -> None:
    page = create_written_page(image=False)
    holder = create_reviewer(page.collection, username="ann")
    holder.first_name, holder.last_name = "Ann", "Lee"
    holder.save()
    claim_page(page=page, reviewer=holder)
    with pytest.raises(PageHeld, match="Ann Lee"):
        claim_page(page=page, reviewer=create_reviewer(page.collection))


@pytest.mark.django_db
def test_an_expired_claim_is_taken_over_and_then_its_old_holder_is_refused() -> None:
    page = create_written_page(image=False)
    first, second = create_reviewer(page.collection), create_reviewer(page.collection)
    expire(claim_page(page=page, reviewer=first))
    assert claim_page(page=page, reviewer=second).reviewer == second
    with pytest.raises(PageHeld):
        renew(page=page, reviewer=first)


@pytest.mark.django_db
def test_an_expired_claim_that_nobody_took_is_renewed_by_its_holder() -> None:
    page = create_written_page(image=False)
    holder = create_reviewer(page.collection)
    claim = claim_page(page=page, reviewer=holder)
    expire(claim)
    assert renew(page=page, reviewer=holder).token == claim.token
    assert Claim.objects.live().filter(page=page, reviewer=holder).exists()


@pytest.mark.django_db
def test_a_late_beacon_of_a_closed_tab_releases_nothing() -> None:
    page = create_written_page(image=False)
    holder = create_reviewer(page.collection)
    old = claim_page(page=page, reviewer=holder).token
    fresh = claim_page(page=page, reviewer=holder).token
    assert not release(page=page, reviewer=holder, token=old)
    assert not release(page=page, reviewer=create_reviewer(page.collection), token=fresh)
    assert not release(page=page, reviewer=holder, token=uuid.uuid4())
    assert release(page=page, reviewer=holder, token=fresh)
    assert not Claim.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("state", [PageState.ACCEPTED, PageState.READ])
def test_only_pages_in_review_and_reviewed_ones_can_be_claimed(state: PageState) -> None:
    page = create_written_page(image=False)
    page.state = state
    page.save()
    with pytest.raises(NotInReview):
        claim_page(page=page, reviewer=create_reviewer(page.collection))
