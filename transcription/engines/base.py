"""The contracts of engines. An engine implements what it can; each item fails alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from transcription.htr.ctc_forced import LineProbabilities
from transcription.htr.records import Gray, Hints, ItemError, LayoutRecord, LineImage, ReadingRecord


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
