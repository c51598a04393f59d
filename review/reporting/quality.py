"""How right the text is: measured blind, before and after review, and whether confidence can be believed."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from review.reporting.report import Chart, Column, Interval, Kind, Reliability, Report, Series, share
from review.reporting.scope import ReportScope
from transcription.htr import risk
from transcription.htr.confidence import UNCALIBRATED
from transcription.htr.judging import FINE_BINS, MILLION
from transcription.htr.reliability import BINS, Bin, wilson
from transcription.models import Audit, CollectionCalibration, CountKind, ProfileVersion
from transcription.steps.profiles import shipped_calibration

ATTEMPTS_SHOWN = 5
ECE_BINS = 15
TWENTIETHS = 20
_AXIS_TICKS = 4
_NICE = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

# Audits count in the order in which they were drawn: those before the first that is open (steps.weigh_audits). A line
# counts for at most 1.25 times its size, as in htr.risk.
_LOSSES = """
WITH first AS (
    SELECT a.collection_id, a.kind, min(a.id) AS id FROM transcription_audit a
    JOIN transcription_page p ON p.id = a.page_id AND p.run_id = a.run_id
    WHERE a.state = 'open' AND a.collection_id = ANY(%(collections)s) GROUP BY 1, 2
)
SELECT a.kind, u.profile_version_id, a.weight, count(*),
    sum(l.hits * least(%(most)s, l.edits::float8 / l.size)) / sum(l.hits),
    sum(l.hits * least(%(most)s, l.characters::float8 / l.size)) / sum(l.hits),
    CASE WHEN count(l.read_edits) = count(*) THEN
        sum(l.hits * least(%(most)s, l.read_edits::float8 / l.size)) / sum(l.hits) END
FROM transcription_audit a JOIN transcription_run u ON u.id = a.run_id
JOIN transcription_auditline l ON l.audit_id = a.id
LEFT JOIN first ON first.collection_id = a.collection_id AND first.kind = a.kind
WHERE a.state = 'settled' AND a.collection_id = ANY(%(collections)s) AND a.settled_at >= %(since)s
  AND (first.id IS NULL OR a.id < first.id)
  AND (a.kind <> 'machine' OR EXISTS (SELECT FROM transcription_routedecision d
       WHERE d.run_id = a.run_id AND d.outcome = 'accept'))
