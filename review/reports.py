"""Numbers for the report screen, each counted in the database over the rows that a user may see.

A period is ``since`` (inclusive) to now; None means from the beginning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.db.models.functions import TruncHour

from transcription.htr import risk
from transcription.htr.text import words
from transcription.models import Audit, Collection, Page, PageState, RouteDecision, Source, TranscriptRevision
from transcription.steps.weigh_audits import counted

BINS = 20  # of the confidence histogram, each 1/20 wide
WORD_CHANGES_SHOWN = 25


@dataclass(frozen=True, slots=True)
class Bin:
    """Pages whose confidence is in [low, high); the last bin includes 1."""

    low: float
    high: float
    pages: int


@dataclass(frozen=True, slots=True)
class Corrections:
    """What people changed. A correction is a voted word changed, removed, or a word added.

    ``lines`` lines have a person's text, ``changed`` of them differ from what stood there: the vote, or text from a
    transcript that was brought, which is nobody's correction. ``corrections`` in the
    ``voted_words`` words that the votes had on pages a person has worked on.
    """

    lines: int
    changed: int
    corrections: int
    voted_words: int
    changes: list[tuple[str, str, int]]  # (voted, typed, times), most frequent first; "" stands for nothing

    @property
    def per_hundred_words(self) -> float | None:
        return 100 * self.corrections / self.voted_words if self.voted_words else None


@dataclass(frozen=True, slots=True)
class Measured:
    """The error rate of a collection's text, measured by blind audits; ``bound`` is above it with 95 % confidence."""

    collection: str
    kind: Audit.Kind
    pages: int
    lines: int
    rate: float
    bound: float  # infinite where there are too few audits for any


def measured_errors(collections: QuerySet[Collection], since: datetime | None) -> list[Measured]:
    """Of text accepted unseen and of approved text, each collection of which audits were settled in the period."""
    found = []
    for collection in collections.filter(audits__state=Audit.State.SETTLED).distinct().order_by("title", "pk"):
        for kind in Audit.Kind:
            audits = collection.audits.filter(kind=kind)
            if kind == Audit.Kind.MACHINE:
                audits = audits.filter(run__route_decision__outcome=RouteDecision.Outcome.ACCEPT)
            settled = [each for each in counted(audits) if since is None or each.settled_at >= since]
            losses = [each.loss for each in settled]
            rate = risk.measured_rate(losses)
            if rate is not None:
                lines = sum(each.lines for each in settled)
                bound = risk.upper_bound(risk.relative(losses, 1.0))
                found.append(Measured(collection.title, kind, len(settled), lines, rate, bound))
    return found


def pages_by_state(collections: QuerySet[Collection]) -> list[tuple[PageState, int]]:
    """Pages in each state, in the order of the journey; states without pages included."""
    counted = Page.everything.filter(collection__in=collections).order_by().values_list("state").annotate(Count("pk"))
    counts = dict(counted)
    return [(state, counts.get(state, 0)) for state in PageState]


def confidence_histogram(collections: QuerySet[Collection], since: datetime | None) -> list[Bin]:
    """How many pages the machine finished in the period, by their confidence."""
    pages = _finished(collections, since).filter(confidence__isnull=False)
    sql, parameters = pages.order_by().values("confidence").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT least(width_bucket(confidence, 0, 1, {BINS}), {BINS}), count(*) FROM ({sql}) AS page GROUP BY 1",
            parameters,
        )
        counts = dict(cursor.fetchall())
    return [Bin((number - 1) / BINS, number / BINS, counts.get(number, 0)) for number in range(1, BINS + 1)]


def pages_per_hour(collections: QuerySet[Collection], since: datetime | None) -> list[tuple[datetime, int]]:
    """Pages the machine finished in each hour of the period, in order; hours without any are left out."""
    counted = _finished(collections, since).annotate(hour=TruncHour("finished_at")).order_by("hour").values("hour")
    return [(row["hour"], row["pages"]) for row in counted.annotate(pages=Count("pk"))]


def _finished(collections: QuerySet[Collection], since: datetime | None) -> QuerySet[Page]:
    pages = Page.everything.filter(collection__in=collections, finished_at__isnull=False)
    return pages.filter(finished_at__gte=since) if since else pages


