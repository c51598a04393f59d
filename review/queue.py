"""Pages that wait for a person, in the order in which reading them helps most.

"Most useful first" is by the errors that a minute of reading is expected to remove (`steps.usefulness`). Pages without
a confidence (no lines, no text) come last. Whatever is asked here costs the same among a thousand pages and among a
million: orders follow indexes, parts follow keys, and nobody counts further than people read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db import connection, models, transaction
from django.db.models import Count, Exists, OuterRef, Q

from review.claims import NotInReview, PageHeld, claim_page
from review.models import Claim, PageReview, Skip, Stage, Thread
from review.queue_filter import Order, QueueFilter, filtered
from review.skips import skipped_lately
from review.stages import NotYours
from transcription.htr.confidence import UNSURE_BELOW
from transcription.models import Collection, Page, Role
from transcription.models.keyset import Slice as KeyedSlice
from transcription.models.keyset import paged

PAGE_SIZE = 50
MOST_COUNTED = 999
EVERYTHING = QueueFilter()

_FIELDS = {
    Order.USEFUL: ["-usefulness", "id"],
    Order.PAGES: ["collection_id", "document_id", "position", "id"],
}


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the queue; ``after`` is the key that the next part begins behind, empty at the end."""

    pages: Sequence[Page]
    after: str
    unsure: dict[int, int] = field(default_factory=dict)  # doubtful words by run
    claims: dict[int, Claim] = field(default_factory=dict)  # live ones by page
    reviews: dict[int, PageReview] = field(default_factory=dict)  # by page, where something was decided
    skips: dict[int, Skip] = field(default_factory=dict)  # the last by page
    open_threads: dict[int, int] = field(default_factory=dict)  # by page


def waiting(user: User, wanted: QueueFilter = EVERYTHING) -> models.QuerySet[Page]:
    """Pages awaiting review that ``user`` may review, ordered; held ones included."""
    # Their ids and not a subquery: of ids the planner knows how many pages they stand for.
    reviewable = Collection.objects.visible_to(user, Role.REVIEWER)
    if wanted.collection is not None:
        reviewable = reviewable.filter(pk=wanted.collection)
    pages = Page.objects.awaiting_review().filter(collection__in=list(reviewable.values_list("pk", flat=True)))
    return filtered(pages, user, wanted).order_by(*_FIELDS[wanted.order])


def count_waiting(user: User, wanted: QueueFilter = EVERYTHING) -> int:
    """How many pages wait, counted up to one more than ``MOST_COUNTED``."""
    return waiting(user, wanted).order_by().values("pk")[: MOST_COUNTED + 1].count()


def queue_slice(user: User, wanted: QueueFilter, *, after: str = "", size: int = PAGE_SIZE) -> Slice:
    """One screen of the queue by keyset: it costs the same wherever it begins."""
    pages = waiting(user, wanted).select_related("collection", "document", "original", "run__route_decision")
    found: KeyedSlice[Page] = paged(pages, order=_FIELDS[wanted.order], size=size, after=after)
    shown = found.rows
    live = Claim.objects.live().filter(page__in=shown).select_related("reviewer")
    skips = Skip.objects.filter(page__in=shown).order_by("page_id", "-pk").distinct("page_id")
    threads = Thread.objects.open().filter(page__in=shown).values_list("page").annotate(count=Count("pk"))
    return Slice(
        pages=shown,
        after=found.after,
        unsure=unsure_words(page.run_id for page in shown),
        claims={claim.page_id: claim for claim in live},
        reviews={
            review.page_id: review
            for review in PageReview.objects.filter(page__in=shown).select_related("assignee", "approver", "barred")
        },
        skips={skip.page_id: skip for skip in skips.select_related("reviewer")},
        open_threads=dict(threads.values_list("page", "count")),
    )


def unsure_words(runs: Iterable[int | None]) -> dict[int, int]:
    """How many words of each run the vote was unsure of, by the last stage that read them; none where a person had
    typed the line before."""
    wanted = [run for run in runs if run is not None]
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT last.run_id, count(*)
            FROM (SELECT DISTINCT ON (run_id, line_id) run_id, line_id, words, created_at
                  FROM transcription_vote WHERE run_id = ANY(%s) ORDER BY run_id, line_id, stage DESC) last
            JOIN transcription_line line ON line.id = last.line_id
            LEFT JOIN transcription_transcriptrevision current ON current.id = line.current_id
            CROSS JOIN LATERAL jsonb_array_elements(last.words) word
            WHERE (word->>'confidence')::float < %s
              AND NOT (current.source IS NOT DISTINCT FROM 'person' AND current.created_at < last.created_at)
            GROUP BY last.run_id
            """,
            [wanted, UNSURE_BELOW],
        )
        return dict(cursor.fetchall())


def own_claims(user: User) -> models.QuerySet[Claim]:
    """Pages that ``user`` holds at this moment, the latest first."""
    live = Claim.objects.live().filter(reviewer=user, page__in=waiting(user).order_by())
    return live.select_related("page__document", "page__collection").order_by("-claimed_at")


def next_page(user: User, wanted: QueueFilter, *, again: bool = False) -> Claim | None:
    """Claim the first page of the queue that is free for ``user``; None when there is none.

    What is assigned to them comes first, and what is assigned to others is theirs. Pages that they passed over lately
    come only ``again``, when nothing else is left. Pages that others are claiming at this moment are passed over
    without waiting.
    """
    mine = Exists(PageReview.objects.filter(page=OuterRef("pk"), assignee=user))
    decided = PageReview.objects.filter(page=OuterRef("pk"))
    closed = decided.filter(Q(barred=user) | Q(stage=Stage.SECOND, approver=user))
    open_to_all = ~Q(Exists(decided.assigned())) & ~Q(Exists(closed))
    lately = skipped_lately(user)
    offers: list[Q] = [Q(mine) & ~Q(lately), open_to_all & ~Q(lately)]
    if again:
        offers += [Q(mine), open_to_all]
    pages = waiting(user, wanted)
    for offer in offers:
        if (claim := _claim_first(pages.filter(offer), user)) is not None:
            return claim
    return None


def _claim_first(pages: models.QuerySet[Page], user: User) -> Claim | None:
    passed = set[int]()
    while True:
        # A page of one's own other tab is no next page either.
        held = Claim.objects.live().filter(page=OuterRef("pk"))
        free = pages.filter(~Exists(held)).exclude(pk__in=passed)
        with transaction.atomic():
            page = free.select_for_update(skip_locked=True, of=("self",)).first()
            if page is None:
                return None
            # Someone may have claimed it after our query's snapshot and before our lock: look again under the lock.
            if not Claim.objects.live().filter(page=page).exists():
                try:
                    return claim_page(page=page, reviewer=user)
                except (PageHeld, NotInReview, NotYours):
                    pass  # or sent elsewhere, or assigned
            passed.add(page.pk)
