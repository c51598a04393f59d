"""A person turns a page, splits a spread or joins it again: never under the hands of somebody who reviews it."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from review.claims import lock
from review.comments import carry_page, carry_threads
from review.models import Claim, Stage
from review.stages import move, review_of
from transcription.errors import Conflict
from transcription.models import Collection, Lane, Page
from transcription.steps.join_spread import join_spread, lock_spread
from transcription.steps.split_spread import split_spread
from transcription.steps.turn import turn_page

MOST_AT_ONCE = 500  # spreads that one click splits: a request must end


class InReview(Conflict):
    """Somebody has the page open in review; its lines would move away under them."""

    code = "in-review"


def turn(*, page: Page, quarters: int, user: User) -> Page:
    """Turn the page by quarter turns clockwise. Raises InReview."""
    with transaction.atomic():
        _require_free(lock(page), user)
        return turn_page(page=page, quarters=quarters, lane=Lane.INTERACTIVE)


def split(*, page: Page, user: User, lane: Lane = Lane.INTERACTIVE) -> Page:
    """Part the spread; the right page. Raises InReview and NoSpread."""
    with transaction.atomic():
        _require_free(lock(page), user)
        right = split_spread(page=page, lane=lane, by=user)
        carry_threads(source=page, target=right)
        _begin_review_anew(page)
        return right


def join(*, page: Page, user: User) -> Page:
    """Make the two pages one again; what was said about the right one and approved of it stays on record. Raises
    InReview and NoSpread."""
    with transaction.atomic():
        left, right = lock_spread(page)
        for half in (left, right):
            _require_free(half, user)
        carry_page(source=right, target=left)
        whole = join_spread(page=page, lane=Lane.INTERACTIVE, by=user)
        carry_threads(source=whole, target=whole)
        _begin_review_anew(whole)
        return whole


def split_found(collection: Collection, user: User) -> tuple[int, int]:
    """Split every spread that was found, each by itself; how many were, and how many somebody has in hand.

    A few hundred at once: the rest waits for the next time.
    """
    done = held = 0
    for page in collection.pages.unsplit_spreads().order_by("pk")[:MOST_AT_ONCE]:
        try:
            split(page=page, user=user, lane=Lane.BULK)
            done += 1
        except Conflict:
            held += 1
    return done, held


def _begin_review_anew(page: Page) -> None:
    """What one person approved is not what another would look at now."""
    if review_of(page).stage == Stage.SECOND:
        move(page, Stage.FIRST)


def _require_free(page: Page, user: User) -> None:
    """The caller holds the page lock, which orders claims too."""
    claim = Claim.objects.live().filter(page=page).select_related("reviewer").first()
    if claim is None:
        return
    if claim.reviewer_id == user.pk:
        raise InReview(_("You have “%(page)s” open in review: leave it there first.") % {"page": page.label})
    name = claim.reviewer.get_full_name() or claim.reviewer.get_username()
    raise InReview(
        _("%(name)s is reviewing “%(page)s”: try again when they are done.") % {"name": name, "page": page.label}
    )
