"""Engines that break the contract in every way that was thought of; ``where`` chooses the way."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from typing import Any

from transcription.htr.records import Hints, Hypothesis, ItemError, LineImage, PageImage, PageText, ReadingRecord

BAD_WIDTH = 400  # pixels: only a line image at most so wide is read badly, so that others can be seen to go on


def reading(key: Any, text: str = "the old rector", score: float = 0.9, **more: Any) -> ReadingRecord:
    return ReadingRecord(key, text, (score,) * len(text), **more)


class Planted:
    """Reads lines; those at most ``BAD_WIDTH`` wide in the ``way`` given."""

    def __init__(self, *, way: str, seconds: float = 3600.0) -> None:
        self._way, self._seconds = way, seconds

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        for crop in crops:
            if crop.pixels.shape[1] > BAD_WIDTH:
                yield reading(crop.key)
            else:
                yield from getattr(self, f"_{self._way}")(crop)

    def _raises(self, crop: LineImage) -> Iterator[Any]:
        raise RuntimeError("CUDA error: device-side assert triggered")

    def _runs_out_of_memory(self, crop: LineImage) -> Iterator[Any]:
        raise MemoryError

    def _hangs(self, crop: LineImage) -> Iterator[Any]:
        time.sleep(self._seconds)
        return iter(())

    def _gives_nothing(self, crop: LineImage) -> Iterator[Any]:
        return iter(())

    def _gives_none(self, crop: LineImage) -> Iterator[Any]:
        yield None

    def _scores_nan(self, crop: LineImage) -> Iterator[Any]:
        yield reading(crop.key, score=float("nan"))

    def _scores_infinity(self, crop: LineImage) -> Iterator[Any]:
        yield reading(crop.key, score=float("inf"))

    def _scores_below_nothing(self, crop: LineImage) -> Iterator[Any]:
        yield reading(crop.key, score=-3.0)

    def _scores_words(self, crop: LineImage) -> Iterator[Any]:
        yield ReadingRecord(crop.key, "ab", ("high", "low"))  # type: ignore[arg-type]

    def _repeats(self, crop: LineImage) -> Iterator[Any]:
        yield reading(crop.key, "la" * 2**19)

    def _repeats_in_its_nbest(self, crop: LineImage) -> Iterator[Any]:
        others = tuple(Hypothesis("la" * 2**19, float("nan")) for _ in range(100))
        yield reading(crop.key, nbest=(Hypothesis("the old rector", 0.5), *others))

    def _writes_lone_surrogates(self, crop: LineImage) -> Iterator[Any]:
        yield reading(crop.key, "Mr \ud800\udfff Hale")

    def _writes_invalid_utf8(self, crop: LineImage) -> Iterator[Any]:
        yield reading(crop.key, b"caf\xe9 \xff\xfe".decode("utf-8", "surrogateescape"))

    def _writes_nul_and_control_characters(self, crop: LineImage) -> Iterator[Any]:
        yield reading(crop.key, "a\x00b\x1b[31m\r\nc")

    def _mistakes_the_key(self, crop: LineImage) -> Iterator[Any]:
        yield reading(10**9)
        yield reading(-1)
        yield reading("first")

    def _answers_twice(self, crop: LineImage) -> Iterator[Any]:
        yield reading(crop.key)
        yield reading(crop.key, "another text")

    def _answers_for_ever(self, crop: LineImage) -> Iterator[Any]:
        for _ in itertools.count():
            yield reading(crop.key)

    def _spans_nowhere(self, crop: LineImage) -> Iterator[Any]:
        yield reading(crop.key, spans=((float("nan"), 9.0),) * 14, milliseconds=float("nan"))

    def _fails_without_a_word(self, crop: LineImage) -> Iterator[Any]:
        yield ItemError(crop.key, "", "\x00")


class Treacherous(Planted):
    """Reads wide lines as they should be, and narrow ones each in the way of its width; more than ``MOST`` a call do
    not fit into its memory."""

    WAYS = (
        "hangs",
        "raises",
        "runs_out_of_memory",
        "gives_nothing",
        "scores_nan",
        "repeats",
        "writes_invalid_utf8",
        "answers_for_ever",
    )
    NARROWEST, STEP = 100, 36  # pixels
    MOST = 5

    def __init__(self) -> None:
        super().__init__(way="")

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        lines = list(crops)
        if len(lines) > self.MOST:
            raise MemoryError(f"{len(lines)} lines")
        for line in lines:
            place = (line.pixels.shape[1] - self.NARROWEST) // self.STEP
            self._way = self.WAYS[place] if place < len(self.WAYS) else "reads"
            yield from getattr(self, f"_{self._way}")(line)

    def _reads(self, crop: LineImage) -> Iterator[Any]:
        yield reading(crop.key)

    @classmethod
    def width_of(cls, way: str) -> int:
        """The middle of the widths of line images that are read in this way."""
        return cls.NARROWEST + cls.STEP * cls.WAYS.index(way) + cls.STEP // 2


def page_text(key: Any, *lines: str, score: float = 0.9, **more: Any) -> PageText:
    chars = tuple((score,) * len(line) for line in lines)
    return PageText(key, lines, chars, **{"raw": "\n".join(lines)} | more)


class PlantedPages:
    """Reads whole pages, each in the way that the number of its lines says: the first of ``WAYS`` has one line."""

    FAILS: dict[str, tuple[str, str]] = {
        # way: (code, what the Failure says)
        "raises": ("unexpected", "CUDA error"),
        "runs_out_of_memory": ("out-of-memory", "not enough memory"),
        "gives_nothing": ("no-result", "no result for this page"),
        "gives_none": ("no-result", "no result for this page"),
        "gives_a_line": ("bad-result", "ReadingRecord where a reading was expected"),
        "mistakes_the_key": ("no-result", "no result for this page"),
        "scores_nan": ("bad-scores", "scores that are not numbers from 0 to 1"),
        "scores_too_few": ("bad-result", "1 scores for 3 characters"),
        "scores_no_lines": ("bad-result", "cannot be stored"),
        "writes_no_text": ("bad-result", "cannot be stored"),
        "repeats": ("endless-text", "it may repeat itself"),
        "breaks_lines_for_ever": ("endless-text", "in 5,000 lines"),
    }
    STANDS: dict[str, list[str]] = {
        # way: the lines that are kept
        "writes_lone_surrogates": ["Mr ?? Hale"],
        "writes_nul_and_control_characters": ["ab[31m c"],
        "loops": ["baptised the third of May", "Mary daughter of Hale"],
        "answers_twice": ["the old rector"],
        "spends_no_time": ["the old rector"],
    }
    WAYS = (*FAILS, *STANDS)

    def read_pages(self, pages: Iterable[PageImage], hints: Hints) -> Iterator[Any]:
        for page in pages:
            yield from getattr(self, f"_{self.WAYS[len(page.lines) - 1]}")(page.key)

    def _raises(self, key: int) -> Iterator[Any]:
        raise RuntimeError("CUDA error: device-side assert triggered")

    def _runs_out_of_memory(self, key: int) -> Iterator[Any]:
        raise MemoryError

    def _gives_nothing(self, key: int) -> Iterator[Any]:
        return iter(())

    def _gives_none(self, key: int) -> Iterator[Any]:
        yield None

    def _gives_a_line(self, key: int) -> Iterator[Any]:
        yield reading(key)

    def _mistakes_the_key(self, key: int) -> Iterator[Any]:
        yield page_text(10**9, "the old rector")
        yield page_text("first", "the old rector")

    def _scores_nan(self, key: int) -> Iterator[Any]:
        yield page_text(key, "the old rector", "of Hale", score=float("nan"))

    def _scores_too_few(self, key: int) -> Iterator[Any]:
        yield PageText(key, ("old",), ((0.5,),))

    def _scores_no_lines(self, key: int) -> Iterator[Any]:
        yield PageText(key, ("old", "rector"), ())

    def _writes_no_text(self, key: int) -> Iterator[Any]:
        yield PageText(key, None, None)  # type: ignore[arg-type]

    def _repeats(self, key: int) -> Iterator[Any]:
        yield page_text(key, "la" * 2**19)

    def _breaks_lines_for_ever(self, key: int) -> Iterator[Any]:
        yield page_text(key, *["e"] * 5_000)

    def _writes_lone_surrogates(self, key: int) -> Iterator[Any]:
        yield page_text(key, "Mr \ud800\udfff Hale")

    def _writes_nul_and_control_characters(self, key: int) -> Iterator[Any]:
        yield page_text(key, "a\x00b\x1b[31m\r\nc", "\x00")

    def _loops(self, key: int) -> Iterator[Any]:
        yield page_text(key, *["baptised the third of May", "Mary daughter of Hale"] * 40)

    def _answers_twice(self, key: int) -> Iterator[Any]:
        yield page_text(key, "the old rector")
        yield page_text(key, "another text")

    def _spends_no_time(self, key: int) -> Iterator[Any]:
        yield page_text(key, "the old rector", milliseconds=float("nan"))
