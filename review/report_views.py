"""The report screen and its tables as CSV; for leads."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from review import reliability_report, reports
from review.reliability_diagram import Diagram, diagram
from review.replacement_forms import pattern_query
from transcription.formats.spreadsheet import inert_cell
from transcription.htr.confidence import UNCALIBRATED
from transcription.htr.replacing import Pattern
from transcription.models import Audit, Collection, PageState, Role
from transcription.views.access import SignedInRequest, signed_in
from transcription.views.promise import percent

FORMULA = ("=", "+", "-", "@", "\t", "\r")
PERIODS = {"1": 1, "7": 7, "30": 30, "all": None}


@dataclass(frozen=True, slots=True)
class Report:
    """One table, and how it is drawn: ``kind`` is a Chart.js type, empty for a table alone."""

    name: str
    title: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    kind: str = ""
    tokens: Sequence[str] = field(default_factory=list)  # CSS custom properties, one a bar
    reliability: reliability_report.Reliability | None = None  # drawn by the server
    versions: Sequence[tuple[str, int]] = field(default_factory=list)  # calibrations and how many words they judged
    nothing: str = ""  # what is said where there is nothing
    links: Sequence[str] = field(default_factory=list)  # where each row leads to, in the order of rows

    @property
    def chart(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "label": self.columns[-1],
            "labels": [row[0] for row in self.rows],
            "values": [row[-1] for row in self.rows],
            "tokens": list(self.tokens),
        }

    @property
    def diagram(self) -> Diagram | None:
        return diagram(self.reliability.bins) if self.reliability is not None else None

    @property
    def linked_rows(self) -> list[tuple[Sequence[Any], str]]:
        return list(zip_longest(self.rows, self.links, fillvalue=""))

    @property
    def empty(self) -> bool:
        return not any(row[-1] for row in self.rows)


def _scope(request: SignedInRequest) -> tuple[QuerySet[Collection], str, datetime | None, str]:
    """Collections in which the user is lead, narrowed to the chosen one; the period's start; both choices."""
    led = Collection.objects.visible_to(request.user, Role.LEAD)
    if not led.exists():
        raise Http404
    chosen = request.GET.get("collection", "")
    if chosen:
        if not chosen.isdigit() or not led.filter(pk=int(chosen)).exists():
            raise Http404
        led = led.filter(pk=int(chosen))
    period = request.GET.get("period", "30")
    period = period if period in PERIODS else "30"
    days = PERIODS[period]
    return led, chosen, timezone.now() - timedelta(days=days) if days else None, period


@require_GET
@signed_in
def overview(request: SignedInRequest) -> HttpResponse:
    """All reports on one screen."""
    collections, chosen, since, period = _scope(request)
    states = dict(reports.pages_by_state(collections))
    corrections = reports.corrections(collections, since)
    machine_done = sum(states[state] for state in (PageState.ACCEPTED, PageState.IN_REVIEW, PageState.REVIEWED))
    context = {
        "section": "reports",
        "reports": [build(collections, since) for build in BUILDERS.values()],
        "attempts": reliability_report.attempts(collections),
        "collections": Collection.objects.visible_to(request.user, Role.LEAD).order_by("title"),
        "chosen": chosen,
        "period": period,
        "pages": sum(states.values()),
        "reviewed": states[PageState.REVIEWED],
        "unseen": states[PageState.ACCEPTED] / machine_done if machine_done else None,
        "corrections": corrections,
        "median": reports.median_seconds_a_page(collections, since),
    }
    return render(request, "reports/overview.html", context)


