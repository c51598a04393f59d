"""Somebody looks at an approved page and sends it back, always with a note that says why."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from review.approvals import take_up
from review.claims import TEXT_MAY_CHANGE, lock, require_hold
from review.models import Approval, PageReturn, Stage
from review.stages import NotYours, leads, move, review_of
from transcription.models import Notification, Page, PageState, Role
from transcription.models.collection import Membership, roles_from
from transcription.steps.notify import notify


def request_changes(*, page: Page, by: User, note: str) -> PageReturn:
    """Give an approved page back to whoever approved it, to be changed. Where that person is not a reviewer of the
    collection any more, the page is anybody's. Raises PageHeld, NotInReview and NotYours."""
    return _send_back(page, by, note, PageReturn.Kind.CHANGES)


def reject(*, page: Page, by: User, note: str) -> PageReturn:
    """Let somebody else review an approved page from the beginning; no text is lost. Raises PageHeld, NotInReview and
    NotYours."""
    return _send_back(page, by, note, PageReturn.Kind.REJECTED)


def may_send_back(page: Page, user: User) -> bool:
    """Whether ``user`` may send the page back: a lead who did not approve it, or whoever does its second review."""
    stage = review_of(page)
    waits = page.state == PageState.IN_REVIEW and stage.stage == Stage.SECOND
    if not waits and page.state != PageState.REVIEWED:
        return False
    approver = _approver(page)
    if approver is None or approver.pk == user.pk:
        return False
    return waits or leads(user, page)


def last_return(page: Page) -> PageReturn | None:
    """Why the page came back, while somebody is to do something about it."""
    review = review_of(page)
    if page.state != PageState.IN_REVIEW or (review.stage != Stage.RETURNED and review.barred is None):
        return None
    return PageReturn.objects.filter(page=page).select_related("by", "approver").first()


@transaction.atomic
def _send_back(page: Page, by: User, note: str, kind: PageReturn.Kind) -> PageReturn:
    locked = lock(page)
    claim = require_hold(locked, by, TEXT_MAY_CHANGE)
    if not may_send_back(locked, by):
        raise NotYours(
            _("Only a lead or its second reviewer sends an approved page back, and nobody their own. Nothing was done.")
        )
    approver = _approver(locked)
    assert approver is not None
    if locked.state == PageState.REVIEWED:
        take_up(locked)
    if kind == PageReturn.Kind.REJECTED:
        move(locked, Stage.FIRST, barred=approver)
    else:
        review = move(locked, Stage.RETURNED, approver=approver)
        if _may_review(approver, locked):
            review.assignee, review.assigned_by, review.assigned_at = approver, by, Now()
            review.save()
    claim.delete()
    sent = PageReturn.objects.create(page=locked, kind=kind, note=note, by=by, approver=approver)
    details = {"what": str(kind), "note": note}
    notify(Notification.Kind.RETURNED, to=[approver], actor=by, page=locked, details=details)
    return sent


def _approver(page: Page) -> User | None:
    """Whose work a page's approval vouches for: who approved it first, since it came into review the last time."""
    review = review_of(page)
    if review.stage == Stage.SECOND:
        return review.approver
    latest = Approval.objects.filter(page=page).select_related("reviewer").first()
    if latest is not None and latest.second:
        earlier = Approval.objects.filter(page=page, second=False, created_at__lt=latest.created_at)
        latest = earlier.select_related("reviewer").first() or latest
    return latest.reviewer if latest is not None else None


def _may_review(user: User, page: Page) -> bool:
    held = Membership.objects.filter(user=user, collection=page.collection_id, role__in=roles_from(Role.REVIEWER))
    return user.is_active and (user.is_superuser or held.exists())
