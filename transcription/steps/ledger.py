"""The ledger of paid calls: reserve before, settle or give back after; exact however many workers do so at once.

Every call of an endpoint counts in six rows: the endpoint's and the collection's spending of this hour, this day and
in all. A reservation adds its maximum to them, in one fixed order, and so waits for whoever is adding to the same
rows; then it looks at the caps and undoes itself where one is passed. So no two reservations see the same room
(READ COMMITTED is enough), and what is under way is always counted at its maximum. Hours and days are UTC's, by the
database's clock; a charge belongs to those in which it was reserved, also where its call ends later.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.postgres.functions import TransactionNow
from django.db import connection, transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Greatest
from django.utils import timezone

from transcription.errors import BudgetSpent
from transcription.htr.records import Usage
from transcription.models import Cap, Charge, ChargeState, Overrun, Span, Spending, scope_of

logger = logging.getLogger(__name__)

LONGEST_WAIT = 600.0  # seconds: then work that waits for a budget asks again, whatever it was told
UNDER_WAY_WAIT = 5.0  # seconds until calls under way have likely given back what they do not use
UNDER_WAY_FOR = timedelta(minutes=30)  # no call takes longer: what is reserved since then belongs to the dead

_ADD = """
INSERT INTO transcription_spending AS kept (scope, span, start, tokens, money)
SELECT scope, span, CASE span WHEN 'total' THEN to_timestamp(0) ELSE date_trunc(span, at, 'UTC') END,
    %(tokens)s, %(money)s
FROM unnest(%(scopes)s::text[]) AS scope, unnest(ARRAY['day', 'hour', 'total']) AS span,
    (SELECT coalesce(%(at)s::timestamptz, now()) AS at) AS moment
ORDER BY scope, span
ON CONFLICT (scope, span, start)
DO UPDATE SET tokens = kept.tokens + EXCLUDED.tokens, money = kept.money + EXCLUDED.money
RETURNING scope, span, start, tokens, money
"""


@dataclass(frozen=True, slots=True)
class Payer:
    """For whom a call is made; kept as numbers in the ledger."""

    endpoint: str
    collection_id: int | None = None
    page_id: int | None = None
    run_id: int | None = None
    work_id: int | None = None
    line_id: int | None = None

    @property
    def scopes(self) -> list[str]:
        return scopes_of(self.endpoint, self.collection_id)


def scopes_of(endpoint: str, collection_id: int | None) -> list[str]:
    """The scopes a call counts in."""
    own = [scope_of(endpoint=endpoint)]
    return own if collection_id is None else [*own, scope_of(collection_id=collection_id)]


def price(endpoint: str, usage: Usage) -> int:
    """Millionths of the currency; 0 for an endpoint that is no longer declared."""
    declared = settings.ENDPOINTS.get(endpoint)
    return declared.money(usage) if declared is not None else 0


def reserve(payer: Payer, most: Usage) -> int:
    """Set aside the most that a call may use; returns the charge's number. Commits before it returns.

    Raises BudgetSpent, having changed nothing, where a cap leaves no room.
    """
    with transaction.atomic():
        over = Overrun.objects.filter(endpoint=payer.endpoint).first()
        if over is not None:
            most = Usage(max(most.tokens_in, over.tokens_in), max(most.tokens_out, over.tokens_out))
        tokens, money = most.tokens_in + most.tokens_out, price(payer.endpoint, most)
        used = _add(payer.scopes, tokens, money, at=None)
        # Asked only now that the rows above are ours: a cap that was lowered while we waited for them counts.
        caps = Cap.objects.filter(
            Q(collection=None, endpoint=payer.endpoint) | Q(collection_id=payer.collection_id, endpoint="")
        )
        for cap in caps:
            _check(cap, used[cap.scope, cap.span], tokens, money)
        charge = Charge.objects.create(
            endpoint=payer.endpoint,
            collection_id=payer.collection_id,
            page_id=payer.page_id,
            run_id=payer.run_id,
            work_id=payer.work_id,
            line_id=payer.line_id,
            reserved_in=most.tokens_in,
            reserved_out=most.tokens_out,
            tokens=tokens,
            money=money,
            created_at=TransactionNow(),
        )
    return charge.pk


def settle(charge_id: int, usage: Usage | None, answer: Any = None) -> None:
    """Charge what the endpoint counted, None: leave the charge at its maximum. ``answer`` is JSON to keep with it.

    More than was reserved is charged in full, and reserved beforehand from then on. Settling twice changes nothing.
    """
    with transaction.atomic():
        charge = Charge.objects.select_for_update().get(pk=charge_id)
        if charge.state != ChargeState.RESERVED:
            return
        before = charge.tokens, charge.money
        if usage is not None:
            charge.tokens_in, charge.tokens_out = usage.tokens_in, usage.tokens_out
            charge.tokens, charge.money = usage.tokens_in + usage.tokens_out, price(charge.endpoint, usage)
            _learn(charge, usage)
        charge.answer = answer
        _close(charge, ChargeState.SETTLED, before)


def refund(charge_id: int) -> None:
    """Give a reservation back whole: its call surely cost nothing."""
    with transaction.atomic():
        charge = Charge.objects.select_for_update().get(pk=charge_id)
        if charge.state != ChargeState.RESERVED:
            return
        before = charge.tokens, charge.money
        charge.tokens = charge.money = 0
        _close(charge, ChargeState.REFUNDED, before)


def _close(charge: Charge, state: ChargeState, before: tuple[int, int]) -> None:
    charge.state = state
    changed = Charge.objects.filter(pk=charge.pk)
    changed.update(
        state=state,
        tokens_in=charge.tokens_in,
        tokens_out=charge.tokens_out,
        tokens=charge.tokens,
        money=charge.money,
        answer=charge.answer,
        settled_at=TransactionNow(),
    )
    tokens, money = charge.tokens - before[0], charge.money - before[1]
    if tokens or money:
        _add(scopes_of(charge.endpoint, charge.collection_id), tokens, money, at=charge.created_at)


def _add(scopes: Sequence[str], tokens: int, money: int, *, at: datetime | None) -> dict[tuple[str, str], Spending]:
    """Add to the counters of the spans around ``at`` (None: now), locking them in one order; what they are now."""
    with connection.cursor() as cursor:
        cursor.execute(_ADD, {"scopes": list(scopes), "tokens": tokens, "money": money, "at": at})
        rows = [Spending(scope=s, span=span, start=b, tokens=t, money=m) for s, span, b, t, m in cursor.fetchall()]
    return {(row.scope, row.span): row for row in rows}


def _check(cap: Cap, counter: Spending, tokens: int, money: int) -> None:
    """Raise BudgetSpent if ``counter``, which has this call in it, is past ``cap``."""
    for measure, limit, asked in (("tokens", cap.tokens, tokens), ("money", cap.money, money)):
        used = getattr(counter, measure)
        if limit is None or used <= limit:
            continue
        seconds = _seconds_until_room(cap, counter, measure, used - limit)
        raise BudgetSpent(
            _sentence(cap, counter, measure, used - asked, limit, asked), seconds=seconds, collection=cap.collection_id
        )


def _seconds_until_room(cap: Cap, counter: Spending, measure: str, excess: int) -> float:
    """Calls under way reserve more than they use: where they could make room, it comes in seconds."""
    recent = timezone.now() - UNDER_WAY_FOR
    scope = {"collection_id": cap.collection_id} if cap.collection_id else {"endpoint": cap.endpoint}
    open_ones = Charge.objects.filter(**scope, state=ChargeState.RESERVED, created_at__gte=max(recent, counter.start))
    if (open_ones.aggregate(sum=Sum(measure))["sum"] or 0) >= excess:
        return UNDER_WAY_WAIT
    ends = ends_at(counter)
    left = (ends - timezone.now()).total_seconds() if ends else LONGEST_WAIT
    return min(max(left, 1.0), LONGEST_WAIT)


def ends_at(counter: Spending) -> datetime | None:
    """When a counter's span is over; None for one that never is."""
    lengths = {Span.HOUR: timedelta(hours=1), Span.DAY: timedelta(days=1)}
    length = lengths.get(Span(counter.span))
    return counter.start + length if length else None


