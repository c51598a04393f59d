"""Which engine and which pass reads best: alone against known texts, and in the vote."""

from __future__ import annotations

from collections import defaultdict

from django.utils.translation import gettext as _

from review.reporting.report import Chart, Column, Kind, Report, Series, share
from review.reporting.scope import ReportScope
from transcription.models import CountKind, PassVersion

_KINDS = [
    CountKind.PASS_LINES,
    CountKind.PASS_CHARS,
    CountKind.PASS_EDITS,
    CountKind.PASS_BEST,
    CountKind.PASS_WORDS,
    CountKind.PASS_RIGHT,
    CountKind.PASS_ALONE,
    CountKind.PASS_ALONE_RIGHT,
]


def build(scope: ReportScope) -> list[Report]:
    counts = _counts(scope)
    return [alone(scope, counts), in_the_vote(counts), engines(counts)]


def _counts(scope: ReportScope) -> dict[PassVersion, dict[str, int]]:
    """What is known of each pass version, by kind."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(map(str, _KINDS), 0))
    for kind, key, value in scope.counts.by_kind_and_key(_KINDS):
        found[key][kind] = value
    versions = PassVersion.objects.in_bulk([int(key) for key in found])
    known = {versions[int(key)]: each for key, each in found.items() if int(key) in versions}
    return dict(sorted(known.items(), key=lambda item: (_rate(item[1]), item[0].pk)))


def _rate(counts: dict[str, int]) -> float:
    """Share of wrong characters alone; infinite for none, which is read last."""
    return share(counts["pass-edits"], counts["pass-chars"]) or (0.0 if counts["pass-chars"] else float("inf"))


def alone(scope: ReportScope, counts: dict[PassVersion, dict[str, int]]) -> Report:
    voted = scope.counts.totals([CountKind.TRUSTED_LINES, CountKind.TRUSTED_CHARS, CountKind.TRUSTED_EDITS])
    rows = [
        (
            each.name,
            each.engine_digest[:7],
            found["pass-lines"],
            share(found["pass-edits"], found["pass-chars"]),
            share(found["pass-best"], found["pass-lines"]),
        )
        for each, found in counts.items()
    ]
    if rows:
        vote = share(voted["trusted-edits"], voted["trusted-chars"])
        rows.append((_("the vote of all"), "", voted["trusted-lines"], vote, None))
    tokens = ["--state-scored"] * (len(rows) - 1) + ["--state-accepted"]
    return Report(
        name="alone",
        title=_("Each pass alone"),
        caption=_(
            "Share of wrong characters in what each pass read, on lines whose text is known: read whole by a person or "
            "checked blind. “Best” are lines that no other pass read better; several may share one."
        ),
        columns=[
            Column(_("Pass")),
            Column(_("Version")),
            Column(_("Lines"), Kind.COUNT),
            Column(_("Wrong"), Kind.RATE),
            Column(_("Best"), Kind.SHARE),
        ],
        rows=rows,
        chart=Chart(
            [row[0] for row in rows],
            [Series(_("Wrong characters"), [100 * (row[3] or 0.0) for row in rows], tokens)],
            horizontal=True,
            unit=" %",
        ),
        nothing=_nothing(),
    )


def in_the_vote(counts: dict[PassVersion, dict[str, int]]) -> Report:
    rows = [
        (
            each.name,
            each.engine_digest[:7],
            found["pass-words"],
            share(found["pass-right"], found["pass-words"]),
            found["pass-alone"],
            share(found["pass-alone-right"], found["pass-alone"]),
        )
        for each, found in counts.items()
    ]
    return Report(
        name="vote",
        title=_("Each pass in the vote"),
        caption=_(
            "Words of the vote that a pass stood for, and those it carried against all others; how many of them were "
            "right, on lines whose text is known."
        ),
        columns=[
            Column(_("Pass")),
            Column(_("Version")),
            Column(_("Words"), Kind.COUNT),
            Column(_("right"), Kind.SHARE),
            Column(_("Carried alone"), Kind.COUNT),
            Column(_("right"), Kind.SHARE),
        ],
        rows=rows,
        chart=Chart(
            [row[0] for row in rows],
            [
                Series(_("Words right"), [100 * (row[3] or 0.0) for row in rows], "--state-scored"),
                Series(_("Right of those carried alone"), [100 * (row[5] or 0.0) for row in rows], "--state-in_review"),
            ],
            horizontal=True,
            unit=" %",
        ),
        nothing=_nothing(),
    )


def engines(counts: dict[PassVersion, dict[str, int]]) -> Report:
    sums: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(map(str, _KINDS), 0))
    for each, found in counts.items():
        for kind, value in found.items():
            sums[each.engine, each.engine_digest[:7]][kind] += value
    ordered = sorted(sums.items(), key=lambda item: (_rate(item[1]), item[0]))
    return Report(
        name="engines",
        title=_("Engines"),
        caption=_("The passes of each engine together."),
        columns=[
            Column(_("Engine")),
            Column(_("Version")),
            Column(_("Readings"), Kind.COUNT),
            Column(_("Wrong"), Kind.RATE),
            Column(_("Best"), Kind.SHARE),
            Column(_("Carried alone"), Kind.COUNT),
        ],
        rows=[
            (
                engine,
                version,
                found["pass-lines"],
                share(found["pass-edits"], found["pass-chars"]),
                share(found["pass-best"], found["pass-lines"]),
                found["pass-alone"],
            )
            for (engine, version), found in ordered
        ],
        wide=True,
        nothing=_nothing(),
    )


def _nothing() -> str:
    return _("No line was read whole or checked blind in this period: approve a page after reading all of it.")
