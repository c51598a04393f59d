"""A lead gives pages to reviewers; a reviewer leaves pages to others."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from review.approvals import approve
from review.assignments import Assigned, NotAReviewer, assign, loads, unassign
from review.claims import claim_page, renew
from review.models import Approval, PageReview, Skip
from review.queue import next_page, waiting
from review.queue_filter import ME, NOBODY, QueueFilter, Waits
from review.skips import skip
from review.stages import NotYours
from tests.factories import create_collection, create_membership, create_user
from tests.review.written_page import create_reviewer, create_written_page
from transcription.models import Collection, Notification, Page, Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection() -> Collection:
    return create_collection()


@pytest.fixture
def pages(collection: Collection) -> list[Page]:
    """The most useful first."""
    return [create_written_page(collection=collection, confidence=c, image=False) for c in (0.1, 0.2, 0.3)]


@pytest.fixture
def lead(collection: Collection) -> User:
    return create_membership(collection=collection, role=Role.LEAD, user=create_user(username="lead")).user


def offered(person: User) -> Page | None:
    claim = next_page(person, QueueFilter())
    return claim.page if claim is not None else None


def test_what_is_assigned_comes_first_to_one_and_to_nobody_else(
    collection: Collection, pages: list[Page], lead: User
) -> None:
    ann, ben = create_reviewer(collection), create_reviewer(collection)
    assert assign(pages=[pages[0], pages[2]], to=ann, by=lead).given == 2
    told = Notification.objects.get()
    assert (told.user, told.kind, told.page, told.details) == (ann, "assigned", None, {"count": 2})
    assert offered(ben) == pages[1]
    assert [offered(ann), offered(ann), offered(ann)] == [pages[0], pages[2], None]
    assign(pages=pages[:1], to=ben, by=lead)
    pages[0].claim.delete()
    with pytest.raises(NotYours, match="is assigned to"):
        claim_page(page=pages[0], reviewer=ann)
    claim_page(page=pages[0], reviewer=lead)  # a lead steps in


def test_who_is_at_work_on_a_page_goes_on_when_it_is_assigned_to_another(
    collection: Collection, pages: list[Page], lead: User
) -> None:
    ann, ben = create_reviewer(collection), create_reviewer(collection)
    claim_page(page=pages[0], reviewer=ann)
    assign(pages=pages[:1], to=ben, by=lead)
    renew(page=pages[0], reviewer=ann)
    approve(page=pages[0], reviewer=ann, mode=Approval.Mode.WHOLE_PAGE, active_seconds=1)


def test_who_leaves_the_collection_keeps_no_page_from_the_others(
    collection: Collection, pages: list[Page], lead: User
) -> None:
    ann, ben = create_reviewer(collection), create_reviewer(collection)
    assign(pages=pages, to=ann, by=lead)
    assert offered(ben) is None
    ann.memberships.all().delete()
    assert set(waiting(lead, QueueFilter(whose=NOBODY))) == set(pages)
    assert offered(ben) == pages[0]


def test_nobody_is_assigned_who_may_not_review(pages: list[Page], lead: User) -> None:
    staff = create_membership(collection=pages[0].collection, role=Role.STAFF).user
    for person in (staff, create_user()):
        with pytest.raises(NotAReviewer):
            assign(pages=pages, to=person, by=lead)
    assert not PageReview.objects.exists()


def test_a_second_review_is_not_assigned_to_who_did_the_first(
    collection: Collection, pages: list[Page], lead: User
) -> None:
    Collection.objects.update(second_review=True)
    ann = create_reviewer(collection)
    approve(page=pages[0], reviewer=ann, mode=Approval.Mode.WHOLE_PAGE, active_seconds=1)
    assert assign(pages=pages[:2], to=ann, by=lead) == Assigned(1, 1)
    assert PageReview.objects.get(page=pages[0]).assignee is None


def test_unassigned_pages_are_anybody_s_again_and_counts_follow(
    collection: Collection, pages: list[Page], lead: User
) -> None:
    ann = create_reviewer(collection, username="ann")
    assign(pages=pages, to=ann, by=lead)
    claim_page(page=pages[0], reviewer=ann)
    counted = {load.person: (load.assigned, load.open) for load in loads(Collection.objects.all())}
    assert counted == {ann: (3, 1), lead: (0, 0)}
    assert unassign(pages=pages[1:]) == 2
    assert set(waiting(lead, QueueFilter(whose=NOBODY))) == set(pages[1:])
    assert set(waiting(lead, QueueFilter(whose=str(ann.pk)))) == {pages[0]}
    assert set(waiting(ann, QueueFilter(whose=ME))) == {pages[0]}


def test_a_skip_says_why_and_gives_the_page_back_to_the_others(
    collection: Collection, pages: list[Page], lead: User
) -> None:
    ann, ben = create_reviewer(collection, username="ann"), create_reviewer(collection)
    assign(pages=pages[:1], to=ann, by=lead)
    claim_page(page=pages[0], reviewer=ann)
    skip(page=pages[0], reviewer=ann, reason=Skip.Reason.LATER)
    assert PageReview.objects.get(page=pages[0]).assignee == ann  # later is not never
    skip(page=pages[0], reviewer=ann, reason=Skip.Reason.HAND, note="secretary hand")
    assert offered(ann) == pages[1]
    assert offered(ben) == pages[0]
    assert list(waiting(ben, QueueFilter(reason=Waits.SKIPPED))) == [pages[0]]


def test_a_lead_assigns_chosen_pages_the_first_ones_a_document_and_takes_back(
    client: Client, collection: Collection, pages: list[Page], lead: User
) -> None:
    ann = create_reviewer(collection, username="ann")
    client.force_login(lead)
    url = reverse("review:assign")

    def mine() -> list[Page]:
        return list(waiting(ann, QueueFilter(whose=str(ann.pk))))

    said = client.post(url, {"scope": "chosen", "page": [pages[2].pk, "x"], "to": ann.pk}, follow=True)
    assert "1 page is assigned to ann." in said.content.decode()
    assert mine() == [pages[2]]
    client.post(url, {"scope": "first", "count": 2, "to": ann.pk})
    assert set(mine()) == set(pages)
    client.post(url, {"scope": "all", "to": "nobody", "document": pages[0].document_id})
    assert mine() == pages[1:]
    content = client.get(reverse("review:queue")).content.decode()
    assert "Who has what" in content
    assert f"?whose={ann.pk}" in content
    assert "Choose pages and a reviewer." in client.post(url, {"scope": "all", "to": ""}, follow=True).content.decode()
    assert "Say how many pages." in client.post(url, {"scope": "first", "to": ann.pk}, follow=True).content.decode()


def test_a_lead_of_one_collection_assigns_nothing_of_another(client: Client, pages: list[Page]) -> None:
    elsewhere = create_collection()
    user = create_membership(collection=elsewhere, role=Role.LEAD).user
    create_membership(collection=pages[0].collection, role=Role.REVIEWER, user=user)
    ann = create_reviewer(elsewhere)
    client.force_login(user)
    client.post(reverse("review:assign"), {"scope": "chosen", "page": [pages[0].pk], "to": ann.pk})
    assert not PageReview.objects.exists()
    client.force_login(create_reviewer(pages[0].collection))
    assert client.post(reverse("review:assign"), {"scope": "all", "to": "nobody"}).status_code == 403
    client.logout()
    assert client.post(reverse("review:assign"), {"scope": "all", "to": "nobody"}).status_code == 302


def test_the_queue_filters_by_language(collection: Collection, pages: list[Page]) -> None:
    french = create_written_page(collection=create_collection(language="fr"), image=False)
    reviewer = create_reviewer(collection)
    create_membership(collection=french.collection, role=Role.REVIEWER, user=reviewer)
    assert list(waiting(reviewer, QueueFilter(language="fr"))) == [french]
    assert list(waiting(reviewer, QueueFilter(language=""))) == pages
