"""What review takes and what it corrects. Persons are named to leads where the collection says so, else to nobody."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext as _

from review.models import Approval
from review.replacement_forms import pattern_query
from review.reporting.report import Cell, Chart, Column, Kind, Report, Series, share
from review.reporting.scope import ReportScope
from transcription.htr.replacing import Pattern
from transcription.models import CountKind
from transcription.models.rollup import CHANGE_MARK
from transcription.steps.rollups import Scope

CHANGES_SHOWN = 25
EDGES = (0, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1200, 1800, 3600)  # seconds


@dataclass(slots=True)
class Times:
    """Approvals with their active time: how many, milliseconds in all, how many in each class of ``EDGES``."""

    pages: int = 0
    milliseconds: int = 0
    classes: Counter[int] = field(default_factory=Counter)

    @property
    def mean(self) -> float | None:
        return self.milliseconds / 1000 / self.pages if self.pages else None

    @property
    def median(self) -> float | None:
        """Within the class that holds it, as if its pages were spread evenly: right to the width of the class."""
        before, middle = 0, self.pages / 2
        for number, low in enumerate(EDGES):
            count = self.classes[number]
            if count and before + count >= middle:
                high = EDGES[number + 1] if number + 1 < len(EDGES) else 2 * low
                return low + (high - low) * (middle - before) / count
            before += count
        return None

    def add(self, other: Times) -> None:
        self.pages += other.pages
        self.milliseconds += other.milliseconds
        self.classes.update(other.classes)


def times(counts: Scope) -> dict[tuple[str, int | None], Times]:
    """By mode and reviewer; None: somebody who was forgotten."""
    found: dict[tuple[str, int | None], Times] = defaultdict(Times)
    for kind, key, value in counts.by_kind_and_key([CountKind.APPROVALS, CountKind.APPROVAL_MS]):
        mode, reviewer, *rest = key.split("|")
        each = found[mode, int(reviewer) if reviewer else None]
        if kind == CountKind.APPROVALS:
            each.pages += value
            each.classes[int(rest[0])] += value
        else:
            each.milliseconds += value
    return dict(found)


def by_mode(found: dict[tuple[str, int | None], Times]) -> dict[Approval.Mode, Times]:
    modes = {mode: Times() for mode in Approval.Mode}
    for (mode, _reviewer), each in found.items():
        modes[Approval.Mode(mode)].add(each)
    return modes


def build(scope: ReportScope) -> list[Report]:
    found = times(scope.counts)
    return [modes(found), spread(found), reviewers(scope), changes(scope)]


def modes(found: dict[tuple[str, int | None], Times]) -> Report:
    rows = [
        (str(mode.label), each.pages, each.milliseconds / 1000, each.mean, each.median)
        for mode, each in by_mode(found).items()
        if each.pages
    ]
    return Report(
        name="modes",
        title=_("Time a page takes"),
        caption=_("Active time of reviewers until they approved a page, idle time removed, by what they looked at."),
        columns=[
            Column(_("Mode")),
            Column(_("Pages"), Kind.COUNT),
            Column(_("Time in all"), Kind.SECONDS),
            Column(_("Mean"), Kind.SECONDS),
            Column(_("Half take less than"), Kind.SECONDS),
        ],
        rows=rows,
        chart=Chart(
            [row[0] for row in rows],
            [Series(_("Seconds a page, mean"), [round(row[3] or 0.0, 1) for row in rows], "--state-reviewed")],
            horizontal=True,
            unit=" s",
        ),
        nothing=_("Nobody approved a page in this period."),
    )


def spread(found: dict[tuple[str, int | None], Times]) -> Report:
    counted = by_mode(found)
    highest = max((number for each in counted.values() for number in each.classes), default=-1)
    labels = [_class_name(number) for number in range(highest + 1)]
    shown = {mode: each for mode, each in counted.items() if each.pages}
    tokens = {Approval.Mode.WHOLE_PAGE: "--state-reviewed", Approval.Mode.DOUBTFUL_WORDS: "--state-in_review"}
    return Report(
        name="spread",
        title=_("How times are spread"),
        caption=_("Pages by the time their reviewer took."),
        columns=[Column(_("From")), *(Column(str(mode.label), Kind.COUNT) for mode in shown)],
        rows=[
            (label, *(each.classes[number] for each in shown.values())) for number, label in enumerate(labels) if shown
        ],
        chart=Chart(
            labels,
            [
                Series(str(mode.label), [each.classes[number] for number in range(highest + 1)], tokens[mode])
                for mode, each in shown.items()
            ],
            stacked=True,
        ),
        nothing=_("Nobody approved a page in this period."),
    )


def _class_name(number: int) -> str:
    low = EDGES[number]
    return _("%(count)d s") % {"count": low} if low < 60 else _("%(count)g min") % {"count": low / 60}


def reviewers(scope: ReportScope) -> Report:
    """Persons by name where their collections name them; the others together. Everybody sees themselves."""
    named: dict[tuple[int | None, str], Times] = defaultdict(Times)
    others: dict[str, Times] = defaultdict(Times)
    for collection in scope.collections:
        for (mode, reviewer), each in times(Scope((collection.pk,), scope.since)).items():
            if collection.name_reviewers or reviewer == scope.user.pk:
                named[reviewer, mode].add(each)
            else:
                others[mode].add(each)
    people = User.objects.in_bulk([pk for pk, _mode in named if pk is not None])
    rows: list[tuple[Cell, ...]] = []
    for (pk, mode), each in sorted(named.items(), key=lambda item: (-item[1].pages, str(item[0]))):
        person = people.get(pk) if pk is not None else None
        name = (person.get_full_name() or person.get_username()) if person else _("a former user")
        rows.append((name, str(Approval.Mode(mode).label), each.pages, each.mean, each.milliseconds / 1000))
    for mode, each in sorted(others.items()):
        label = str(Approval.Mode(mode).label)
        rows.append((_("persons not named"), label, each.pages, each.mean, each.milliseconds / 1000))
    return Report(
        name="reviewers",
        title=_("Reviewers"),
        caption=_("Pages approved and the time they took. Times depend on the pages: who got the hard ones is slower."),
        columns=[
            Column(_("Reviewer")),
            Column(_("Mode")),
            Column(_("Pages"), Kind.COUNT),
            Column(_("Mean"), Kind.SECONDS),
            Column(_("Time in all"), Kind.SECONDS),
        ],
        rows=rows,
        nothing=_("Nobody approved a page in this period."),
        note=_("Collections decide in their settings whether leads see names; others never do.") if others else "",
    )


def changes(scope: ReportScope) -> Report:
    rows: list[tuple[str, str, int]] = []
    for key, count in scope.counts.most(CountKind.CHANGE, CHANGES_SHOWN):
        voted, _mark, typed = key.partition(CHANGE_MARK)
        rows.append((voted, typed, count))
    only = scope.ids if len(scope.ids) == 1 else ()
    here = reverse("review:replacements", args=only) if only else ""
    counts = scope.counts.totals([CountKind.CHANGE, CountKind.VOTED_WORDS])
    rate = share(counts["change"], counts["voted-words"])
    return Report(
        name="corrections",
        title=_("Most corrected words"),
        caption=_("What stood there before, and what people made of it on pages they last worked on in the period."),
        columns=[Column(_("Read as")), Column(_("Corrected to")), Column(_("Times"), Kind.COUNT)],
        rows=rows,
        links=[
            f"{here}?{pattern_query(Pattern(voted, typed, whole_words=True))}" if here and voted else ""
            for voted, typed, _count in rows
        ],
        nothing=_("Nobody corrected a word in this period."),
        note=_("In all %(corrections)s corrections, %(rate).1f in a hundred words.")
        % {"corrections": f"{counts['change']:,}", "rate": 100 * rate}
        if rate is not None
        else "",
    )
