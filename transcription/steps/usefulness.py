"""Where a minute of reading removes most errors: expected wrong words of a page by the time that reading it takes.

It stands in the page's row, so that the queue's first pages cost the same however many wait. It is reckoned when a
page goes to review, and the sweeper reckons it anew, some pages a time, when people are found to read at another pace.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Case, F, FloatField, Q, QuerySet, Subquery, Value, When
from django.db.models.expressions import Combinable, OuterRef
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Now

from transcription.htr.review_pace import UNKNOWN_WORDS, Pace, learned
from transcription.models import Page, ReviewPace, RouteDecision
from transcription.steps.material import WORDS

LEARNED_FROM = 200  # approvals, the latest
LEARN_EVERY = timedelta(minutes=10)
OTHERWISE = 0.1  # share by which a pace must differ to be another
PAGES_A_SWEEP = 2000


def weigh(pages: Iterable[int]) -> None:
    """Write the usefulness of these pages by the present pace."""
    _weigh(Page.objects.filter(pk__in=list(pages)), ReviewPace.objects.present())


def keep_weighed() -> int:
    """Learn the pace where that is due, and weigh some of the pages in review that it was not reckoned with; how many.

    For the sweeper: cheap where nothing is to be done.
    """
    present = _learn()
    stale = Page.objects.awaiting_review().filter(Q(pace=None) | Q(pace__lt=present))
    some = list(stale.order_by().values_list("pk", flat=True)[:PAGES_A_SWEEP])
    if some:
        _weigh(Page.objects.filter(pk__in=some), present)
    return len(some)


def _learn() -> ReviewPace:
    present = ReviewPace.objects.present()
    looked = ReviewPace.objects.filter(pk=present.pk, looked_at__gt=Now() - LEARN_EVERY)
    if looked.exists():
        return present
    ReviewPace.objects.filter(pk=present.pk).update(looked_at=Now())
    found = learned(_measured())
    if not found.differs(present.pace, share=OTHERWISE):
        return present
    return ReviewPace.objects.create(page=found.page, word=found.word, wrong=found.wrong)


def _measured() -> list[tuple[float, float, float]]:
    """(seconds, words, words expected to be wrong) of the pages that were approved last; review's rows, which point at
    pages."""
    pages = Page.objects.filter(
        approvals__active_seconds__gt=0,
        approvals__run__route_decision__features__has_key=WORDS,
        confidence__isnull=False,
    ).order_by("-approvals__pk")
    decision = "approvals__run__route_decision"
    rows = pages.values_list("approvals__active_seconds", f"{decision}__features", f"{decision}__confidence")
    return [
        (seconds, float(features[WORDS]), float(features[WORDS]) * (1 - confidence))
        for seconds, features, confidence in rows[:LEARNED_FROM]
    ]


def _weigh(pages: QuerySet[Page], present: ReviewPace) -> None:
    pages.update(usefulness=_usefulness(present.pace), pace=present)


def _usefulness(pace: Pace) -> Combinable:
    """Expected wrong words a second of reading; 0 without a confidence."""
    features = RouteDecision.objects.filter(run=OuterRef("run")).annotate(
        counted=Cast(KeyTextTransform(WORDS, "features"), FloatField())
    )
    words = Coalesce(Subquery(features.values("counted")[:1]), Value(UNKNOWN_WORDS), output_field=FloatField())
    wrong = words * (1.0 - F("confidence"))
    value = wrong / (Value(pace.page) + words * Value(pace.word) + wrong * Value(pace.wrong))
    return Case(When(confidence=None, then=Value(0.0)), default=value, output_field=FloatField())
