"""A report: one table with its caption, and how it is drawn and written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import zip_longest
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _

from review.reliability_diagram import Diagram, diagram
from transcription.htr.reliability import Bin
from transcription.templatetags.longhand import duration, millionths

Cell = str | int | float | dt.date | None


class Kind(StrEnum):
    """What stands in a column: how it is said, and how a spreadsheet formats it."""

    TEXT = "text"
    DAY = "day"
    COUNT = "count"
    SHARE = "share"  # of 1, said in per cent
    RATE = "rate"  # of 1, said in per cent with two decimals
    NUMBER = "number"  # one decimal
    SECONDS = "seconds"
    MONEY = "money"  # millionths

    @property
    def is_number(self) -> bool:
        return self not in (Kind.TEXT, Kind.DAY)


@dataclass(frozen=True, slots=True)
class Column:
    label: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Series:
    """Bars of one colour, one for each label; ``token`` is a CSS custom property, or one for each bar."""

    label: str
    values: Sequence[float | None]
    token: str | Sequence[str] = "--chart-1"


@dataclass(frozen=True, slots=True)
class Chart:
    labels: Sequence[str]
    series: Sequence[Series]
    stacked: bool = False
    horizontal: bool = False
    unit: str = ""  # written after the numbers of the axis

    @property
    def data(self) -> dict[str, Any]:
        return {
            "labels": list(self.labels),
            "series": [{"label": s.label, "values": list(s.values), "token": s.token} for s in self.series],
            "stacked": self.stacked,
            "horizontal": self.horizontal,
            "unit": self.unit,
        }


@dataclass(frozen=True, slots=True)
class Interval:
    """A rate with where it truly lies, both as shares of the axis; drawn as a mark on a line."""

    label: str
    note: str
    said: str
    at: float
    low: float
    high: float
    open_ended: bool
    token: str

    @property
    def style(self) -> dict[str, str]:
        return {name: f"{100 * share:.2f}" for name, share in (("at", self.at), ("low", self.low))} | {
            "width": f"{100 * (self.high - self.low):.2f}"
        }


@dataclass(frozen=True, slots=True)
class Reliability:
    """Words of known lines by the confidence they were voted with; ``versions``: how many each calibration judged."""

    bins: Sequence[Bin]
    words: int
    lines: int
    share_right: float
    ece: float
    versions: Sequence[tuple[str, int]]

    @property
    def diagram(self) -> Diagram:
        return diagram(self.bins)


@dataclass(frozen=True, slots=True)
class Report:
    """``nothing`` is said where there are no rows, ``links`` say where rows lead, ``note`` stands under the drawing."""

    name: str
    title: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    chart: Chart | None = None
    intervals: Sequence[Interval] = field(default_factory=list)
    axis: Sequence[tuple[str, str]] = field(default_factory=list)  # of intervals: place in per cent, what it says
    reliability: Reliability | None = None
    nothing: str = ""
    links: Sequence[str] = field(default_factory=list)
    note: str = ""
    wide: bool = False

    @property
    def empty(self) -> bool:
        return not self.rows

    @property
    def said_rows(self) -> list[tuple[list[tuple[str, bool]], str]]:
        """Each row's cells as people read them, with whether they are numbers; and where the row leads."""
        found = []
        for row, link in zip_longest(self.rows, self.links, fillvalue=""):
            cells = [(said(cell, c.kind), c.kind.is_number) for cell, c in zip(row, self.columns, strict=True)]
            found.append((cells, str(link)))
        return found


def said(cell: Cell, kind: Kind) -> str:
    """A cell as people read it."""
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return cell or _("(nothing)")
    if isinstance(cell, dt.date):
        return cell.isoformat()
    if kind == Kind.SHARE:
        return f"{100 * cell:.0f} %"
    if kind == Kind.RATE:
        return f"{100 * cell:.2f} %"
    if kind == Kind.NUMBER:
        return f"{cell:,.1f}"
    if kind == Kind.SECONDS:
        return f"{cell:.1f} s" if cell < 10 else duration(cell)
    if kind == Kind.MONEY:
        return millionths(int(cell))
    return str(intcomma(int(cell)))


def share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
