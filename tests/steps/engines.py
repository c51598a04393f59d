"""Engines that behave, misbehave or fall silent as their options say; declared in settings.ENGINES as real ones."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from transcription.errors import EngineFailure, ServiceUnavailable
from transcription.htr.records import Gray, Hints, ItemError, LayoutRecord, LineGeometry, LineImage, ReadingRecord

ERRORS: dict[str, type[Exception]] = {
    "value": ValueError,
    "memory": MemoryError,
    "transient": ServiceUnavailable,
    "permanent": EngineFailure,
}


class Scribe:
    """Reads every line as ``text``.

    ``error``: what calls with at least ``smallest_batch_that_fails`` lines raise; ``fails``: line numbers within a call
    that give an ItemError; ``silent_from``: the line number from which nothing comes; ``twice``: results come twice;
    ``eager`` False: a line is taken when the one before it was read.
    """

    def __init__(
        self,
        *,
        text: str = "the old rector",
        score: float = 0.9,
        error: str = "",
        smallest_batch_that_fails: int = 1,
        fails: Iterable[int] = (),
        silent_from: int = 10**9,
        twice: bool = False,
        eager: bool = True,
    ) -> None:
        self._text, self._score = text, score
        self._error, self._smallest = error, smallest_batch_that_fails
        self._fails, self._silent_from, self._twice, self._eager = set(fails), silent_from, twice, eager

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        if self._eager:
            crops = lines = list(crops)
            if self._error and len(lines) >= self._smallest:
                raise ERRORS[self._error]("the engine broke")
        for number, crop in enumerate(itertools.islice(crops, self._silent_from)):
            if number in self._fails:
                yield ItemError(crop.key, "unreadable", "This line could not be read.")
                continue
            record = ReadingRecord(crop.key, self._text, (self._score,) * len(self._text))
            yield record
            if self._twice:
                yield record


class Ruler:
    """Finds ``lines`` lines where `draw_page` puts them, whatever the image shows."""

    def __init__(self, *, lines: int = 3) -> None:
        self._lines = lines

    def segment(self, image: Gray) -> LayoutRecord:
        from tests.steps.journey import drawn_layout  # not above: it imports models, engines are built before Django

        return drawn_layout(self._lines)


class Surveyor:
    """Finds ``lines`` (left, top, right, bottom; those that lie on the image), and says ``turn``, ``gutter`` (x; where
    the image is that wide) and ``note``."""

    def __init__(
        self,
        *,
        lines: Iterable[tuple[int, int, int, int]] = (),
        turn: int = 0,
        gutter: int | None = None,
        note: str = "",
    ) -> None:
        self._lines, self._turn, self._gutter, self._note = tuple(lines), turn, gutter, note

    def segment(self, image: Gray) -> LayoutRecord:
        height, width = image.shape
        return LayoutRecord(
            lines=tuple(outline(*line) for line in self._lines if line[2] < width and line[3] < height),
            size=(width, height),
            note=self._note,
            turn=self._turn,
            gutter=self._gutter if self._gutter is not None and self._gutter < width else None,
        )


def outline(left: int, top: int, right: int, bottom: int) -> LineGeometry:
    foot = bottom - (bottom - top) // 5
    return LineGeometry(((left, foot), (right, foot)), ((left, top), (right, top), (right, bottom), (left, bottom)))
