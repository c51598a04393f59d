"""The contracts of engines. An engine implements what it can; each item fails alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from transcription.htr.ctc_forced import LineProbabilities
from transcription.htr.records import (
    Gray,
    Hints,
    ItemError,
    LayoutRecord,
    LineImage,
    PageImage,
    PageText,
    ReadingRecord,
    TextScores,
)


@runtime_checkable
class Segmenter(Protocol):
    """Finds the lines of a page."""

    def segment(self, image: Gray) -> LayoutRecord:
        """``image`` is grey (H, W), upright. An empty layout says why in its note; bad input never raises."""
        ...


@runtime_checkable
class Recognizer(Protocol):
    """Reads line images."""

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        """One result per crop, in any order, each bearing its crop's key.

        Crops of many pages may come in one call; a crop that cannot be read gives an ItemError and the rest go on.
        """
        ...


@runtime_checkable
class ForcedScorer(Protocol):
    """Says how probable any text is on a line image, so that a given text can be placed; see ``htr/ctc_forced``."""

    alphabet: str

    def log_probabilities(self, crops: Iterable[LineImage]) -> Iterator[LineProbabilities | ItemError]:
        """One result per crop, in any order, each bearing its crop's key; a crop that cannot be read fails alone."""
        ...


@runtime_checkable
class TextScorer(Protocol):
    """Says how probable it holds a text that another engine read."""

    def score(self, crops: Sequence[LineImage], texts: Sequence[str]) -> Iterator[TextScores | ItemError]:
        """One result per pair of crop and text, in any order, each bearing its crop's key."""
        ...


@runtime_checkable
class PageReader(Protocol):
    """Reads whole pages; its lines are put on the layout's afterwards."""

    def read_pages(self, pages: Iterable[PageImage], hints: Hints) -> Iterator[PageText | ItemError]:
        """One result per page, in any order, each bearing its page's key."""
        ...


@runtime_checkable
class Releasable(Protocol):
    """Holds memory that it can give back; it loads again on its next use."""

    def release(self) -> None: ...
