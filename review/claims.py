"""Who is on which page. A claim is a lease in database time; the open editor renews it every minute.

The page's row lock orders everything here, so two people never hold one page. A second tab of the same person shares
the claim: only the tab that opened the page last may release it, so a late beacon of a closed tab frees nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Container
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from review.models import Claim
from review.stages import name_of, require_open_to
from transcription.errors import Conflict
from transcription.models import Page, PageState

LEASE = timedelta(minutes=15)
HEARTBEAT_SECONDS = 60
# A reviewed page's text may still be corrected: it stays reviewed, and the lines are marked.
TEXT_MAY_CHANGE = frozenset({PageState.IN_REVIEW, PageState.REVIEWED})


class PageHeld(Conflict):
    """Somebody else is on the page; ``holder`` is their name."""

    code = "page-held"

    def __init__(self, holder: str) -> None:
        super().__init__(
            _("%(name)s is on this page. Your text is kept here; nothing was overwritten.") % {"name": holder}
        )
        self.holder = holder


class NotInReview(Conflict):
    """The page does not wait for review, so there is nothing to hold."""

    code = "not-in-review"


def claim_page(*, page: Page, reviewer: User) -> Claim:
    """Hold ``page``, in review or reviewed, for a fresh editor, under a new token.

    Raises PageHeld, NotInReview and NotYours.
    """
    with transaction.atomic():
        return _hold(lock(page), reviewer, TEXT_MAY_CHANGE, fresh=True)


def renew(*, page: Page, reviewer: User) -> Claim:
    """Extend the reviewer's hold; take the page again where the lease ran out and nobody else came.

    Raises PageHeld, NotInReview and NotYours.
    """
    with transaction.atomic():
        return _hold(lock(page), reviewer, TEXT_MAY_CHANGE)


def release(*, page: Page, reviewer: User, token: uuid.UUID) -> bool:
    """Let go of the page; False where ``token`` is not the claim's any more, and then nothing happens."""
    with transaction.atomic():
        deleted, _rows = Claim.objects.filter(page=lock(page), reviewer=reviewer, token=token).delete()
    return deleted > 0


def lock(page: Page) -> Page:
    """The page, freshly read under its row lock; the caller is inside a transaction."""
    return Page.objects.select_for_update().get(pk=page.pk)


def require_hold(page: Page, reviewer: User, states: Container[str] = frozenset({PageState.IN_REVIEW})) -> Claim:
    """The reviewer's live claim on ``page``, which is in one of ``states``; the caller holds the page lock.

    Raises PageHeld, NotInReview and NotYours.
    """
    return _hold(page, reviewer, states)


def _hold(page: Page, reviewer: User, states: Container[str], *, fresh: bool = False) -> Claim:
    if page.state not in states:
        raise NotInReview(
            _("This page is “%(state)s” and does not wait for review. Your text is kept here.")
            % {"state": page.get_state_display()}
        )
    held = Claim.objects.live().filter(page=page).exclude(reviewer=reviewer).select_related("reviewer").first()
    if held is not None:
        raise PageHeld(name_of(held.reviewer))
    own = Claim.objects.filter(page=page, reviewer=reviewer).first()
    # Who is at work on a page goes on, whomever it is assigned to meanwhile.
    if page.state == PageState.IN_REVIEW and not Claim.objects.live().filter(page=page, reviewer=reviewer).exists():
        require_open_to(page, reviewer)
    if own is None:
        values = {"reviewer": reviewer, "token": uuid.uuid4(), "lease_until": Now() + LEASE, "claimed_at": Now()}
        Claim.objects.update_or_create(page=page, defaults=values)
    else:
        token = uuid.uuid4() if fresh else own.token
        Claim.objects.filter(pk=own.pk).update(token=token, lease_until=Now() + LEASE)
    return Claim.objects.get(page=page)
