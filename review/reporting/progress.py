"""Where the pages are, how fast they come and how long work waits."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from review.reporting.report import Cell, Chart, Column, Kind, Report, Series, share
from review.reporting.scope import ReportScope
from transcription.models import CountKind, PageState, Queue
from transcription.models.page import FINISHED_STATES
from transcription.steps.progress import ESTIMATE_FROM
from transcription.steps.rollups import Scope

MOST_DAYS = 120  # with a bar each; longer periods are shown by the month
WAITS = [*("< 1 s", "1 s", "2 s", "5 s", "10 s", "30 s", "1 min", "2 min", "5 min"), *("10 min", "30 min", "1 h")]
WAITS += ["2 h", "6 h", "> 1 d"]
REVIEW_DAYS = 7  # that say how fast people review
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the pages of a scope are. Seconds and days left are None where too little was done lately to tell."""

    by_state: dict[str, int]
    per_hour: float | None
    seconds_left: float | None
    reviewed_a_day: float
    days_of_review: int | None

    @property
    def pages(self) -> int:
        return sum(self.by_state.values())

    @property
    def finished(self) -> int:
        return sum(self.by_state.get(state, 0) for state in FINISHED_STATES)

    @property
    def reviewed(self) -> int:
        return self.by_state.get(PageState.REVIEWED, 0)

    @property
    def to_review(self) -> int:
        return self.by_state.get(PageState.IN_REVIEW, 0)

    @property
    def unseen(self) -> float | None:
        """Share of the pages machines are done with that nobody had to look at."""
        return share(self.by_state.get(PageState.ACCEPTED, 0), self.finished)


def standing(scope: ReportScope) -> Standing:
    by_state = scope.ever.by_key(CountKind.PAGES)
    now = timezone.now().astimezone(dt.UTC)
    waiting = sum(by_state.values()) - sum(by_state.get(state, 0) for state in FINISHED_STATES)
    per_hour = _pages_per_hour(scope.ids, now)
    week = Scope(scope.ids, now.date() - dt.timedelta(days=REVIEW_DAYS - 1)).total(CountKind.APPROVALS)
    a_day = week / REVIEW_DAYS
    to_review = by_state.get(PageState.IN_REVIEW, 0)
    return Standing(
        by_state=by_state,
        per_hour=per_hour,
        seconds_left=waiting / per_hour * HOUR if per_hour and waiting else None,
        reviewed_a_day=a_day,
        days_of_review=math.ceil(to_review / a_day) if week >= ESTIMATE_FROM and to_review else None,
    )


def _pages_per_hour(collections: tuple[int, ...], now: dt.datetime) -> float | None:
    """Pages that machines were done with in this hour and the one before, an hour; None for too few to tell."""
    before = now - dt.timedelta(hours=1)
    hours = {(now.date(), f"{now:%H}"), (before.date(), f"{before:%H}")}
    counted = Scope(collections, before.date()).by_day_and_key(CountKind.FINISHED)
    pages = sum(count for day, hour, count in counted if (day, hour) in hours)
    return pages / (1 + (now.minute + 1) / 60) if pages >= ESTIMATE_FROM else None


def build(scope: ReportScope) -> list[Report]:
    return [days(scope), states(scope), speed(scope), waits(scope)]


def states(scope: ReportScope) -> Report:
    counts = scope.ever.by_key(CountKind.PAGES)
    found = [(state, counts[state]) for state in PageState if counts.get(state)]
    total = sum(counts.values())
    labels = [str(state.label) for state, _count in found]
    tokens = [f"--state-{state.value}" for state, _count in found]
    return Report(
        name="states",
        title=_("Pages by state"),
        caption=_("Where all pages stand at this moment, whatever the period."),
        columns=[Column(_("State")), Column(_("Pages"), Kind.COUNT), Column(_("Share"), Kind.SHARE)],
        rows=[(label, count, share(count, total)) for label, (_state, count) in zip(labels, found, strict=True)],
        chart=Chart(labels, [Series(_("Pages"), [count for _state, count in found], tokens)], horizontal=True),
        nothing=_("There is no page yet: upload scans, and they are counted here."),
    )


