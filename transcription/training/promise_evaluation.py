"""Whether promises are kept: collections drawn from real pages, audited as the product does, held against the truth."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from transcription.htr import voting
from transcription.htr.calibration import Calibration
from transcription.htr.confidence import line_confidence
from transcription.training.datasets import LineSample, load_lines
from transcription.training.evaluation import Pass, read_in_passes


@dataclass(frozen=True, slots=True)
class VotedLine:
    """A line with ground truth, as the profile reads it; ``confidence`` over its ``words``."""

    set: str
    page: str
    truth: str
    text: str
    confidence: float
    words: int


def read_voted(
    folder: Path, split: str, passes: Sequence[Pass], calibration: Calibration, *, sets: list[str] | None = None
) -> list[VotedLine]:
    """Every line of ``split``, read and voted. Kept in a temporary file, since reading takes minutes and simulating
    seconds; another calibration, folder or choice reads again."""
    key = "|".join([str(folder.resolve()), split, calibration.id, *sorted(sets or []), *(each.name for each in passes)])
    cache = Path(tempfile.gettempdir()) / f"longhand-voted-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    if cache.exists():
        return [VotedLine(**row) for row in json.loads(cache.read_text())]
    lines: list[VotedLine] = []
    by_language: dict[str, list[LineSample]] = defaultdict(list)
    for sample in load_lines(folder, split, sets=sets):
        by_language[sample.set.partition("_")[0]].append(sample)
    for language, samples in by_language.items():
        for first in range(0, len(samples), 256):
            batch = samples[first : first + 256]
            for sample, found in zip(batch, read_in_passes([s.pixels for s in batch], passes, language), strict=True):
                if not found:
                    lines.append(VotedLine(sample.set, sample.page, sample.text, "", 0.0, 0))
                    continue
                voted = voting.vote(found, calibration=calibration)
                confidence = line_confidence(voted.words)
                lines.append(VotedLine(sample.set, sample.page, sample.text, voted.text, confidence, len(voted.words)))
    unfinished = cache.with_suffix(".part")
    unfinished.write_text(json.dumps([asdict(line) for line in lines]))
    unfinished.replace(cache)
    return lines
