"""Where a page stands in its review, and who may take it up: the moves, all in one place.

    FIRST ──approve──► reviewed, or, where the collection asks for a second review, SECOND
    SECOND ──approve (by somebody else)──► reviewed
    SECOND or reviewed ──request changes──► RETURNED, for whoever had approved it
    SECOND or reviewed ──reject──► FIRST, for anybody but whoever had approved it
    RETURNED ──approve──► as from FIRST
    reviewed or accepted ──take into review──► FIRST

The caller of every function here holds the page lock.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from review.models import PageReview, Stage
from transcription.errors import Conflict
from transcription.models import Collection, Page, Role


class NotYours(Conflict):
    """The page is in review, but this person is not to review it."""

    code = "not-yours"


def review_of(page: Page) -> PageReview:
    """Where the page stands; not written yet where nothing was decided about it."""
    found = PageReview.objects.select_related("assignee", "approver", "barred").filter(page=page).first()
    return found or PageReview(page=page)


def move(page: Page, stage: Stage, *, approver: User | None = None, barred: User | None = None) -> PageReview:
    """Bring the page to ``stage``. Whom it was assigned to, it is no longer, but for changes that are requested."""
    review = review_of(page)
    review.stage, review.approver, review.barred = stage, approver, barred
    review.assignee = review.assigned_by = review.assigned_at = None
    review.save()
    return review


def after_approval(page: Page, reviewer: User) -> bool:
    """Move the page on, since ``reviewer`` approves it; True when that ends its review, False when a second follows."""
    review = review_of(page)
    if review.stage == Stage.SECOND or not page.collection.second_review:
        PageReview.objects.filter(page=page).delete()
        return True
    move(page, Stage.SECOND, approver=reviewer)
    return False


def require_open_to(page: Page, user: User) -> None:
    """Raises NotYours where ``user`` may not take up the page: it is their own work that is to be looked at, somebody
    else does it after them, or it is assigned to somebody else."""
    review = PageReview.objects.select_related("assignee").filter(page=page).first()
    if review is None:
        return
    if review.stage == Stage.SECOND and review.approver_id == user.pk:
        raise NotYours(_("You approved this page: its second review is for somebody else."))
    if review.assignee_id == user.pk:
        return
    if review.barred_id == user.pk:
        raise NotYours(_("Your review of this page was rejected: somebody else reads it. A lead can assign it to you."))
    assigned = PageReview.objects.assigned().filter(page=page).exists()
    if assigned and not leads(user, page):
        name = name_of(review.assignee)
        raise NotYours(_("This page is assigned to %(name)s. A lead can assign it to you.") % {"name": name})


def leads(user: User, page: Page) -> bool:
    """Whether ``user`` is a lead of the page's collection."""
    return Collection.objects.visible_to(user, Role.LEAD).filter(pk=page.collection_id).exists()


def name_of(user: User | None) -> str:
    """What people call a user; of one who is gone, that somebody did it."""
    return (user.get_full_name() or user.get_username()) if user is not None else _("somebody")