def days(scope: ReportScope) -> Report:
    received, read, approved = (
        scope.counts.by_day(kind) for kind in (CountKind.PAGES, CountKind.FINISHED, CountKind.APPROVALS)
    )
    first = scope.since or min([*received, *read, *approved], default=None)
    last = timezone.now().astimezone(dt.UTC).date()
    by_month = first is not None and (last - first).days > MOST_DAYS
    rows: list[tuple[dt.date, int, int, int]] = []
    if first is not None and (received or read or approved):
        rows = [
            (span[0], _sum(received, span), _sum(read, span), _sum(approved, span))
            for span in _spans(first, last, by_month=by_month)
        ]
    names = (_("Received"), _("Read by machines"), _("Approved by people"))
    tokens = ("--state-prepared", "--state-scored", "--state-reviewed")
    return Report(
        name="days",
        title=_("Pages by month") if by_month else _("Pages by day"),
        caption=_("Pages received, read by machines for the first time, and approved by people. Days are UTC's."),
        columns=[Column(_("Month") if by_month else _("Day"), Kind.DAY), *(Column(n, Kind.COUNT) for n in names)],
        rows=rows,
        chart=Chart(
            [f"{row[0]:%Y-%m}" if by_month else f"{row[0]:%m-%d}" for row in rows],
            [
                Series(name, values, token)
                for name, token, values in zip(
                    names, tokens, ([r[1] for r in rows], [r[2] for r in rows], [r[3] for r in rows]), strict=True
                )
            ],
        ),
        nothing=_("Nothing happened in this period."),
        wide=True,
    )


def _sum(counts: dict[dt.date, int], days: list[dt.date]) -> int:
    return sum(counts.get(day, 0) for day in days)


def _spans(first: dt.date, last: dt.date, *, by_month: bool) -> list[list[dt.date]]:
    """Every day from first to last, by itself or with the others of its month."""
    found: list[list[dt.date]] = []
    for number in range((last - first).days + 1):
        day = first + dt.timedelta(days=number)
        if by_month and found and (found[-1][0].year, found[-1][0].month) == (day.year, day.month):
            found[-1].append(day)
        else:
            found.append([day])
    return found


def speed(scope: ReportScope) -> Report:
    """By hour where the period is short, else by day."""
    counted = scope.counts.by_day_and_key(CountKind.FINISHED)
    rows: list[tuple[Cell, ...]]
    if scope.period == "1":
        rows = [(f"{hour}:00", count, 1, float(count)) for _day, hour, count in counted]
    else:
        by_day: dict[dt.date, list[int]] = defaultdict(list)
        for day, _hour, count in counted:
            by_day[day].append(count)
        rows = [(day, sum(each), len(each), sum(each) / len(each)) for day, each in by_day.items()]
    shown = rows[-MOST_DAYS:]
    labels = [f"{row[0]:%m-%d}" if isinstance(row[0], dt.date) else str(row[0]) for row in shown]
    values = [float(row[3]) if isinstance(row[3], float) else 0.0 for row in shown]
    return Report(
        name="speed",
        title=_("Throughput"),
        caption=_("Pages an hour that machines were done with, over the hours of the day in which they were at work."),
        columns=[
            Column(_("Hour (UTC)") if scope.period == "1" else _("Day"), Kind.DAY),
            Column(_("Pages"), Kind.COUNT),
            Column(_("Hours at work"), Kind.COUNT),
            Column(_("Pages an hour"), Kind.NUMBER),
        ],
        rows=rows,
        chart=Chart(labels, [Series(_("Pages an hour"), values, "--state-scored")]),
        nothing=_("No machine was done with a page in this period."),
    )


def waits(scope: ReportScope) -> Report:
    counted: dict[str, dict[int, int]] = {queue: {} for queue in Queue.values}
    for key, count in scope.counts.by_key(CountKind.WAIT).items():
        queue, _bar, number = key.partition("|")
        counted.setdefault(queue, {})[int(number)] = count
    sums, done = scope.counts.by_key(CountKind.WAIT_MS), {q: sum(each.values()) for q, each in counted.items()}
    highest = max((number for each in counted.values() for number in each), default=-1)
    numbers = range(highest + 1)
    names = {Queue.CPU: _("preparing, voting, exports"), Queue.ENGINE: _("engines")}
    rows = [
        (WAITS[number], counted[Queue.CPU].get(number, 0), counted[Queue.ENGINE].get(number, 0)) for number in numbers
    ]
    means = ", ".join(
        _("%(queue)s %(seconds).1f s") % {"queue": name, "seconds": sums.get(queue, 0) / 1000 / done[queue]}
        for queue, name in names.items()
        if done[queue]
    )
    return Report(
        name="waits",
        title=_("Wait in the queue"),
        caption=_("How long work waited for a worker; where it was begun several times, until the last time."),
        columns=[Column(_("Wait")), *(Column(name, Kind.COUNT) for name in names.values())],
        rows=rows,
        chart=Chart(
            [row[0] for row in rows],
            [
                Series(name, [counted[queue].get(number, 0) for number in numbers], token)
                for (queue, name), token in zip(names.items(), ("--state-segmented", "--state-scored"), strict=True)
            ],
            stacked=True,
        ),
        nothing=_("No work was done in this period."),
        note=_("On average: %(means)s.") % {"means": means} if means else "",
        wide=True,
    )
