"""Budgets as people see and set them: caps, what was spent of them, and what is still to come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Avg, Count, QuerySet

from transcription.htr.records import Usage
from transcription.models import (
    Cap,
    Charge,
    ChargeState,
    Collection,
    LayoutLine,
    Page,
    ProfileVersion,
    Span,
    Spending,
    Step,
    Work,
    WorkState,
    scope_of,
)
from transcription.steps.ledger import ends_at, price
from transcription.steps.profiles import profile_version_of
from transcription.steps.queue import stop_waiting

MEASURED_FROM = 20  # calls: an average of fewer is a guess
MEASURED_OVER = 1000  # the last calls
LINES_A_PAGE = 30  # where no page of a collection has lines yet


@dataclass(frozen=True, slots=True)
class Limit:
    """The caps of one span; None: no limit. Money in millionths of the currency."""

    tokens: int | None = None
    money: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What was used of one cap; a reservation of a call under way counts with its maximum."""

    span: Span
    used_tokens: int
    used_money: int
    limit: Limit
    ends: datetime | None  # None: never

    @property
    def tokens_left(self) -> int | None:
        return None if self.limit.tokens is None else max(0, self.limit.tokens - self.used_tokens)

    @property
    def money_left(self) -> int | None:
        return None if self.limit.money is None else max(0, self.limit.money - self.used_money)


@dataclass(frozen=True, slots=True)
class PassEstimate:
    """What one paid pass is going to use. ``measured``: by what its calls used so far; else at most."""

    endpoint: str
    calls: int
    tokens: int
    money: int
    measured: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """What reading is going to use, pass by pass; empty where nothing of it is paid."""

    pages: int
    passes: tuple[PassEstimate, ...] = ()

    @property
    def tokens(self) -> int:
        return sum(each.tokens for each in self.passes)

    @property
    def money(self) -> int:
        return sum(each.money for each in self.passes)

    @property
    def measured(self) -> bool:
        return all(each.measured for each in self.passes)


def set_caps(limits: Mapping[Span, Limit], *, collection: Collection | None = None, endpoint: str = "") -> None:
    """Set the caps of one collection or of one endpoint; spans left out have none. What waits for a budget asks again
    at once."""
    assert (collection is None) == bool(endpoint)
    with transaction.atomic():
        for span in Span:
            limit = limits.get(span, Limit())
            if limit.tokens is None and limit.money is None:
                Cap.objects.filter(endpoint=endpoint, collection=collection, span=span).delete()
            else:
                values = {"tokens": limit.tokens, "money": limit.money}
                Cap.objects.update_or_create(endpoint=endpoint, collection=collection, span=span, defaults=values)
    waiting = Work.objects.filter(step=Step.RECOGNIZE)
    if collection is not None:
        waiting = waiting.filter(collection=collection)
    else:
        waiting = waiting.filter(pass_version__engine=endpoint)
    stop_waiting(waiting)


def standings(*, collection: Collection | None = None, endpoint: str = "") -> list[Standing]:
    """What was used in this hour, this day and in all, beside its caps."""
    collection_id = collection.pk if collection is not None else None
    caps = {cap.span: cap for cap in Cap.objects.filter(collection=collection, endpoint=endpoint)}
    counters = _counters(scope_of(endpoint=endpoint, collection_id=collection_id))
    found = []
    for span in Span:
        cap, counter = caps.get(span), counters[span]
        limit = Limit(cap.tokens, cap.money) if cap is not None else Limit()
        found.append(Standing(span, counter.tokens, counter.money, limit, ends_at(counter)))
    return found


def last_charges(*, collection: Collection | None = None, endpoint: str = "", count: int = 20) -> QuerySet[Charge]:
    """The charges made last, the newest first."""
    scope = (
        Charge.objects.filter(collection_id=collection.pk) if collection else Charge.objects.filter(endpoint=endpoint)
    )
    return scope.order_by("-pk")[:count]


def paid_engines(version: ProfileVersion) -> list[str]:
    """The endpoints that the first stage of a profile version reads with, once for each pass."""
    names = version.stage_passes.filter(stage=0).values_list("pass_version__engine", flat=True)
    return [name for name in names if name in settings.ENDPOINTS]