def _sentence(cap: Cap, counter: Spending, measure: str, used: int, limit: int, asked: int) -> str:
    whose = f"endpoint “{cap.endpoint}”" if cap.collection_id is None else "this collection"
    which = {Span.HOUR: "the hour's budget", Span.DAY: "the day's budget", Span.TOTAL: "the budget"}[Span(cap.span)]
    shown = f"{_shown(measure, used)} of {_shown(measure, limit)}"
    if asked > limit:
        need = f"one call may need {_shown(measure, asked)}, more than all of it ({_shown(measure, limit)})"
        return f"Reading waits: {which} of {whose} is too small, {need}; an admin must raise it."
    ends = ends_at(counter)
    resumes = f"at {ends:%H:%M} UTC or when an admin raises it" if ends else "when an admin raises it"
    return f"Reading waits: {which} of {whose} is spent ({shown}). It goes on {resumes}."


def _shown(measure: str, amount: int) -> str:
    return f"{amount:,} tokens" if measure == "tokens" else f"{amount / 1e6:,.2f} {settings.ENDPOINTS.currency}"


def _learn(charge: Charge, usage: Usage) -> None:
    """Where an endpoint counted more than was reserved, reserve so much more from now on."""
    if usage.tokens_in <= charge.reserved_in and usage.tokens_out <= charge.reserved_out:
        return
    logger.warning(
        "Endpoint %s counted %d + %d tokens where at most %d + %d were expected; so many are reserved from now on. "
        "Raise image_tokens in endpoints.toml.",
        charge.endpoint,
        usage.tokens_in,
        usage.tokens_out,
        charge.reserved_in,
        charge.reserved_out,
    )
    Overrun.objects.get_or_create(endpoint=charge.endpoint)
    Overrun.objects.filter(endpoint=charge.endpoint).update(
        tokens_in=Greatest(F("tokens_in"), usage.tokens_in), tokens_out=Greatest(F("tokens_out"), usage.tokens_out)
    )
