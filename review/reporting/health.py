"""What went wrong and who is at work: failures by code, computers, workers."""

from __future__ import annotations

from collections import defaultdict

from django.utils import timezone
from django.utils.translation import gettext as _

from review.reporting.report import Cell, Chart, Column, Kind, Report, Series, share
from review.reporting.scope import ReportScope
from transcription.models import CountKind, Step
from transcription.steps.progress import ALIVE_FOR
from transcription.steps.workers import workers_seen


def build(scope: ReportScope) -> list[Report]:
    return [failures(scope), workers(), computers(scope), lost(scope)]


def failures(scope: ReportScope) -> Report:
    found: dict[str, dict[str, int]] = defaultdict(lambda: {"failures": 0, "failures-open": 0})
    for kind, code, value in scope.counts.by_kind_and_key([CountKind.FAILURES, CountKind.FAILURES_OPEN]):
        found[code][kind] = value
    ordered = sorted(found.items(), key=lambda item: (-item[1]["failures"], item[0]))
    rows = [(code, each["failures"], each["failures-open"]) for code, each in ordered]
    return Report(
        name="failures",
        title=_("Failures by code"),
        caption=_("What was given up in the period, and how much of it nobody has retried yet."),
        columns=[Column(_("Code")), Column(_("Failures"), Kind.COUNT), Column(_("Open"), Kind.COUNT)],
        rows=rows,
        chart=Chart(
            [row[0] for row in rows],
            [
                Series(_("Open"), [row[2] for row in rows], "--state-failed"),
                Series(_("Retried or moot"), [row[1] - row[2] for row in rows], "--state-received"),
            ],
            stacked=True,
            horizontal=True,
        ),
        nothing=_("Nothing failed in this period."),
    )


def workers() -> Report:
    now = timezone.now()
    rows: list[tuple[Cell, ...]] = []
    for each in workers_seen():
        silent = (now - each.seen_at).total_seconds()
        state = _("at work") if silent < ALIVE_FOR.total_seconds() else _("silent")
        rows.append((each.name, each.queue, state, ", ".join(each.loaded) or "–", silent))
    return Report(
        name="workers",
        title=_("Workers"),
        caption=_("Processes that were heard of in the last ten minutes, of the whole installation."),
        columns=[
            Column(_("Worker")),
            Column(_("Queue")),
            Column(_("State")),
            Column(_("Engines in memory")),
            Column(_("Last heard of"), Kind.SECONDS),
        ],
        rows=rows,
        nothing=_("No worker was heard of for ten minutes: nothing is lost, and nothing goes on. Start one."),
    )


def computers(scope: ReportScope) -> Report:
    work, milliseconds = scope.counts.by_key(CountKind.HOST_WORK), scope.counts.by_key(CountKind.HOST_MS)
    rows = [
        (
            host or _("not known"),
            count,
            milliseconds.get(host, 0) / 1000,
            share(milliseconds.get(host, 0) / 1000, count),
        )
        for host, count in work.items()
    ]
    return Report(
        name="computers",
        title=_("Work by computer"),
        caption=_("Work done in the period for these collections."),
        columns=[
            Column(_("Computer")),
            Column(_("Units of work"), Kind.COUNT),
            Column(_("Device time"), Kind.SECONDS),
            Column(_("each"), Kind.SECONDS),
        ],
        rows=rows,
        nothing=_("No work was done in this period."),
    )


def lost(scope: ReportScope) -> Report:
    found = scope.counts.by_key(CountKind.LOST)
    rows = [(str(Step(step).label) if step in Step.values else step, count) for step, count in found.items()]
    return Report(
        name="lost",
        title=_("Workers lost"),
        caption=_("How often a worker vanished while it had one piece of work and nothing else in hand, by step."),
        columns=[Column(_("Step")), Column(_("Times"), Kind.COUNT)],
        rows=rows,
        nothing=_("No worker was lost in this period."),
    )