@require_GET
@signed_in
def table(request: SignedInRequest, name: str) -> HttpResponse:
    """One report as CSV in UTF-8."""
    collections, _chosen, since, period = _scope(request)
    if name not in BUILDERS:
        raise Http404
    report = BUILDERS[name](collections, since)
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="longhand-{name}-{period}.csv"'
    writer = csv.writer(answer)
    writer.writerow(report.columns)
    writer.writerows([inert_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in report.rows)
    return answer


def _states(collections: QuerySet[Collection], since: datetime | None) -> Report:
    rows = [(state, count) for state, count in reports.pages_by_state(collections) if count]
    return Report(
        name="states",
        title=_("Pages by state"),
        caption=_("Where all pages stand now, whatever the period."),
        columns=[_("State"), _("Pages")],
        rows=[(str(state.label), count) for state, count in rows],
        kind="bar",
        tokens=[f"--state-{state.value}" for state, _count in rows],
    )


def _confidence(collections: QuerySet[Collection], since: datetime | None) -> Report:
    bins = reports.confidence_histogram(collections, since)
    return Report(
        name="confidence",
        title=_("Confidence of pages"),
        caption=_("Expected share of right words on pages finished in the period."),
        columns=[_("Confidence"), _("Pages")],
        rows=[(f"{part.low:.2f}–{part.high:.2f}", part.pages) for part in bins],
        kind="bar",
    )


def _speed(collections: QuerySet[Collection], since: datetime | None) -> Report:
    hours = reports.pages_per_hour(collections, since)
    return Report(
        name="speed",
        title=_("Pages per hour"),
        caption=_("Pages that machines finished, by the hour; hours without any are left out."),
        columns=[_("Hour"), _("Pages")],
        rows=[(timezone.localtime(hour).strftime("%Y-%m-%d %H:00"), pages) for hour, pages in hours],
        kind="bar",
    )


def _changes(collections: QuerySet[Collection], since: datetime | None) -> Report:
    changes = reports.corrections(collections, since).changes
    only = list(collections.values_list("pk", flat=True)[:2])
    here = reverse("review:replacements", args=only) if len(only) == 1 else ""
    return Report(
        name="corrections",
        title=_("Most corrected words"),
        caption=_("What the vote had, and what people made of it in the period."),
        columns=[_("Read as"), _("Corrected to"), _("Times")],
        rows=changes,
        links=[
            f"{here}?{pattern_query(Pattern(voted, typed, whole_words=True))}" if here and voted else ""
            for voted, typed, _times in changes
        ],
    )


def _reliability(collections: QuerySet[Collection], _since: datetime | None) -> Report:
    found = reliability_report.observed(collections)
    own, shipped = reliability_report.known_versions(collections), reliability_report.shipped_version()

    def name(version: str) -> str:
        if version == UNCALIBRATED.id:
            return _("uncalibrated: a careful guess")
        if version == shipped:
            return _("the calibration Longhand brings")
        if version in own:
            return _("%(collection)s, no. %(number)d") % {
                "collection": own[version].collection.title,
                "number": own[version].number,
            }
        return _("an earlier calibration, %(id)s") % {"id": version[:8]}

    return Report(
        name="reliability",
        title=_("Can confidence be believed?"),
        caption=_(
            "Words of pages that people read whole and of blind audits: how often they were right, whatever the "
            "period. Pages of which only the doubtful words were looked at do not count."
        ),
        columns=[_("Confidence"), _("Predicted"), _("Right"), _("at least"), _("at most"), _("Words")],
        rows=[
            (
                f"{part.low:.1f}–{part.high:.1f}",
                *(f"{share:.3f}" for share in (part.predicted, part.observed, part.lowest, part.highest)),
                part.n,
            )
            for part in found.bins
        ],
        reliability=found,
        versions=[(name(version), count) for version, count in found.versions],
        nothing=_(
            "No page of these collections has been read whole by a person yet: approve a page after reading all "
            "of it, and it is compared here."
        ),
    )


def _errors(collections: QuerySet[Collection], since: datetime | None) -> Report:
    names = {Audit.Kind.MACHINE: _("accepted unseen"), Audit.Kind.APPROVED: _("approved")}
    rows = [
        (
            each.collection,
            names[each.kind],
            each.pages,
            each.lines,
            percent(each.rate),
            percent(each.bound) if each.bound < 1 else _("too few audits"),
        )
        for each in reports.measured_errors(collections, since)
    ]
    return Report(
        name="errors",
        title=_("Measured error rate"),
        caption=_("Of text, by blind checks of random pages; the last column is above the true rate 19 times in 20."),
        columns=[_("Collection"), _("Text"), _("Pages"), _("Lines"), _("CER"), _("At most")],
        rows=rows,
    )


BUILDERS = {
    "errors": _errors,
    "states": _states,
    "confidence": _confidence,
    "speed": _speed,
    "reliability": _reliability,
    "corrections": _changes,
}
