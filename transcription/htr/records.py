"""What travels between segmenters, recognisers, the vote and the steps: frozen, typed, free of any framework.

Coordinates are integer pixels of the upright stored image, (x, y), origin top-left. A baseline is an open polyline,
a polygon does not repeat its first point (PAGE XML's terms).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]  # (H, W)
Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class LineGeometry:
    """Where one line stands on its page. ``region`` is the id of one of the layout's regions; where the layout has no
    such region it is the kind of region itself. ``production`` is PAGE XML's word for how the line was written:
    "handwritten", "printed", "typewritten", or "" where nobody said."""

    baseline: tuple[Point, ...]
    polygon: tuple[Point, ...]
    region: str = "text"
    production: str = ""


@dataclass(frozen=True, slots=True)
class RegionGeometry:
    """A group of lines that belong together. ``kind`` is one of PAGE XML's kinds of text regions, or "text"."""

    id: str
    kind: str
    polygon: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class LayoutRecord:
    """What a segmenter found: lines in reading order, and the page's size (width, height) they refer to.

    ``turn`` is how many quarter turns clockwise make the writing upright: where it is not 0, ``lines`` may be empty and
    the page is best segmented again after it was turned. ``gutter`` is the x at which a two-page spread parts, None
    for a single page.
    """

    lines: tuple[LineGeometry, ...]
    size: tuple[int, int]
    note: str = ""  # why there are no lines, where there are none
    regions: tuple[RegionGeometry, ...] = ()
    turn: int = 0
    gutter: int | None = None


@dataclass(frozen=True, slots=True)
class LineImage:
    """One line cut out for reading: ``pixels`` is grey, (64, W), ink dark. ``texts`` are what earlier stages read
    there, best first: an engine that can say how probable a given text is weighs them beside its own."""

    key: int
    pixels: Gray
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hints:
    """What a recogniser may know beforehand; all of it is a bonus, never a limit."""

    language: str = ""
    vocabulary: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One of the texts a recogniser weighed, with the share of its belief, in [0, 1]."""

    text: str
    share: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reading cost beside its time: tokens that went into a language model and came out of it."""

    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True, slots=True)
class ReadingRecord:
    """The text one pass gave one line. ``chars`` holds one score in [0, 1] per character of ``text``; ``spans`` the
    share of the line's width, (start, end) in [0, 1], at which each character stands (empty when unknown). ``nbest``
    are the different texts the recogniser weighed, ``text`` first; empty when it does not say."""

    key: int
    text: str
    chars: tuple[float, ...]
    spans: tuple[tuple[float, float], ...] = ()
    milliseconds: float = 0.0
    nbest: tuple[Hypothesis, ...] = ()
    usage: Usage = Usage()

    def __post_init__(self) -> None:
        if len(self.chars) != len(self.text):
            raise ValueError(f"{len(self.chars)} scores for {len(self.text)} characters")


@dataclass(frozen=True, slots=True)
class PageText:
    """What an engine read on a whole page, in its order: ``lines`` is its text cut at its line breaks, ``chars`` one
    score in [0, 1] per character of each. ``raw`` is its answer as it came."""

    key: int
    lines: tuple[str, ...]
    chars: tuple[tuple[float, ...], ...]
    raw: str = ""
    milliseconds: float = 0.0
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class TextScores:
    """How probable an engine holds a given text on a line's image: the natural logarithm, one for each character of
    ``text`` and one for its end."""

    key: int
    text: str
    chars: tuple[float, ...]
    end: float

    @property
    def total(self) -> float:
        return sum(self.chars) + self.end


@dataclass(frozen=True, slots=True)
class PageImage:
    """A whole page for reading: ``pixels`` is grey, (H, W), upright, and where its lines stand, in reading order."""

    key: int
    pixels: Gray
    lines: tuple[LineGeometry, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemError:
    """One item that failed while its batch went on."""

    key: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another reading of one word, with the share of the vote behind it, the passes that read it and the share of the
    line's width at which the surest of them saw it; None where nobody knows, and for "", which stands nowhere."""

    text: str
    support: float
    passes: tuple[str, ...] = ()
    span: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class WordVote:
    """One word of a consensus. ``score`` is the vote's, ``confidence`` the calibrated P(word is right).

    ``text`` holds a space where the readings disagree on whether it is one word or two ("to day", "today"), so that
    an alternative always replaces the whole of it; do not find words again by splitting the line. An alternative ""
    means that there is no word here. ``features`` stand in the order of ``confidence.FEATURES``.
    """

    text: str
    score: float
    confidence: float
    support: float
    span: tuple[float, float] | None = None
    passes: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    features: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Consensus:
    """What the vote made of one line's readings."""

    text: str
    words: tuple[WordVote, ...]
    readings: int
    features: dict[str, float] = field(default_factory=dict)
