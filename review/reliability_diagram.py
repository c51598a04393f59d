"""Where the marks of a reliability diagram stand: numbers for one SVG, drawn by the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transcription.htr.reliability import Bin

SIDE = 200  # of the plot, in the units of its viewBox
LEFT, TOP = 40, 10  # room for what the axes say
BAND = 36  # below the plot: how many words there are in each bin
TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class Mark:
    """One bin: its point, its interval from ``top`` to ``bottom``, and its bar of words in the band."""

    x: float
    y: float
    top: float
    bottom: float
    left: float
    width: float
    height: float
    bin: Bin


@dataclass(frozen=True, slots=True)
class Diagram:
    marks: Sequence[Mark]
    ticks: Sequence[tuple[float, float, str]]  # x, y and what it says, along the diagonal
    side: int = SIDE
    left: int = LEFT
    top: int = TOP
    band: int = BAND

    @property
    def line(self) -> str:
        """Points of the line that joins the marks."""
        return " ".join(f"{mark.x},{mark.y}" for mark in self.marks)

    @property
    def foot(self) -> int:
        """y of the band's floor."""
        return TOP + SIDE + 8 + BAND

    @property
    def width(self) -> int:
        return LEFT + SIDE + 14

    @property
    def height(self) -> int:
        return self.foot + 34


def diagram(bins: Sequence[Bin]) -> Diagram:
    """Predicted to the right, observed upwards, so that marks below the diagonal were too sure."""
    most = max((each.n for each in bins), default=1)
    marks = [
        Mark(
            x=_x(each.predicted),
            y=_y(each.observed),
            top=_y(each.highest),
            bottom=_y(each.lowest),
            left=_x(each.low) + 1,
            width=round((each.high - each.low) * SIDE - 2, 2),
            height=round(max(1.0, BAND * each.n / most), 2),
            bin=each,
        )
        for each in bins
    ]
    return Diagram(marks, [(_x(tick), _y(tick), f"{tick:.1f}") for tick in TICKS])


def _x(share: float) -> float:
    return round(LEFT + SIDE * share, 2)


def _y(share: float) -> float:
    return round(TOP + SIDE * (1 - share), 2)
