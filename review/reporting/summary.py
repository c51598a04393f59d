"""One collection on one page, for people who do not open the screen: what was done, how good it is, what is left."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from review.reporting import passes, people, progress, quality
from review.reporting.report import Report, said
from review.reporting.scope import ReportScope
from transcription.models import Audit, CountKind, PageState
from transcription.templatetags.longhand import duration, percent

# As static/css/tokens.css has them in light.
COLORS = {
    PageState.RECEIVED: 0xCFCABF,
    PageState.PREPARED: 0xB3BCCD,
    PageState.SEGMENTED: 0x94A5C8,
    PageState.READ: 0x7089BE,
    PageState.VOTED: 0x5774B4,
    PageState.SCORED: 0x4A68AB,
    PageState.ACCEPTED: 0x3F8F7D,
    PageState.IN_REVIEW: 0xD99B26,
    PageState.REVIEWED: 0x2C7A4E,
}
PASSES_SHOWN = 6
CHANGES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Share:
    label: str
    count: int
    color: int  # 0xRRGGBB


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    nothing: str


@dataclass(frozen=True, slots=True)
class Summary:
    title: str
    about: str  # identifier, dates, creator
    period: str
    made: str
    figures: Sequence[Figure]
    states: Sequence[Share]
    days: Sequence[tuple[str, int, int]]  # label, read by machines, approved by people
    errors: Table
    passes: Table
    changes: Table
    words: dict[str, str]  # the few words that the page needs besides


def summary_of(scope: ReportScope, *, at: dt.datetime) -> Summary:
    """Of the chosen collection, as it stands ``at`` this moment."""
    collection = scope.chosen
    assert collection is not None
    standing = progress.standing(scope)
    found = quality.samples(scope)
    measured = quality.measured(found)
    unseen = next((each for each in measured if each.kind == Audit.Kind.MACHINE), None)
    times = people.Times()
    for each in people.by_mode(people.times(scope.counts)).values():
        times.add(each)
    counts = scope.counts.totals([CountKind.CHANGE, CountKind.VOTED_WORDS, CountKind.FINISHED, CountKind.WORK_MS])
    rate = 100 * counts["change"] / counts["voted-words"] if counts["voted-words"] else None
    a_page = counts["work-ms"] / 1000 / counts["finished"] if counts["finished"] else None
    figures = [
        Figure(
            _("Pages"),
            f"{standing.pages:,}",
            _("%(count)s machines are done with") % {"count": f"{standing.finished:,}"},
        ),
        Figure(_("Accepted unseen"), percent(standing.unseen), _("of pages machines are done with")),
        Figure(
            _("Wrong in what nobody saw"),
            unseen.said_rate if unseen else "–",
            _("truly %(reach)s, 19 times in 20") % {"reach": unseen.said_interval} if unseen else _("no blind check"),
        ),
        Figure(
            _("Corrections"),
            "–" if rate is None else f"{rate:.1f}",
            _("in a hundred words people looked at"),
        ),
        Figure(
            _("Time a reviewed page"),
            duration(times.mean) or "–",
            _("mean of %(count)d pages") % {"count": times.pages},
        ),
        Figure(_("Machine time a page"), duration(a_page) or "–", _("of all devices together")),
    ]
    about = " · ".join(each for each in (collection.identifier, collection.dates, collection.creator) if each)
    table = progress.days(scope)
    return Summary(
        title=collection.title,
        about=about,
        period=_("From %(day)s on") % {"day": scope.since.isoformat()} if scope.since else _("From the beginning"),
        made=at.strftime("%Y-%m-%d %H:%M"),
        figures=figures,
        states=[
            Share(str(state.label), standing.by_state[state], COLORS[state])
            for state in PageState
            if standing.by_state.get(state)
        ],
        days=_days(table),
        errors=_table(quality.errors(found), [0, 1, 2, 4, 5, 6], most=6),
        passes=_table(passes.build(scope)[0], [0, 2, 3, 4], most=PASSES_SHOWN),
        changes=_table(people.changes(scope), [0, 1, 2], most=CHANGES_SHOWN),
        words={
            "states": _("Where the pages stand"),
            "days": table.title,
            "read": _("read by machines"),
            "approved": _("approved by people"),
            "made": _("Made by Longhand"),
            "nothing": _("Nothing happened in this period."),
        },
    )


def _days(report: Report) -> list[tuple[str, int, int]]:
    labels = report.chart.labels if report.chart is not None else []
    return [(label, int(str(row[2])), int(str(row[3]))) for label, row in zip(labels, report.rows, strict=True)]


def _table(report: Report, columns: Sequence[int], *, most: int) -> Table:
    chosen = [report.columns[number] for number in columns]
    rows = [[said(row[n], report.columns[n].kind) for n in columns] for row in report.rows[:most]]
    return Table(report.title, [column.label for column in chosen], rows, report.nothing)
