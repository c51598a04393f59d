"""A reviewer leaves a page to others and says why; it is not offered to them again for a while."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from review.assignments import clear_assignee
from review.claims import lock
from review.models import Claim, PageReview, Skip, Stage
from transcription.models import Page, PageState

REST = timedelta(hours=8)  # for which a page is not offered to whoever passed it over, while others are left


def skip(*, page: Page, reviewer: User, reason: Skip.Reason, note: str = "") -> Skip | None:
    """Let go of the page and put it back into the queue for everybody; None where it is not in review any more.

    What was assigned to this reviewer is theirs no longer, unless it is for later, or for them alone to change.
    """
    with transaction.atomic():
        locked = lock(page)
        Claim.objects.filter(page=locked, reviewer=reviewer).delete()
        if locked.state != PageState.IN_REVIEW:
            return None
        given = PageReview.objects.filter(page=locked, assignee=reviewer).exclude(stage=Stage.RETURNED)
        if reason != Skip.Reason.LATER and given.exists():
            clear_assignee(locked)
        return Skip.objects.create(page=locked, reviewer=reviewer, reason=reason, note=note)


def skipped_lately(reviewer: User) -> Exists:
    """For a queryset of pages: whether ``reviewer`` passed this one over not long ago."""
    return Exists(Skip.objects.filter(page=OuterRef("pk"), reviewer=reviewer, created_at__gt=Now() - REST))