GROUP BY a.id, a.kind, u.profile_version_id, a.weight ORDER BY a.id
"""


@dataclass(slots=True)
class Sample:
    """Audited pages of one kind: what stood there, and on approved pages what the machine had read before."""

    lines: int = 0
    losses: list[risk.PageLoss] = field(default_factory=list)
    before: list[risk.PageLoss] = field(default_factory=list)  # of pages of which that is known
    after: list[risk.PageLoss] = field(default_factory=list)  # of the same pages


@dataclass(frozen=True, slots=True)
class Measured:
    """The error rate of text, measured by blind audits; it truly lies in [low, high] (95 %; infinite: too few)."""

    kind: Audit.Kind
    readers: str  # which engines, at which version; "" for all
    pages: int
    lines: int
    rate: float
    low: float
    high: float

    @property
    def said_rate(self) -> str:
        return f"{100 * self.rate:.2f} %"

    @property
    def said_interval(self) -> str:
        """Where the rate lies, for people; “under …” and “over …” where one end says nothing."""
        if self.high >= 1:
            return _("over %(low).1f in 100") % {"low": 100 * self.low} if self.low else _("not known")
        return f"{100 * self.low:.1f}–{100 * self.high:.1f} %"


def samples(scope: ReportScope) -> dict[tuple[Audit.Kind, int], Sample]:
    """Settled audits of the period by kind and profile version."""
    found: dict[tuple[Audit.Kind, int], Sample] = defaultdict(Sample)
    parameters: dict[str, Any] = {
        "collections": list(scope.ids),
        "most": risk.MOST,
        "since": scope.moment or dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOSSES, parameters)
        for kind, version, weight, lines, edits, characters, before in cursor.fetchall():
            sample = found[Audit.Kind(kind), version]
            sample.lines += lines
            loss = risk.PageLoss(edits, characters, weight)
            sample.losses.append(loss)
            if before is not None and kind == Audit.Kind.APPROVED:
                sample.before.append(risk.PageLoss(before, characters, weight))
                sample.after.append(loss)
    return dict(found)


def readers_of(versions: Iterable[int]) -> dict[int, str]:
    """What each profile version reads with, in words: engines with the beginning of their digests."""
    found = ProfileVersion.objects.filter(pk__in=set(versions)).prefetch_related("passes")
    return {
        version.pk: ", ".join(sorted({f"{each.engine} {each.engine_digest[:7]}" for each in version.passes.all()}))
        or _("no passes")
        for version in found
    }


def measured(found: dict[tuple[Audit.Kind, int], Sample]) -> list[Measured]:
    """Of each kind in all, then by what read the pages where several did."""
    readers = readers_of(version for _kind, version in found)
    rows = []
    for kind in Audit.Kind:
        by_readers: dict[str, Sample] = defaultdict(Sample)
        whole = Sample()
        for (other, version), sample in found.items():
            if other == kind:
                for into in (whole, by_readers[readers.get(version, str(version))]):
                    into.lines += sample.lines
                    into.losses += sample.losses
        groups = [("", whole)]
        if len(by_readers) > 1:
            groups += sorted(by_readers.items())
        elif by_readers:
            groups = [(next(iter(by_readers)), whole)]
        rows += [
            _measured(kind, name, sample) for name, sample in groups if risk.measured_rate(sample.losses) is not None
        ]
    return rows


def _measured(kind: Audit.Kind, readers: str, sample: Sample) -> Measured:
    losses = risk.relative(sample.losses, 1.0)
    low, high = risk.interval(losses)
    rate = risk.measured_rate(sample.losses) or 0.0
    return Measured(kind, readers, len(sample.losses), sample.lines, rate, low, high)


def build(scope: ReportScope) -> list[Report]:
    found = samples(scope)
    return [errors(found), review_gain(scope, found), confidence(scope), reliability(scope)]


def kind_name(kind: Audit.Kind) -> str:
    return {Audit.Kind.MACHINE: _("accepted unseen"), Audit.Kind.APPROVED: _("reviewed")}[kind]


def errors(found: dict[tuple[Audit.Kind, int], Sample]) -> Report:
    rows = measured(found)
    top = _axis_end([min(row.high, 2 * row.rate + 0.05) for row in rows])
    tokens = {Audit.Kind.MACHINE: "--state-accepted", Audit.Kind.APPROVED: "--state-reviewed"}
    return Report(
        name="errors",
        title=_("Measured error rate"),
        caption=_(
            "Share of wrong characters, by blind checks: somebody typed random lines of random pages without seeing "
            "what stood there. The line shows where the true rate lies, 19 times in 20."
        ),
        columns=[
            Column(_("Text")),
            Column(_("Read by")),
            Column(_("Pages"), Kind.COUNT),
            Column(_("Lines"), Kind.COUNT),
            Column(_("Wrong"), Kind.RATE),
            Column(_("at least"), Kind.RATE),
            Column(_("at most"), Kind.RATE),
        ],
        rows=[
            (
                kind_name(row.kind),
                row.readers or _("all"),
                row.pages,
                row.lines,
                row.rate,
                row.low,
                row.high if row.high < 1 else None,
            )
            for row in rows
        ],
        intervals=[
            Interval(
                label=kind_name(row.kind) if not row.readers or _is_first(rows, row) else "",
                note=(row.readers or _("all"))
                + " · "
                + ngettext("%(count)d page", "%(count)d pages", row.pages) % {"count": row.pages},
                said=f"{100 * row.rate:.2f} %",
                at=min(row.rate / top, 1.0),
                low=min(row.low / top, 1.0),
                high=min(row.high / top, 1.0),
                open_ended=row.high > top,
                token=tokens[row.kind],
            )
            for row in rows
        ],
        axis=_axis(top),
        nothing=_(
            "No blind check was settled in this period: type some lines under “Audits”, and they are counted here."
        ),
        wide=True,
    )


def _is_first(rows: Sequence[Measured], row: Measured) -> bool:
    return next(each for each in rows if each.kind == row.kind) is row


def _axis_end(values: Sequence[float]) -> float:
    most = max(values, default=0.0)
    return next((each for each in _NICE if each >= most), _NICE[-1])


def _axis(top: float) -> list[tuple[str, str]]:
    ticks = [top * number / _AXIS_TICKS for number in range(_AXIS_TICKS + 1)]
    return [(f"{100 * tick / top:.0f}", f"{100 * tick:.3g} %") for tick in ticks]


def review_gain(scope: ReportScope, found: dict[tuple[Audit.Kind, int], Sample]) -> Report:
    """Before review against after, on the same lines; and the machine against texts that people read whole."""
    before = [loss for sample in found.values() for loss in sample.before]
    after = [loss for sample in found.values() for loss in sample.after]
    was, became = risk.measured_rate(before), risk.measured_rate(after)
    rows: list[tuple[str, int | None, float | None, float | None]] = []
    if was is not None:
        rows.append((_("blind checks of reviewed pages"), len(before), was, became))
    counts = scope.counts.totals([CountKind.TRUSTED_LINES, CountKind.TRUSTED_CHARS, CountKind.TRUSTED_EDITS])
    whole = share(counts["trusted-edits"], counts["trusted-chars"])
    if whole is not None:
        rows.append((_("lines read whole by a person, or checked blind"), counts["trusted-lines"], whole, None))
    typed = scope.counts.totals([CountKind.TYPED, CountKind.BEFORE_CHARS, CountKind.BEFORE_EDITS])
    lines = share(typed["before-edits"], typed["before-chars"])
    if lines is not None:
        rows.append((_("lines that people typed on"), typed["typed"], lines, None))
    shown = [row for row in rows if row[2] is not None]
    return Report(
        name="gain",
        title=_("Before and after review"),
        caption=_(
            "Share of wrong characters in what machines read, held against the text people left; the first row also "
            "says how much was still wrong after review."
        ),
        columns=[
            Column(_("Measured on")),
            Column(_("Pages or lines"), Kind.COUNT),
            Column(_("Before"), Kind.RATE),
            Column(_("After"), Kind.RATE),
        ],
        rows=rows,
        chart=Chart(
            [row[0] for row in shown],
            [
                Series(_("Before"), [100 * (row[2] or 0.0) for row in shown], "--state-in_review"),
                Series(_("After"), [None if row[3] is None else 100 * row[3] for row in shown], "--state-reviewed"),
            ],
            horizontal=True,
            unit=" %",
        ),
        nothing=_("Nobody corrected, read whole or checked a page in this period."),
        note=_("Lines that people typed on were mostly wrong before: they say little of the others.") if lines else "",
    )


def confidence(scope: ReportScope) -> Report:
    counts = scope.counts.by_key(CountKind.CONFIDENCE)
    rows = [
        (f"{(number - 1) / TWENTIETHS:.2f}–{number / TWENTIETHS:.2f}", counts.get(str(number), 0))
        for number in range(1, TWENTIETHS + 1)
    ]
    return Report(
        name="confidence",
        title=_("Confidence of pages"),
        caption=_("Expected share of right words on pages that machines were done with in the period."),
        columns=[Column(_("Confidence")), Column(_("Pages"), Kind.COUNT)],
        rows=rows if counts else [],
        chart=Chart([row[0][:4] for row in rows], [Series(_("Pages"), [row[1] for row in rows], "--state-scored")]),
        nothing=_("No machine was done with a page in this period."),
    )


def observed(scope: ReportScope) -> Reliability:
    """Confidence against truth, of all known lines, whatever the period: an old page tells as well as a new one."""
    words, right, sums = Counter[int](), Counter[int](), Counter[int]()
    versions = Counter[str]()
    into = {"bin-words": words, "bin-right": right, "bin-sum": sums}
    kinds = [CountKind.BIN_WORDS, CountKind.BIN_RIGHT, CountKind.BIN_SUM]
    for kind, key, value in scope.ever.by_kind_and_key(kinds):
        calibration, _bar, fine = key.partition("|")
        into[kind][int(fine)] += value
        if kind == CountKind.BIN_WORDS:
            versions[calibration] += value
    total = sum(words.values())
    bins = []
    for number in range(BINS):
        fine_ones = range(number * FINE_BINS // BINS, (number + 1) * FINE_BINS // BINS)
        n, ok = sum(words[fine] for fine in fine_ones), sum(right[fine] for fine in fine_ones)
        if n:
            mean = sum(sums[fine] for fine in fine_ones) / MILLION / n
            bins.append(Bin(number / BINS, (number + 1) / BINS, n, mean, ok / n, *wilson(ok, n)))
    gaps = 0.0
    for number in range(ECE_BINS):
        fine_ones = range(number * FINE_BINS // ECE_BINS, (number + 1) * FINE_BINS // ECE_BINS)
        gaps += abs(sum(sums[fine] for fine in fine_ones) / MILLION - sum(right[fine] for fine in fine_ones))
    return Reliability(
        bins=bins,
        words=total,
        lines=scope.ever.total(CountKind.TRUSTED_LINES),
        share_right=sum(right.values()) / total if total else 0.0,
        ece=gaps / total if total else 0.0,
        versions=versions.most_common(),
    )


def attempts(scope: ReportScope) -> list[CollectionCalibration]:
    """The last fits on the collections' own corrections, newest first."""
    made = CollectionCalibration.objects.filter(collection__in=scope.ids).select_related("collection")
    return list(made.order_by("-pk")[:ATTEMPTS_SHOWN])