def estimate(collection: Collection, profile_version: ProfileVersion | None = None) -> Estimate:
    """What reading all prepared pages of ``collection`` with ``profile_version`` (None: its present one) would use.

    Later stages read only what is doubtful then, and are not in it.
    """
    pages = Page.objects.filter(collection=collection)
    engines = paid_engines(profile_version or profile_version_of(collection))
    counted = pages.count()
    if not engines:
        return Estimate(counted)
    lines = _lines_of(pages)
    return Estimate(counted, tuple(pass_estimate(collection, name, counted, lines) for name in engines))


def estimate_waiting(collection: Collection) -> Estimate:
    """What the reading that is queued or under way is still going to use."""
    waiting = Work.objects.filter(
        collection=collection,
        step=Step.RECOGNIZE,
        state__in=[WorkState.QUEUED, WorkState.RUNNING],
        pass_version__engine__in=list(settings.ENDPOINTS),
    )
    passes = []
    for name in waiting.values_list("pass_version__engine", flat=True).distinct().order_by("pass_version__engine"):
        of_it = waiting.filter(pass_version__engine=name)
        some = sum(len(lines or []) for lines in of_it.filter(lines__isnull=False).values_list("lines", flat=True))
        whole = LayoutLine.objects.filter(layout__runs__work__in=of_it.filter(lines__isnull=True)).count()
        passes.append(pass_estimate(collection, name, of_it.count(), some + whole))
    return Estimate(waiting.values("page").distinct().count(), tuple(passes))


def _lines_of(pages: QuerySet[Page]) -> int:
    """Lines of ``pages``; those whose lines were not found yet are taken for as long as the others."""
    found = pages.filter(layout__isnull=False)
    with_lines = found.count()
    lines = LayoutLine.objects.filter(layout__in=found.values("layout")).count()
    average = lines / with_lines if with_lines else LINES_A_PAGE
    return lines + round((pages.count() - with_lines) * average)


def pass_estimate(collection: Collection, endpoint: str, pages: int, lines: int) -> PassEstimate:
    """What one pass by ``endpoint`` uses for so many pages and lines."""
    declared = settings.ENDPOINTS[endpoint]
    calls = pages if declared.mode == "pages" else lines
    each, measured = _tokens_a_call(collection, endpoint)
    whole = Usage(round(each[0] * calls), round(each[1] * calls))
    return PassEstimate(endpoint, calls, whole.tokens_in + whole.tokens_out, price(endpoint, whole), measured)


def _tokens_a_call(collection: Collection, endpoint: str) -> tuple[tuple[float, float], bool]:
    """Tokens in and out of one call as counted so far, here or else anywhere; the declared maximum where too few
    were made."""
    counted = Charge.objects.filter(endpoint=endpoint, state=ChargeState.SETTLED, tokens_in__isnull=False)
    for charges in (counted.filter(collection_id=collection.pk), counted):
        last = charges.order_by("-pk")[:MEASURED_OVER]
        mean = Charge.objects.filter(pk__in=list(last.values_list("pk", flat=True))).aggregate(
            calls=Count("pk"), came_in=Avg("tokens_in"), went_out=Avg("tokens_out")
        )
        if mean["calls"] >= MEASURED_FROM:
            return (float(mean["came_in"]), float(mean["went_out"])), True
    declared = settings.ENDPOINTS[endpoint]
    return (float(declared.image_tokens + len(declared.prompt.encode())), float(declared.most_out)), False


def _counters(scope: str) -> dict[Span, Spending]:
    """The counters of the spans that hold now; zero where nothing was charged in them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT date_trunc('hour', now(), 'UTC'), date_trunc('day', now(), 'UTC'), to_timestamp(0)")
        starts = dict(zip([Span.HOUR, Span.DAY, Span.TOTAL], cursor.fetchone(), strict=True))
    rows = Spending.objects.filter(scope=scope, start__in=starts.values())
    kept = {(row.span, row.start): row for row in rows}
    return {
        span: kept.get((span.value, start), Spending(scope=scope, span=span, start=start))
        for span, start in starts.items()
    }
