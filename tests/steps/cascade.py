"""Two engines for two stages, and one for print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest
from pytest_django.fixtures import Settings

from transcription.htr.enhance import Enhancement
from transcription.htr.records import Hints, ItemError, LineImage, ReadingRecord
from transcription.steps.choose_passes import ChosenPass
from transcription.steps.profiles import registry

PLAIN, CLAHE = Enhancement.parse("plain"), Enhancement.parse("clahe")


class Reader:
    """Reads ``text``; where ``score`` is under 1, every second line of a drawn page with a low one: by its ink, since
    lines come in any order."""

    asked: ClassVar[list[tuple[str, tuple[str, ...]]]] = []
    broken: ClassVar[set[str]] = set()  # texts whose engines can read nothing

    def __init__(self, *, text: str, score: float) -> None:
        self.text, self.score = text, score

    def recognize(self, crops: Iterator[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        for crop in crops:
            self.asked.append((self.text, crop.texts))
            if self.text in self.broken:
                yield ItemError(crop.key, "unreadable", "This line could not be read.")
                continue
            inked_columns = int((crop.pixels < 128).any(axis=0).sum())
            score = 0.05 if self.score < 1 and inked_columns // 50 % 2 == 0 else 0.999
            yield ReadingRecord(crop.key, self.text, (score,) * len(self.text))


@pytest.fixture
def engines(settings: Settings) -> Iterator[None]:
    def declared(text: str, score: float, reads: str) -> dict[str, object]:
        options = {"text": text, "score": score}
        return {"CLASS": "tests.steps.cascade.Reader", "VERSION": "1", "OPTIONS": options, "READS": [reads]}

    settings.ENGINES = settings.ENGINES | {
        "quick": declared("the old rector", 0.5, "lines"),
        "slow": declared("the bold rector", 1.0, "lines"),
        "press": declared("PRINTED", 1.0, "print"),
    }
    registry.cache_clear()
    Reader.asked.clear()
    Reader.broken.clear()
    yield
    registry.cache_clear()


def cascade() -> list[ChosenPass]:
    return [ChosenPass(PLAIN, engine="quick"), ChosenPass(PLAIN, weight=2.0, engine="slow", stage=1)]
