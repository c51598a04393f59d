"""The order of the queue, who sees what of it, and that nobody is given what somebody holds."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from review.claims import claim_page
from review.models import Approval
from review.queue import Order, QueueFilter, next_page, queue_slice, waiting
from tests.factories import (
    create_collection,
    create_layout,
    create_membership,
    create_page,
    create_run,
    create_user,
)
from tests.review.written_page import create_reviewer, create_written_page
from transcription.htr.review_pace import learned
from transcription.models import Collection, Page, PageState, ReviewPace, Role, RouteDecision
from transcription.steps.usefulness import LEARN_EVERY, keep_weighed

pytestmark = pytest.mark.django_db


def test_the_least_certain_page_comes_first_and_pages_without_confidence_last() -> None:
    collection = create_collection()
    reviewer = create_reviewer(collection)
    pages = {
        confidence: create_page(collection=collection, state=PageState.IN_REVIEW, confidence=confidence)
        for confidence in (0.4, None, 0.1, 0.3)
    }
    assert keep_weighed() == 4
    assert list(waiting(reviewer)) == [pages[0.1], pages[0.3], pages[0.4], pages[None]]
    assert keep_weighed() == 0


@pytest.mark.parametrize("order", list(Order))
def test_going_through_the_queue_by_parts_shows_every_page_once_in_order(order: Order) -> None:
    collection = create_collection()
    reviewer = create_reviewer(collection)
    for confidence in (0.2, 0.2, None, 0.1, None, 0.2, 0.3):
        create_page(collection=collection, state=PageState.IN_REVIEW, confidence=confidence)
    keep_weighed()
    wanted = QueueFilter(order=order)
    seen: list[Page] = []
    after = ""
    while True:
        part = queue_slice(reviewer, wanted, after=after, size=2)
        seen += list(part.pages)
        after = part.after
        if not after:
            break
    assert seen == list(waiting(reviewer, wanted))
    assert len(seen) == 7


def test_staff_and_strangers_see_nothing_to_review() -> None:
    page = create_written_page(image=False)
    staff = create_membership(collection=page.collection, role=Role.STAFF).user
    assert not waiting(staff).exists()
    assert not waiting(create_user()).exists()
    assert next_page(staff, QueueFilter()) is None


@pytest.mark.parametrize("name", ["editor", "claim", "heartbeat", "release", "approve", "skip", "reopen"])
def test_a_page_of_others_does_not_exist(client: Client, name: str) -> None:
    page = create_written_page(image=False)
    client.force_login(create_membership(collection=page.collection, role=Role.STAFF).user)
    url = reverse(f"review:{name}", args=[page.pk])
    values = {"token": "00000000-0000-0000-0000-000000000000", "mode": "whole_page", "active_seconds": "1"}
    answer = client.get(url) if name == "editor" else client.post(url, values)
    assert answer.status_code == 404


def test_the_next_page_is_one_that_nobody_holds_and_that_was_not_skipped() -> None:
    collection = create_collection()
    reviewer, colleague = create_reviewer(collection), create_reviewer(collection)
    held, skipped, free = (
        create_written_page(collection=collection, confidence=c, image=False) for c in (0.1, 0.2, 0.3)
    )
    claim_page(page=held, reviewer=colleague)
    claim = next_page(reviewer, QueueFilter(), skipped=[skipped.pk])
    assert claim is not None
    assert claim.page == free
    assert next_page(reviewer, QueueFilter(), skipped=[skipped.pk]) is None


def test_the_queue_counts_doubtful_words_and_says_who_is_on_a_page(client: Client) -> None:
    page = create_written_page(image=False)
    reviewer, colleague = create_reviewer(page.collection), create_reviewer(page.collection, username="colleague")
    claim_page(page=page, reviewer=colleague)
    part = queue_slice(reviewer, QueueFilter())
    assert part.unsure == {page.run_id: 3}
    client.force_login(reviewer)
    answer = client.get(reverse("review:queue"))
    assert "colleague" in answer.content.decode()


def test_starting_claims_the_first_page_and_opens_it(client: Client) -> None:
    page = create_written_page(image=False)
    reviewer = create_reviewer(page.collection)
    client.force_login(reviewer)
    answer = client.post(reverse("review:start"), {"order": "useful"})
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("review:editor", args=[page.pk]))
    assert page.claim.reviewer == reviewer


def test_skipping_goes_on_and_does_not_come_back_to_the_page(client: Client) -> None:
    collection = create_collection()
    reviewer = create_reviewer(collection)
    first, second = (create_written_page(collection=collection, confidence=c, image=False) for c in (0.1, 0.2))
    client.force_login(reviewer)
    client.post(reverse("review:start"))
    answer = client.post(reverse("review:skip", args=[first.pk])).json()
    assert f"/review/pages/{second.pk}/" in answer["next"]
    answer = client.post(reverse("review:skip", args=[second.pk])).json()
    assert answer["next"].startswith(reverse("review:queue"))


def test_the_filter_shows_one_collection_and_what_i_work_on() -> None:
    mine, other = create_written_page(image=False), create_written_page(image=False)
    reviewer = create_reviewer(mine.collection)
    create_membership(collection=other.collection, role=Role.REVIEWER, user=reviewer)
    claim_page(page=mine, reviewer=reviewer)
    assert list(waiting(reviewer, QueueFilter(collection=other.collection_id))) == [other]
    assert list(waiting(reviewer, QueueFilter(mine=True))) == [mine]


def create_decided(collection: Collection, *, words: int, confidence: float) -> Page:
    """A page in review whose words were counted."""
    page = create_page(collection=collection, state=PageState.IN_REVIEW, confidence=confidence)
    create_layout(page=page)
    RouteDecision.objects.create(
        page=page,
        run=create_run(page=page),
        outcome="review",
        confidence=confidence,
        threshold=0.5,
        features={"words": words},
    )
    return page


def test_of_two_pages_with_as_many_errors_the_one_that_is_read_sooner_comes_first() -> None:
    collection = create_collection()
    long = create_decided(collection, words=400, confidence=0.95)
    short = create_decided(collection, words=40, confidence=0.5)
    tiny = create_decided(collection, words=2, confidence=0.5)
    keep_weighed()
    assert list(waiting(create_reviewer(collection))) == [short, long, tiny]


def test_the_order_follows_the_time_that_reviewers_are_measured_to_take() -> None:
    """Where opening a page costs minutes and reading hardly anything, long pages are worth more than bad ones."""
    collection = create_collection()
    reviewer = create_reviewer(collection)
    bad = create_decided(collection, words=30, confidence=0.4)
    long = create_decided(collection, words=400, confidence=0.8)
    keep_weighed()
    assert list(waiting(reviewer)) == [bad, long]
    for number in range(60):
        done = create_decided(collection, words=10 + 10 * number, confidence=0.6)
        Page.objects.filter(pk=done.pk).update(state=PageState.REVIEWED)
        Approval.objects.create(page=done, run=done.run, mode="whole_page", active_seconds=300, reviewer=reviewer)
    assert keep_weighed() == 0  # learned a moment ago
    ReviewPace.objects.update(looked_at=timezone.now() - LEARN_EVERY)
    assert keep_weighed() == 2
    assert list(waiting(reviewer)) == [long, bad]


def test_the_pace_is_found_again_in_what_was_measured() -> None:
    pages = [(20 + 0.5 * words + 8 * wrong, words, wrong) for words in range(50, 400, 7) for wrong in (2.0, 11.0, 40.0)]
    pace = learned(pages)
    assert pace.page == pytest.approx(20, abs=5)
    assert pace.word == pytest.approx(0.5, abs=0.05)
    assert pace.wrong == pytest.approx(8, abs=0.3)


def test_without_measurements_the_guess_stands_and_a_single_one_hardly_moves_it() -> None:
    assert learned([]).seconds(100, 10) == pytest.approx(15 + 30 + 50)
    assert learned([(3000.0, 100.0, 10.0)]).seconds(100, 10) < 1500