def _calibration_names(scope: ReportScope, versions: Iterable[str]) -> dict[str, str]:
    own = CollectionCalibration.objects.filter(collection__in=scope.ids).exclude(calibration="")
    names = {
        each.calibration: _("%(collection)s, no. %(number)d")
        % {"collection": each.collection.title, "number": each.number}
        for each in own.select_related("collection")
    }
    shipped = str((shipped_calibration() or {}).get("id", ""))
    names |= {UNCALIBRATED.id: _("uncalibrated: a careful guess"), shipped: _("the calibration Longhand brings")}
    return {
        version: names.get(version) or _("an earlier calibration, %(id)s") % {"id": version[:8]} for version in versions
    }


def reliability(scope: ReportScope) -> Report:
    found = observed(scope)
    names = _calibration_names(scope, [version for version, _words in found.versions])
    named = [(names[version], words) for version, words in found.versions]
    return Report(
        name="reliability",
        title=_("Can confidence be believed?"),
        caption=_(
            "Words of pages that people read whole and of blind audits: how often they were right, whatever the "
            "period. Pages of which only the doubtful words were looked at do not count."
        ),
        columns=[
            Column(_("Confidence")),
            Column(_("Predicted"), Kind.RATE),
            Column(_("Right"), Kind.RATE),
            Column(_("at least"), Kind.RATE),
            Column(_("at most"), Kind.RATE),
            Column(_("Words"), Kind.COUNT),
        ],
        rows=[
            (f"{part.low:.1f}–{part.high:.1f}", part.predicted, part.observed, part.lowest, part.highest, part.n)
            for part in found.bins
        ],
        reliability=Reliability(found.bins, found.words, found.lines, found.share_right, found.ece, named),
        nothing=_(
            "No page of these collections has been read whole by a person yet: approve a page after reading all "
            "of it, and it is compared here."
        ),
        wide=True,
    )
