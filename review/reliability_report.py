"""Whether confidence holds in these collections: what was predicted against what people found, and what was fitted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain, islice

from django.db.models import QuerySet

from transcription.htr.calibration import word_labels
from transcription.htr.confidence import UNCALIBRATED
from transcription.htr.reliability import Bin, expected_calibration_error, reliability
from transcription.models import Collection, CollectionCalibration
from transcription.steps.profiles import shipped_calibration
from transcription.steps.trusted_lines import TrustedLine, trusted_lines

MOST_LINES = 5_000  # that are compared for one screen, about two seconds of it
ATTEMPTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Reliability:
    """Words of trusted lines by the confidence they were voted with. ``bins`` are those that hold words; ``versions``
    says how many words each calibration judged, by its id, most first. ``cut`` when there were more lines."""

    bins: list[Bin]
    words: int
    lines: int
    share_right: float
    ece: float
    versions: list[tuple[str, int]]
    cut: bool


def observed(collections: QuerySet[Collection]) -> Reliability:
    """Of all trusted lines, whatever the period: an old page tells as well as a new one."""
    found = chain.from_iterable(trusted_lines(collection) for collection in collections.order_by("pk"))
    confidence: list[float] = []
    right: list[bool] = []
    versions: Counter[str] = Counter()
    compared = 0
    for line in islice(found, MOST_LINES):
        compared += 1
        words, sure = _judged(line)
        confidence += sure
        right += words
        versions[line.vote.calibration or UNCALIBRATED.id] += len(words)
    return Reliability(
        bins=[each for each in reliability(confidence, right) if each.n],
        words=len(right),
        lines=compared,
        share_right=sum(right) / len(right) if right else 0.0,
        ece=expected_calibration_error(confidence, right),
        versions=[(version, count) for version, count in versions.most_common() if count],
        cut=compared == MOST_LINES,
    )


def _judged(line: TrustedLine) -> tuple[list[bool], list[float]]:
    words = line.vote.words
    return word_labels([word["text"] for word in words], line.text), [float(word["confidence"]) for word in words]


def known_versions(collections: QuerySet[Collection]) -> dict[str, CollectionCalibration]:
    """The collections' own calibrations by the id that votes name."""
    own = CollectionCalibration.objects.filter(collection__in=collections).exclude(calibration="")
    return {each.calibration: each for each in own}


def shipped_version() -> str:
    """The id of the calibration that this version of Longhand brings; "" where it brings none."""
    return str((shipped_calibration() or {}).get("id", ""))


def attempts(collections: QuerySet[Collection]) -> list[CollectionCalibration]:
    """The last fits on the collections' own corrections, newest first."""
    made = CollectionCalibration.objects.filter(collection__in=collections).select_related("collection")
    return list(made.order_by("-pk")[:ATTEMPTS_SHOWN])
