"""How far collections have come, counted in the database for the rows a screen shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from transcription.models import Collection, Failure, Page, PageState, Work, WorkState
from transcription.steps.progress import CollectionProgress, collection_progress

# The far end of the journey first: what is done stands at the left of a bar.
BAR_ORDER = list(reversed(PageState))
DONE = (PageState.REVIEWED, PageState.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a stacked bar: ``count`` pages in ``state``."""

    state: PageState
    count: int


@dataclass(frozen=True, slots=True)
class CollectionRow:
    """One row of the list of collections. ``progress`` only where machines have work to do."""

    collection: Collection
    pages: int
    segments: list[Segment]
    done: int
    to_review: int
    failures: int
    thumbnail_page: int | None
    progress: CollectionProgress | None


def segments(by_state: dict[str, int]) -> list[Segment]:
    return [Segment(state, by_state[state]) for state in BAR_ORDER if by_state.get(state)]


def with_review_count(collections: QuerySet[Collection]) -> QuerySet[Collection]:
    """Annotate ``to_review``: how many pages wait for a person."""
    waiting = Page.objects.filter(collection=OuterRef("pk"), state=PageState.IN_REVIEW).order_by()
    counted = waiting.values("collection").annotate(count=Count("pk")).values("count")
    return collections.annotate(to_review=Coalesce(Subquery(counted), 0))


def collection_rows(collections: Sequence[Collection]) -> list[CollectionRow]:
    """Rows for ``collections`` in their order, by a handful of grouped queries whatever their number."""
    ids = [collection.pk for collection in collections]
    by_state: dict[int, dict[str, int]] = {pk: {} for pk in ids}
    counted = Page.objects.filter(collection__in=ids).order_by().values_list("collection", "state")
    for pk, state, count in counted.annotate(count=Count("pk")):
        by_state[pk][state] = count
    grouped = Failure.objects.filter(collection__in=ids).open().order_by().values_list("collection")
    failures = dict(grouped.annotate(count=Count("pk")))
    shown = Page.objects.filter(collection__in=ids).exclude(thumbnail="").order_by("collection", "pk")
    thumbnails = dict(shown.distinct("collection").values_list("collection", "pk"))
    open_work = Work.objects.filter(collection__in=ids, state__in=[WorkState.QUEUED, WorkState.RUNNING])
    busy = set(open_work.order_by().values_list("collection", flat=True).distinct())
    return [
        CollectionRow(
            collection=collection,
            pages=sum(by_state[collection.pk].values()),
            segments=segments(by_state[collection.pk]),
            done=sum(by_state[collection.pk].get(state, 0) for state in DONE),
            to_review=by_state[collection.pk].get(PageState.IN_REVIEW, 0),
            failures=failures.get(collection.pk, 0),
            thumbnail_page=thumbnails.get(collection.pk),
            progress=collection_progress(collection) if collection.pk in busy else None,
        )
        for collection in collections
    ]
