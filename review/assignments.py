"""A lead says who reviews which pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from review.claims import lock
from review.models import Claim, PageReview, Stage
from review.stages import name_of, review_of
from transcription.errors import BadInput
from transcription.models import Collection, Membership, Notification, Page, PageState, Role
from transcription.models.collection import roles_from
from transcription.steps.notify import notify

MOST_AT_ONCE = 1000  # a request must end


class NotAReviewer(BadInput):
    """Somebody who may not review the pages was to be given them."""

    code = "not-a-reviewer"


@dataclass(frozen=True, slots=True)
class Assigned:
    """How many pages were given, and how many could not be: not in review, or the person's own to be looked at."""

    given: int
    left: int


def assign(*, pages: Iterable[Page], to: User, by: User) -> Assigned:
    """Give ``pages``, all of collections that ``by`` leads, to one reviewer, who is told once. Who has a page open goes
    on with it. Raises NotAReviewer where ``to`` may not review one of them; then nothing is assigned."""
    wanted = list(pages)
    reviewable = set(Collection.objects.visible_to(to, Role.REVIEWER).values_list("pk", flat=True))
    if not to.is_active or any(page.collection_id not in reviewable for page in wanted):
        raise NotAReviewer(
            _("%(name)s is not a reviewer of these pages; nothing was assigned.") % {"name": name_of(to)}
        )
    given: list[Page] = []
    with transaction.atomic():
        for page in sorted(wanted, key=lambda each: each.pk):  # one order of locks for everybody
            locked = lock(page)
            review = review_of(locked)
            own = review.stage == Stage.SECOND and review.approver_id == to.pk
            if locked.state != PageState.IN_REVIEW or own:
                continue
            review.assignee, review.assigned_by, review.assigned_at = to, by, Now()
            if review.barred_id == to.pk:
                review.barred = None
            review.save()
            given.append(locked)
        for collection in {page.collection_id for page in given}:
            those = [page for page in given if page.collection_id == collection]
            notify(
                Notification.Kind.ASSIGNED,
                to=[to],
                actor=by,
                collection=those[0].collection,
                page=those[0] if len(those) == 1 else None,
                details={"count": len(those)},
            )
    return Assigned(len(given), len(wanted) - len(given))


def unassign(*, pages: Iterable[Page]) -> int:
    """Make ``pages`` anybody's again; how many were somebody's. What one person was to change, any may change then."""
    count = 0
    with transaction.atomic():
        for page in sorted(pages, key=lambda each: each.pk):
            lock(page)
            count += clear_assignee(page)
    return count


def clear_assignee(page: Page) -> int:
    """Make one page anybody's again. The caller holds the page lock."""
    assigned = PageReview.objects.filter(page=page).exclude(assignee=None)
    return assigned.update(assignee=None, assigned_by=None, assigned_at=None)


@dataclass(frozen=True, slots=True)
class Load:
    """What one reviewer has to do: pages assigned, of them to be changed, and pages open at this moment."""

    person: User
    assigned: int
    returned: int
    open: int


def loads(collections: QuerySet[Collection]) -> list[Load]:
    """What every reviewer of ``collections`` has to do in them, by name."""
    people = reviewers_of(collections)
    waiting = Q(assigned_reviews__page__collection__in=collections, assigned_reviews__page__state=PageState.IN_REVIEW)
    returned = waiting & Q(assigned_reviews__stage=Stage.RETURNED)
    counted = people.annotate(
        assigned_pages=Count("assigned_reviews", filter=waiting, distinct=True),
        returned_pages=Count("assigned_reviews", filter=returned, distinct=True),
    )
    held = dict(
        Claim.objects.live()
        .filter(page__collection__in=collections)
        .values_list("reviewer")
        .annotate(count=Count("pk"))
        .values_list("reviewer", "count")
    )
    return [Load(each, each.assigned_pages, each.returned_pages, held.get(each.pk, 0)) for each in counted]


def reviewers_of(collections: QuerySet[Collection]) -> QuerySet[User]:
    """Everybody who may review in one of ``collections`` by membership, by name."""
    held = Membership.objects.filter(
        user=OuterRef("pk"), collection__in=collections, role__in=roles_from(Role.REVIEWER)
    )
    return User.objects.filter(Exists(held), is_active=True).order_by("username")
