"""Pages that wait for a person, in the order in which reading them helps most.

"Most useful first" is by the errors that a minute of reading is expected to remove (`steps.usefulness`). Pages without
a confidence (no lines, no text) come last. Whatever is asked here costs the same among a thousand pages and among a
million: orders follow indexes, parts follow keys, and nobody counts further than people read.
"""

from __future__ import annotations

from collections.abc import Collection as Container
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db import connection, models, transaction
from django.db.models import Exists, OuterRef

from review.claims import NotInReview, PageHeld, claim_page
from review.models import Claim
from transcription.htr.confidence import UNSURE_BELOW
from transcription.models import Collection, Page, Role, TranscriptRevision
from transcription.models.keyset import Slice as KeyedSlice
from transcription.models.keyset import paged

PAGE_SIZE = 50
MOST_COUNTED = 999


class Order(models.TextChoices):
    USEFUL = "useful", "most useful first"
    PAGES = "pages", "in page order"


_FIELDS = {
    Order.USEFUL: ["-usefulness", "id"],
    Order.PAGES: ["collection_id", "document_id", "position", "id"],
}


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """What a reviewer wants to see of the queue."""

    collection: int | None = None
    mine: bool = False
    order: Order = Order.USEFUL


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the queue; ``after`` is the key that the next part begins behind, empty at the end."""

    pages: Sequence[Page]
    after: str
    unsure: dict[int, int] = field(default_factory=dict)  # doubtful words by run
    claims: dict[int, Claim] = field(default_factory=dict)  # live ones by page


def waiting(user: User, wanted: QueueFilter = QueueFilter()) -> models.QuerySet[Page]:
    """Pages awaiting review that ``user`` may review, ordered; held ones included."""
    # Their ids and not a subquery: of ids the planner knows how many pages they stand for.
    reviewable = Collection.objects.visible_to(user, Role.REVIEWER)
    if wanted.collection is not None:
        reviewable = reviewable.filter(pk=wanted.collection)
    pages = Page.objects.awaiting_review().filter(collection__in=list(reviewable.values_list("pk", flat=True)))
    if wanted.mine:
        typed = TranscriptRevision.objects.filter(line__page=OuterRef("pk"), author=user)
        held = Claim.objects.live().filter(page=OuterRef("pk"), reviewer=user)
        pages = pages.filter(Exists(typed) | Exists(held))
    return pages.order_by(*_FIELDS[wanted.order])


def count_waiting(user: User, wanted: QueueFilter = QueueFilter()) -> int:
    """How many pages wait, counted up to one more than ``MOST_COUNTED``."""
    return waiting(user, wanted).order_by().values("pk")[: MOST_COUNTED + 1].count()


def queue_slice(user: User, wanted: QueueFilter, *, after: str = "", size: int = PAGE_SIZE) -> Slice:
    """One screen of the queue by keyset: it costs the same wherever it begins."""
    pages = waiting(user, wanted).select_related("collection", "document", "original", "run__route_decision")
    shown: KeyedSlice[Page] = paged(pages, order=_FIELDS[wanted.order], size=size, after=after)
    live = Claim.objects.live().filter(page__in=shown.rows).select_related("reviewer")
    return Slice(
        pages=shown.rows,
        after=shown.after,
        unsure=unsure_words(page.run_id for page in shown.rows),
        claims={claim.page_id: claim for claim in live},
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


def next_page(user: User, wanted: QueueFilter, *, skipped: Container[int] = ()) -> Claim | None:
    """Claim the first page of the queue that nobody holds, for ``user``; None when there is none.

    Pages that others are claiming at this moment are passed over without waiting.
    """
    passed = set(skipped)
    while True:
        # A page of one's own other tab is no next page either.
        held = Claim.objects.live().filter(page=OuterRef("pk"))
        free = waiting(user, wanted).filter(~Exists(held)).exclude(pk__in=passed)
        with transaction.atomic():
            page = free.select_for_update(skip_locked=True, of=("self",)).first()
            if page is None:
                return None
            # Someone may have claimed it after our query's snapshot and before our lock: look again under the lock.
            taken = Claim.objects.live().filter(page=page).exists()
            if not taken:
                try:
                    return claim_page(page=page, reviewer=user)
                except (PageHeld, NotInReview):
                    taken = True
            passed.add(page.pk)
