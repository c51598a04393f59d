"""What ends the work on a page, and what it does not do."""

from __future__ import annotations

import pytest

from review.approvals import approve, approve_as_empty, send_back
from review.audits import to_type
from review.claims import NotInReview, PageHeld, claim_page
from review.models import Approval, Claim
from tests.factories import create_collection
from tests.review.written_page import create_reviewer, create_written_page
from transcription.models import Audit, Page, PageState, RouteDecision, Source, TranscriptRevision

pytestmark = pytest.mark.django_db
WHOLE = Approval.Mode.WHOLE_PAGE


def test_approving_ends_the_claim_and_keeps_what_was_looked_at() -> None:
    page = create_written_page(image=False)
    reviewer = create_reviewer(page.collection)
    claim_page(page=page, reviewer=reviewer)
    approval = approve(page=page, reviewer=reviewer, mode=Approval.Mode.DOUBTFUL_WORDS, active_seconds=41.5)
    page.refresh_from_db()
    assert page.state == PageState.REVIEWED
    assert (approval.mode, approval.active_seconds, approval.run) == ("doubtful_words", 41.5, page.run)
    assert not Claim.objects.exists()


def test_machine_text_does_not_become_a_persons_by_approval() -> None:
    page = create_written_page(image=False)
    reviewer = create_reviewer(page.collection)
    before = list(TranscriptRevision.objects.values_list("pk", "source", "author"))
    approve(page=page, reviewer=reviewer, mode=WHOLE, active_seconds=1)
    assert list(TranscriptRevision.objects.values_list("pk", "source", "author")) == before


def test_a_page_that_somebody_else_holds_cannot_be_approved() -> None:
    page = create_written_page(image=False)
    claim_page(page=page, reviewer=create_reviewer(page.collection))
    with pytest.raises(PageHeld):
        approve(page=page, reviewer=create_reviewer(page.collection), mode=WHOLE, active_seconds=1)
    assert Page.objects.get().state == PageState.IN_REVIEW
    assert not Approval.objects.exists()


def test_a_page_is_not_approved_twice() -> None:
    page = create_written_page(image=False)
    reviewer = create_reviewer(page.collection)
    approve(page=page, reviewer=reviewer, mode=WHOLE, active_seconds=1)
    with pytest.raises(NotInReview):
        approve(page=page, reviewer=reviewer, mode=WHOLE, active_seconds=1)
    assert Approval.objects.count() == 1


def test_nothing_to_read_empties_every_line_and_keeps_what_the_machine_read() -> None:
    page = create_written_page(image=False)
    reviewer = create_reviewer(page.collection)
    approve_as_empty(page=page, reviewer=reviewer, active_seconds=3)
    for line in page.lines.select_related("current"):
        assert line.current is not None
        assert (line.current.text, line.current.source, line.current.author) == ("", Source.PERSON, reviewer)
        assert line.revisions.get(number=1).text


def test_a_reviewed_page_goes_back_into_review_with_its_approvals_on_record() -> None:
    page = create_written_page(image=False)
    approve(page=page, reviewer=create_reviewer(page.collection), mode=WHOLE, active_seconds=1)
    send_back(page=page)
    page.refresh_from_db()
    assert page.state == PageState.IN_REVIEW
    assert page.approvals.count() == 1


def test_a_page_that_was_not_read_yet_cannot_be_taken_into_review() -> None:
    page = create_written_page(image=False)
    page.state = PageState.SEGMENTED
    page.save()
    with pytest.raises(NotInReview):
        send_back(page=page)


def test_a_share_of_approved_pages_is_drawn_for_a_blind_check() -> None:
    page = create_written_page(collection=create_collection(audit_rate=1.0), image=False)
    RouteDecision.objects.update(features={"characters": 80})
    reviewer = create_reviewer(page.collection)
    approve(page=page, reviewer=reviewer, mode=WHOLE, active_seconds=1)
    audit = Audit.objects.get()
    assert (audit.kind, audit.page) == (Audit.Kind.APPROVED, page)
    assert list(to_type(reviewer)) == []