def corrections(collections: QuerySet[Collection], since: datetime | None) -> Corrections:
    """Compare the texts that people gave lines in the period with what stood there before."""
    pairs = list(_voted_and_typed(collections, since))
    changes: Counter[tuple[str, str]] = Counter()
    for voted, typed in pairs:
        changes.update(word_changes(voted, typed))
    top = sorted(changes.items(), key=lambda item: (-item[1], item[0]))[:WORD_CHANGES_SHOWN]
    return Corrections(
        lines=len(pairs),
        changed=sum(voted != typed for voted, typed in pairs),
        corrections=sum(changes.values()),
        voted_words=_voted_words(collections, since),
        changes=[(voted, typed, times) for (voted, typed), times in top],
    )


def word_changes(voted: str, typed: str) -> Iterator[tuple[str, str]]:
    """The words by which ``typed`` differs from ``voted``, as pairs; "" stands for a word that is not there."""
    before, after = words(voted), words(typed)
    for tag, low, high, first, last in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for offset in range(max(high - low, last - first)):
            yield (
                before[low + offset] if low + offset < high else "",
                after[first + offset] if first + offset < last else "",
            )


def _persons(collections: QuerySet[Collection], since: datetime | None) -> QuerySet[TranscriptRevision]:
    """What people typed; what only moved when lines were found anew, nobody typed a second time."""
    typed = TranscriptRevision.objects.filter(source=Source.PERSON, layout=None)
    revisions = typed.filter(line__page__collection__in=collections)
    # What was carried to a line of another page, when a spread was split or joined, was written once.
    carried = TranscriptRevision.objects.filter(line__derived_from=OuterRef("line"), created_at=OuterRef("created_at"))
    revisions = revisions.exclude(Exists(carried))
    return revisions.filter(created_at__gte=since) if since else revisions


def _voted_and_typed(collections: QuerySet[Collection], since: datetime | None) -> Iterable[tuple[str, str]]:
    """For each line with a person's text: the last text before it that no person wrote, and the last one typed."""
    lines = _persons(collections, since).order_by().values("line").annotate(last=Max("number")).values("line", "last")
    sql, parameters = lines.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT voted.text, typed.text
            FROM ({sql}) AS chosen (line_id, last)
            JOIN transcription_transcriptrevision typed
              ON typed.line_id = chosen.line_id AND typed.number = chosen.last
            JOIN LATERAL (
                SELECT text FROM transcription_transcriptrevision
                WHERE line_id = chosen.line_id AND source <> %s AND number < chosen.last
                ORDER BY number DESC LIMIT 1
            ) voted ON true
            """,
            [*parameters, Source.PERSON],
        )
        found: list[tuple[str, str]] = cursor.fetchall()
    return found


def _voted_words(collections: QuerySet[Collection], since: datetime | None) -> int:
    """Words in the last voted texts of all lines on pages that people approved or typed on in the period."""
    approved = Q(approvals__created_at__gte=since) if since else Q(approvals__isnull=False)
    typed = Q(pk__in=_persons(collections, since).values("line__page"))
    pages = (
        Page.everything.filter(Q(collection__in=collections) & (approved | typed)).order_by().values("pk").distinct()
    )
    sql, parameters = pages.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT coalesce(sum(cardinality(regexp_split_to_array(text, '\\s+'))), 0)
            FROM (
                SELECT DISTINCT ON (revision.line_id) btrim(revision.text) AS text
                FROM transcription_transcriptrevision revision
                JOIN transcription_line line ON line.id = revision.line_id
                WHERE revision.source = %s AND line.page_id IN ({sql}) AND NOT EXISTS (
                    SELECT FROM transcription_line_derived_from derived
                    JOIN transcription_transcriptrevision carried ON carried.line_id = derived.from_line_id
                    WHERE derived.to_line_id = line.id AND carried.created_at = revision.created_at)
                ORDER BY revision.line_id, revision.number DESC
            ) AS voted
            WHERE text <> ''
            """,
            [Source.VOTE, *parameters],
        )
        return int(cursor.fetchone()[0])


def median_seconds_a_page(collections: QuerySet[Collection], since: datetime | None) -> float | None:
    """Median of the active seconds of the approvals in the period; None without any."""
    conditions = "page.collection_id = ANY(%s) AND approval.active_seconds > 0"
    parameters: list[Any] = [list(collections.values_list("pk", flat=True))]
    if since:
        conditions += " AND approval.created_at >= %s"
        parameters.append(since)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY approval.active_seconds)
            FROM review_approval approval JOIN transcription_page page ON page.id = approval.page_id
            WHERE {conditions}
            """,
            parameters,
        )
        median = cursor.fetchone()[0]
    return None if median is None else float(median)
