"""Several people and a lead at once, at random: nobody shares a page, and nobody reviews their own work twice."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from random import Random

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from review.approvals import approve
from review.assignments import assign, unassign
from review.claims import PageHeld, renew
from review.models import Approval, Claim, PageReview, Skip, Stage
from review.queue import next_page
from review.queue_filter import QueueFilter
from review.returns import reject, request_changes
from review.skips import skip
from review.stages import NotYours
from tests.factories import create_collection, create_membership, create_page, create_user
from tests.review.test_claims import at_once
from tests.review.written_page import create_reviewer
from transcription.models import Collection, Page, PageState, Role

ROUNDS = 14
PAGES = 6


class Shared(AssertionError):
    """Two people were on one page."""


def work(person: User, seed: int, held: dict[int, set[int]]) -> int:
    """Take pages as they are offered and end each in one of the ways there are; how many were ended."""
    random, ended = Random(seed), 0
    for _ in range(ROUNDS):
        claim = next_page(person, QueueFilter(), again=True)
        if claim is None:
            continue
        page = claim.page
        if held[page.pk]:
            raise Shared(page.pk)
        held[page.pk].add(person.pk)
        try:
            renew(page=page, reviewer=person)
            second = PageReview.objects.filter(page=page, stage=Stage.SECOND).exists()
        finally:
            held[page.pk].discard(person.pk)  # before the claim goes, so that who comes next finds nobody
        if second and random.random() < 0.4:
            (reject if random.random() < 0.5 else request_changes)(page=page, by=person, note="again")
        elif random.random() < 0.25:
            skip(page=page, reviewer=person, reason=random.choice(list(Skip.Reason)))
        else:
            approve(page=page, reviewer=person, mode=random.choice(list(Approval.Mode)), active_seconds=1)
        ended += 1
    return ended


def lead_on(lead: User, people: list[User], collection: Collection, seed: int) -> int:
    """Assign and take back, whatever the others are doing."""
    random = Random(seed)
    for _ in range(ROUNDS):
        pages = random.sample(list(collection.pages.all()), 2)
        if random.random() < 0.3:
            unassign(pages=pages)
        else:
            assign(pages=pages, to=random.choice(people), by=lead)
    return 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", [1, 2])
def test_with_assignment_and_second_review_nobody_shares_a_page_or_checks_their_own(seed: int) -> None:
    collection = create_collection(second_review=True)
    people = [create_reviewer(collection) for _ in range(3)]
    lead = create_membership(collection=collection, role=Role.LEAD, user=create_user()).user
    for number in range(PAGES):
        create_page(collection=collection, state=PageState.IN_REVIEW, confidence=0.1 * number)
    held: dict[int, set[int]] = defaultdict(set)
    jobs = [lambda person=person: work(person, seed * 100 + person.pk, held) for person in people]
    results = at_once(*jobs, lambda: lead_on(lead, people, collection, seed))
    assert all(isinstance(result, int | PageHeld | NotYours) for result in results), results
    assert sum(result for result in results if isinstance(result, int)) > 0
    assert Claim.objects.filter(lease_until__gt=Now()).count() == Claim.objects.count() == 0
    for page in Page.objects.all():
        approvals = list(Approval.objects.filter(page=page).order_by("created_at"))
        for earlier, later in pairwise(approvals):
            assert not (later.second and later.reviewer_id == earlier.reviewer_id)
        if page.state == PageState.REVIEWED:
            assert approvals[-1].second
            assert page.approved_at == approvals[-1].created_at
        else:
            assert page.approved_at is None
    for review in PageReview.objects.filter(stage=Stage.SECOND):
        assert review.assignee_id is None or review.assignee_id != review.approver_id
