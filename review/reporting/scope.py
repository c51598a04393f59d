"""Whose numbers a report shows: the collections that somebody leads, over a period."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from transcription.models import Collection, Role
from transcription.steps.rollups import Scope

PERIODS: dict[str, int | None] = {"1": 1, "7": 7, "30": 30, "365": 365, "all": None}
USUAL = "30"


class OutOfScope(ValueError):
    """The user leads nothing of the kind."""


@dataclass(frozen=True)
class ReportScope:
    """``led`` are all collections of the user, ``collections`` those shown; ``chosen`` is None for all of them."""

    user: User
    led: tuple[Collection, ...]
    chosen: Collection | None
    period: str
    since: dt.date | None

    @property
    def collections(self) -> tuple[Collection, ...]:
        return self.led if self.chosen is None else (self.chosen,)

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(each.pk for each in self.collections)

    @property
    def moment(self) -> dt.datetime | None:
        """When the period begins."""
        return None if self.since is None else dt.datetime.combine(self.since, dt.time(), dt.UTC)

    @property
    def rows(self) -> QuerySet[Collection]:
        return Collection.objects.filter(pk__in=self.ids)

    @cached_property
    def counts(self) -> Scope:
        """Of the period."""
        return Scope(self.ids, self.since)

    @cached_property
    def ever(self) -> Scope:
        """Whatever the period."""
        return Scope(self.ids)


def scope_for(user: User, *, collection: str = "", period: str = USUAL) -> ReportScope:
    """What ``user`` asked for; an unknown period is the usual one. Raises OutOfScope."""
    led = tuple(Collection.objects.visible_to(user, Role.LEAD).order_by("title", "pk"))
    chosen = next((each for each in led if str(each.pk) == collection), None)
    if not led or (collection and chosen is None):
        raise OutOfScope(collection)
    period = period if period in PERIODS else USUAL
    days = PERIODS[period]
    today = timezone.now().astimezone(dt.UTC).date()
    return ReportScope(user, led, chosen, period, today - dt.timedelta(days=days - 1) if days else None)
