"""Approve, request changes, reject, second review: who may do what, and where the page stands afterwards."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from review.approvals import approve, send_back
from review.claims import NotInReview, claim_page
from review.corrections import correct_line
from review.late_changes import late_changes
from review.models import Approval, Claim, PageReturn, PageReview, Stage
from review.page_history import page_history
from review.queue import next_page, waiting
from review.queue_filter import QueueFilter, Waits
from review.returns import last_return, may_send_back, reject, request_changes
from review.stages import NotYours, review_of
from tests.factories import create_collection, create_membership
from tests.review.written_page import create_reviewer, create_written_page
from transcription.models import Collection, Notification, Page, PageState, Role, RouteDecision, Source
from transcription.steps.route import decide
from transcription.steps.trusted_lines import trusted_lines

pytestmark = pytest.mark.django_db
DOUBTFUL, WHOLE = Approval.Mode.DOUBTFUL_WORDS, Approval.Mode.WHOLE_PAGE


def done(page: Page, reviewer: User, mode: Approval.Mode = DOUBTFUL) -> Approval:
    return approve(page=page, reviewer=reviewer, mode=mode, active_seconds=5)


def state(page: Page) -> str:
    return Page.objects.get(pk=page.pk).state


@pytest.fixture
def collection() -> Collection:
    return create_collection(second_review=True)


@pytest.fixture
def page(collection: Collection) -> Page:
    return create_written_page(collection=collection, image=False)


@pytest.fixture
def ann(collection: Collection) -> User:
    return create_reviewer(collection, username="ann")


@pytest.fixture
def ben(collection: Collection) -> User:
    return create_reviewer(collection, username="ben")


@pytest.fixture
def lead(collection: Collection) -> User:
    return create_membership(collection=collection, role=Role.LEAD).user


def test_a_second_review_ends_the_work_and_is_another_person_s(page: Page, ann: User, ben: User) -> None:
    first = done(page, ann, WHOLE)
    assert (state(page), first.second) == (PageState.IN_REVIEW, False)
    assert Page.objects.get(pk=page.pk).approved_at is None
    assert review_of(page).stage == Stage.SECOND
    assert list(trusted_lines(page.collection)) == []
    with pytest.raises(NotYours, match="for somebody else"):
        claim_page(page=page, reviewer=ann)
    with pytest.raises(NotYours):
        done(page, ann)
    assert next_page(ann, QueueFilter()) is None
    claim = next_page(ben, QueueFilter())
    assert claim is not None
    second = done(page, ben)
    page.refresh_from_db()
    assert (page.state, second.second, page.approved_at) == (PageState.REVIEWED, True, second.created_at)
    assert page.approved_whole  # the first of them read all of it
    assert not PageReview.objects.filter(page=page).exists()


def test_without_a_second_review_one_approval_is_enough(ann: User) -> None:
    page = create_written_page(image=False)
    done(page, create_reviewer(page.collection))
    assert state(page) == PageState.REVIEWED


def test_the_second_reviewer_requests_changes_of_the_first(page: Page, ann: User, ben: User) -> None:
    done(page, ann)
    claim_page(page=page, reviewer=ben)
    sent = request_changes(page=page, by=ben, note="Line 2: it says Anna.")
    assert (sent.kind, sent.by, sent.approver) == (PageReturn.Kind.CHANGES, ben, ann)
    review = review_of(page)
    assert (review.stage, review.assignee, state(page)) == (Stage.RETURNED, ann, PageState.IN_REVIEW)
    assert not Claim.objects.exists()
    told = Notification.objects.get()
    assert (told.user, told.kind, told.details["note"]) == (ann, Notification.Kind.RETURNED, "Line 2: it says Anna.")
    assert last_return(page) == sent
    assert next_page(ben, QueueFilter()) is None  # it is hers
    claim = next_page(ann, QueueFilter())
    assert claim is not None
    assert claim.page == page
    done(page, ann)
    assert review_of(page).stage == Stage.SECOND
    done(page, ben)
    assert state(page) == PageState.REVIEWED
    assert [each.note for each in page_history(page) if each.note] == ["Line 2: it says Anna."]


def test_a_rejected_page_is_reviewed_anew_by_somebody_else(page: Page, ann: User, ben: User) -> None:
    done(page, ann)
    reject(page=page, by=ben, note="This is another page's text.")
    assert (review_of(page).stage, review_of(page).barred, state(page)) == (Stage.FIRST, ann, PageState.IN_REVIEW)
    assert next_page(ann, QueueFilter()) is None
    with pytest.raises(NotYours, match="was rejected"):
        claim_page(page=page, reviewer=ann)
    done(page, ben)  # the first review now
    assert review_of(page).stage == Stage.SECOND
    done(page, ann)  # and what he did, she may look at
    assert state(page) == PageState.REVIEWED


def test_a_lead_sends_a_reviewed_page_back_and_nobody_else_does(page: Page, ann: User, ben: User, lead: User) -> None:
    done(page, ann)
    done(page, ben)
    for person in (ann, ben):
        assert not may_send_back(page, person)
        with pytest.raises(NotYours):
            reject(page=page, by=person, note="no")
    assert state(page) == PageState.REVIEWED
    sent = request_changes(page=page, by=lead, note="Keep the long s.")
    page.refresh_from_db()
    assert (sent.approver, page.state, page.approved_at, page.approved_whole) == (ann, "in_review", None, False)


def test_nobody_sends_back_what_they_approved_themselves_or_what_nobody_approved(page: Page, lead: User) -> None:
    with pytest.raises(NotYours):
        reject(page=page, by=lead, note="not approved yet")
    Claim.objects.all().delete()
    Collection.objects.update(second_review=False)
    done(Page.objects.get(pk=page.pk), lead)
    assert not may_send_back(page, lead)
    with pytest.raises(NotYours):
        request_changes(page=page, by=lead, note="my own")


def test_edits_after_approval_keep_the_state_and_are_marked(ann: User) -> None:
    page = create_written_page(image=False)
    reviewer, colleague = create_reviewer(page.collection), create_reviewer(page.collection, username="cleo")
    done(page, reviewer)
    line = page.lines.order_by("pk").first()
    assert line is not None
    assert late_changes(Page.objects.get(pk=page.pk)).lines == ()
    claim_page(page=page, reviewer=colleague)
    correct_line(line=line, text="On the 5th day", base_revision=1, decisions=[], reviewer=colleague)
    late = late_changes(Page.objects.get(pk=page.pk))
    assert (late.lines, late.names, state(page)) == ((line.pk,), ("cleo",), PageState.REVIEWED)
    with pytest.raises(NotInReview):  # it is approved already
        done(page, colleague)
    line.refresh_from_db()
    assert line.current is not None
    assert line.current.source == Source.PERSON


def test_taking_a_page_into_review_begins_anew(page: Page, ann: User, ben: User) -> None:
    done(page, ann)
    done(page, ben)
    send_back(page=page)
    assert review_of(page).stage == Stage.FIRST
    done(page, ben)
    assert review_of(page).stage == Stage.SECOND


def test_a_page_between_two_reviews_is_not_accepted_unseen_by_a_later_run(page: Page, ann: User) -> None:
    done(page, ann)
    page.refresh_from_db()
    page.confidence = 0.99
    page.save()
    assert page.run is not None
    decide(page=page, run=page.run, checks=[])
    assert RouteDecision.objects.get().outcome == RouteDecision.Outcome.ACCEPT
    assert state(page) == PageState.IN_REVIEW


def test_what_was_seen_is_kept_with_the_approval(page: Page, ann: User) -> None:
    lines = list(page.lines.values_list("pk", flat=True))
    elsewhere = create_written_page(image=False).lines.values_list("pk", flat=True)[0]
    approval = approve(
        page=page,
        reviewer=ann,
        mode=WHOLE,
        active_seconds=1,
        read_lines=[lines[1], lines[0], elsewhere],
        passed_words=2,
    )
    assert (approval.read_lines, approval.passed_words) == (sorted(lines[:2]), 2)


def test_the_queue_says_who_approved_and_filters_by_what_people_wait_for(
    client: Client, page: Page, ann: User, ben: User
) -> None:
    done(page, ann)
    other = create_written_page(collection=page.collection, image=False)
    assert list(waiting(ben, QueueFilter(reason=Waits.SECOND))) == [page]
    assert list(waiting(ben, QueueFilter(reason="low-confidence"))) == [page, other]
    client.force_login(ben)
    content = client.get(reverse("review:queue"), {"reason": "second"}).content.decode()
    assert "second review" in content
    assert reverse("review:editor", args=[other.pk]) not in content
    editor = client.get(reverse("review:editor", args=[page.pk])).content.decode()
    assert "Second review: ann has approved this page." in editor


def test_a_note_is_needed_and_the_answer_leads_on(client: Client, page: Page, ann: User, ben: User) -> None:
    done(page, ann)
    client.force_login(ben)
    url = reverse("review:return", args=[page.pk])
    refused = client.post(url, {"kind": "changes", "note": "  "})
    assert refused.status_code == 400
    assert "what is to be changed" in refused.json()["message"]
    answer = client.post(url, {"kind": "changes", "note": "Line 1 <b>again</b>"})
    assert answer.json()["next"].startswith(reverse("review:queue"))
    client.force_login(ann)
    content = client.get(reverse("review:editor", args=[page.pk])).content.decode()
    assert "ben asks for changes: “Line 1 &lt;b&gt;again&lt;/b&gt;”" in content
