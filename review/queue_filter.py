"""What a reviewer wants to see of the queue."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Exists, OuterRef, Q

from review.models import Claim, PageReview, Skip, Stage, Thread
from transcription.models import Page, RouteDecision, TranscriptRevision

ME, NOBODY = "me", "nobody"  # beside the ids of people


class Order(models.TextChoices):
    USEFUL = "useful", "most useful first"
    PAGES = "pages", "in page order"


class Waits(models.TextChoices):
    """Reasons of people, beside those that the machine gives (`RouteDecision.reasons`)."""

    COMMENTS = "comments", "open comments"
    RETURNED = "returned", "changes requested"
    SECOND = "second", "second review"
    REJECTED = "rejected", "review rejected"
    SKIPPED = "skipped", "skipped"
    PERSON = "person", "taken into review by a person"


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """``whose``: "" everybody's, ME, NOBODY, or the id of an assignee. ``reason``: one of `Waits`, or of the machine's.
    ``language`` is a collection's; None: any."""

    collection: int | None = None
    document: int | None = None
    whose: str = ""
    reason: str = ""
    language: str | None = None
    order: Order = Order.USEFUL

    @property
    def query(self) -> str:
        """The filter as the address of the queue carries it."""
        values: dict[str, str | int] = {"order": self.order.value}
        if self.collection is not None:
            values["collection"] = self.collection
        if self.document is not None:
            values["document"] = self.document
        if self.language is not None:
            values["language"] = self.language
        return urlencode(values | {name: value for name, value in self._words() if value})

    def _words(self) -> list[tuple[str, str]]:
        return [("whose", self.whose), ("reason", self.reason)]


def filtered(pages: models.QuerySet[Page], user: User, wanted: QueueFilter) -> models.QuerySet[Page]:
    """Those of ``pages`` that ``user`` asked for, within the collections that these are of."""
    if wanted.document is not None:
        pages = pages.filter(document=wanted.document)
    if wanted.language is not None:
        pages = pages.filter(collection__language=wanted.language)
    if wanted.whose:
        pages = pages.filter(_whose(user, wanted.whose))
    if wanted.reason:
        pages = pages.filter(_reason(wanted.reason))
    return pages


def _whose(user: User, whose: str) -> Q:
    review = PageReview.objects.filter(page=OuterRef("pk"))
    if whose == NOBODY:
        return Q(~Exists(review.assigned()))
    if whose != ME:
        return Q(Exists(review.filter(assignee=int(whose))))
    typed = TranscriptRevision.objects.filter(line__page=OuterRef("pk"), author=user)
    held = Claim.objects.live().filter(page=OuterRef("pk"), reviewer=user)
    return Q(Exists(review.filter(assignee=user))) | Q(Exists(typed)) | Q(Exists(held))


def _reason(reason: str) -> Q:
    review = PageReview.objects.filter(page=OuterRef("pk"))
    if reason == Waits.COMMENTS:
        return Q(Exists(Thread.objects.open().filter(page=OuterRef("pk"))))
    if reason in (Waits.SECOND, Waits.RETURNED):
        stage = Stage.SECOND if reason == Waits.SECOND else Stage.RETURNED
        return Q(Exists(review.filter(stage=stage)))
    if reason == Waits.REJECTED:
        return Q(Exists(review.exclude(barred=None)))
    if reason == Waits.SKIPPED:
        return Q(Exists(Skip.objects.filter(page=OuterRef("pk"))))
    decision = RouteDecision.objects.filter(run=OuterRef("run"))
    if reason == Waits.PERSON:
        return Q(~Exists(decision.exclude(reasons=[])))
    return Q(Exists(decision.filter(reasons__contains=[reason])))
