"""What reading costs: the time of machines, tokens and money, and what budgets have left."""

from __future__ import annotations

from collections import defaultdict

from django.conf import settings
from django.utils.translation import gettext as _

from review.reporting.report import Cell, Chart, Column, Kind, Report, Series, share
from review.reporting.scope import ReportScope
from transcription.models import CountKind, PassVersion, Queue, Step
from transcription.steps.budgets import standings

_PAID = [CountKind.CALLS, CountKind.TOKENS, CountKind.MONEY]


def build(scope: ReportScope) -> list[Report]:
    found = [machine_time(scope), by_collection(scope)]
    return [*found, paid(scope), budgets(scope)] if settings.ENDPOINTS or scope.ever.total(CountKind.CALLS) else found


def machine_time(scope: ReportScope) -> Report:
    """Seconds of devices by step and pass; a page is one that machines were done with in the period."""
    pages = scope.counts.total(CountKind.FINISHED)
    found: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for kind, key, value in scope.counts.by_kind_and_key([CountKind.WORK, CountKind.WORK_MS]):
        queue, step, version = key.split("|")
        found[queue, step, version][kind == CountKind.WORK_MS] += value
    versions = PassVersion.objects.in_bulk([int(version) for _queue, _step, version in found if version])
    queues = {Queue.CPU.value: _("processor"), Queue.ENGINE.value: _("engine’s device")}
    rows: list[tuple[str, str, int, float, float | None]] = []
    for (queue, step, version), (count, milliseconds) in found.items():
        if milliseconds:
            label = str(Step(step).label) if step in Step.values else step
            if version:
                known = versions.get(int(version))
                label = f"{label}: {known.name} {known.engine_digest[:7]}" if known else label
            seconds = milliseconds / 1000
            rows.append((label, queues.get(queue, queue), count, seconds, share(seconds, pages)))
    rows.sort(key=lambda row: (-row[3], row[0]))
    shown = rows[:12]
    total = sum(row[3] for row in rows)
    return Report(
        name="machine-time",
        title=_("Machine time"),
        caption=_(
            "Seconds that devices spent on work done in the period, in all and for each page that machines were done "
            "with. Engines run on a GPU where their worker has one."
        ),
        columns=[
            Column(_("Step")),
            Column(_("On")),
            Column(_("Units of work"), Kind.COUNT),
            Column(_("Time in all"), Kind.SECONDS),
            Column(_("A page"), Kind.SECONDS),
        ],
        rows=rows,
        chart=Chart(
            [row[0] for row in shown],
            [
                Series(
                    _("Seconds"),
                    [round(row[3], 1) for row in shown],
                    ["--state-scored" if row[1] == queues["engine"] else "--state-segmented" for row in shown],
                )
            ],
            horizontal=True,
            unit=" s",
        ),
        wide=True,
        nothing=_("No work that takes a device's time was done in this period."),
        note=_("Together %(seconds).1f s a page on %(pages)s pages.")
        % {"seconds": total / pages, "pages": f"{pages:,}"}
        if pages
        else "",
    )


def by_collection(scope: ReportScope) -> Report:
    kinds = [CountKind.FINISHED, CountKind.WORK_MS, CountKind.TOKENS, CountKind.MONEY]
    found: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for collection, kind, key, value in scope.counts.by_collection_and_key(kinds):
        name = key.split("|")[0] if kind == CountKind.WORK_MS else str(kind)
        found[collection][name] += value
    rows: list[tuple[Cell, ...]] = []
    for each in scope.collections:
        sums = found.get(each.pk)
        if not sums:
            continue
        cpu, engine = sums[Queue.CPU] / 1000, sums[Queue.ENGINE] / 1000
        row = (each.title, sums["finished"], cpu, engine, share(cpu + engine, sums["finished"]))
        rows.append((*row, sums["tokens"], sums["money"]))
    rows.sort(key=lambda row: str(row[0]))
    return Report(
        name="collections",
        title=_("By collection"),
        caption=_("What the collections took in the period; money in %(currency)s.") % {"currency": _currency()},
        columns=[
            Column(_("Collection")),
            Column(_("Pages"), Kind.COUNT),
            Column(_("Processor"), Kind.SECONDS),
            Column(_("Engines"), Kind.SECONDS),
            Column(_("A page"), Kind.SECONDS),
            Column(_("Tokens"), Kind.COUNT),
            Column(_("Money"), Kind.MONEY),
        ],
        rows=rows,
        nothing=_("No work was done in this period."),
        wide=True,
    )


def _currency() -> str:
    return str(settings.ENDPOINTS.currency)


def paid(scope: ReportScope) -> Report:
    pages = scope.counts.total(CountKind.FINISHED)
    found: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(map(str, _PAID), 0))
    for kind, key, value in scope.counts.by_kind_and_key(_PAID):
        found[key][kind] = value
    rows = [
        (
            endpoint,
            sums["calls"],
            sums["tokens"],
            share(sums["tokens"], pages),
            sums["money"],
            share(sums["money"], pages),
        )
        for endpoint, sums in found.items()
    ]
    return Report(
        name="paid",
        title=_("Paid endpoints"),
        caption=_("Calls made in the period; one that is under way counts with its maximum."),
        columns=[
            Column(_("Endpoint")),
            Column(_("Calls"), Kind.COUNT),
            Column(_("Tokens"), Kind.COUNT),
            Column(_("Tokens a page"), Kind.NUMBER),
            Column(_("Money"), Kind.MONEY),
            Column(_("Money a page"), Kind.MONEY),
        ],
        rows=rows,
        nothing=_("No paid endpoint was called in this period."),
    )


def budgets(scope: ReportScope) -> Report:
    rows: list[tuple[Cell, ...]] = []
    for collection in scope.collections:
        for each in standings(collection=collection):
            if each.limit.tokens is not None or each.limit.money is not None:
                row = (collection.title, str(each.span.label), each.used_tokens, each.tokens_left)
                rows.append((*row, each.used_money, each.money_left))
    return Report(
        name="budgets",
        title=_("Budgets"),
        caption=_("What collections have used of their budgets and what is left, at this moment."),
        columns=[
            Column(_("Collection")),
            Column(_("Span")),
            Column(_("Tokens used"), Kind.COUNT),
            Column(_("left"), Kind.COUNT),
            Column(_("Money used"), Kind.MONEY),
            Column(_("left"), Kind.MONEY),
        ],
        rows=rows,
        nothing=_("None of these collections has a budget."),
    )
