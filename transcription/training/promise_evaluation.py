"""Whether promises are kept: collections drawn from real pages, audited as the product does, held against the truth.

Ground truth stands for what people settle in an audit. Pages are drawn with replacement from those of a split, each
collection from a few sets of its own; the truth of a collection is the error rate of all of its text, audited or not.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from transcription.errors import BadInput
from transcription.htr import risk, voting
from transcription.htr.calibration import Calibration
from transcription.htr.confidence import line_confidence, page_confidence
from transcription.htr.drift import drifted
from transcription.training.datasets import LineSample, load_lines
from transcription.training.evaluation import Pass, read_in_passes

LINES_A_PAGE = 3  # as steps.draw_audits
BLOCK = 50  # as steps.weigh_audits
LEVEL = 0.95
RATES = (0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3)  # what collections ask to promise


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


@dataclass(frozen=True, slots=True)
class KnownPage:
    """A page of which everything is known: its confidence, and each line's size, edits and reference characters."""

    set: str
    confidence: float
    sizes: tuple[int, ...]
    counted: tuple[tuple[int, int], ...]
    features: dict[str, float]

    @property
    def size(self) -> int:
        return sum(self.sizes)


def known_pages(lines: Sequence[VotedLine]) -> list[KnownPage]:
    """The pages that ``lines`` are of."""
    by_page: dict[tuple[str, str], list[VotedLine]] = defaultdict(list)
    for line in lines:
        by_page[line.set, line.page].append(line)
    return [_known(name, found) for (name, _), found in by_page.items()]


def _known(name: str, lines: Sequence[VotedLine]) -> KnownPage:
    sizes = tuple(risk.line_size(line.text) for line in lines)
    confidence = page_confidence((line.confidence, line.words) for line in lines)
    features = {
        "confidence": confidence,
        "lines": float(len(lines)),
        "line-length": float(np.mean([len(line.text) for line in lines])),
    }
    return KnownPage(
        name, confidence, sizes, tuple(risk.count_edits(line.truth, line.text) for line in lines), features
    )


def error_rate(pages: Sequence[KnownPage]) -> float:
    """Edits ÷ reference characters of all their text, nothing left out."""
    counted = [each for page in pages for each in page.counted]
    return sum(edits for edits, _ in counted) / max(1, sum(characters for _, characters in counted))


def audit(page: KnownPage, random: Random, weight: float = 1.0) -> risk.PageLoss:
    """What an audit of a few lines finds of the page."""
    hits = risk.draw_lines(page.sizes, LINES_A_PAGE, random)
    return risk.page_loss(
        [risk.CheckedLine(times, page.sizes[n], *page.counted[n]) for n, times in hits.items()], weight
    )


def draw_audits(pages: Sequence[KnownPage], rate: float, random: Random) -> list[tuple[float, risk.PageLoss]]:
    """(confidence, loss) of the pages that are drawn for audits at this share, in order."""
    usual = float(np.mean([page.size for page in pages]))
    drawn = []
    for page in pages:
        chance, weight = risk.inclusion(size=page.size, typical=usual, rate=rate)
        if random.random() < chance:
            drawn.append((page.confidence, audit(page, random, weight)))
    heaviest = risk.inclusion(size=max(page.size for page in pages), typical=usual, rate=rate)[1]
    losses = risk.relative([loss for _, loss in drawn], heaviest)
    return [(confidence, loss) for (confidence, _), loss in zip(drawn, losses, strict=True)]


@dataclass(slots=True)
class Outcome:
    """What became of one simulated collection."""

    pages: int
    audited: int
    bound: float
    truth: float
    asked: float
    threshold: float | None = None  # of the promise; None: none was made
    promised_truth: float = 0.0
    accepted: float = 0.0
    false_alarm: bool = False  # ended though what came was of the same material
    shifted: bool = False  # whether other material came
    expired_after: int | None = None  # pages of it
    silent_expired_after: int | None = None  # pages that look alike but are read worse than was promised


def evaluate_promise(
    folder: Path,
    split: str,
    passes: Sequence[Pass],
    calibration: Calibration,
    *,
    collections: int = 500,
    sets: list[str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Simulate ``collections`` collections: how often the bound stated at 95 % holds, how often a promise is made and
    kept, and whether it expires when other material comes. Raises BadInput for too few pages."""
    pages = known_pages(read_voted(folder, split, passes, calibration, sets=sets))
    if len(pages) < 10:
        raise BadInput(f"{folder} has {len(pages)} pages in the split “{split}”; collections need at least 10.")
    outcomes = [simulate(pages, seed=seed * 1_000_003 + number) for number in range(collections)]
    made = [each for each in outcomes if each.threshold is not None]
    bounded = [each for each in outcomes if np.isfinite(each.bound)]
    expired = [each.expired_after for each in made if each.expired_after is not None]
    silent = [each.silent_expired_after for each in made if each.silent_expired_after is not None]
    return {
        "split": split,
        "pages": len(pages),
        "cer": error_rate(pages),
        "collections": collections,
        "bound_holds": sum(each.bound >= each.truth for each in outcomes),
        "bound_to_truth_median": float(np.median([each.bound / each.truth for each in bounded])) if bounded else None,
        "audited_median": int(np.median([each.audited for each in outcomes])),
        "promises_made": len(made),
        "promises_kept": sum(each.promised_truth <= each.asked for each in made),
        "accepted_share_mean": float(np.mean([each.accepted for each in made])) if made else None,
        "false_alarms": sum(each.false_alarm for each in made),
        "shifts": sum(each.shifted for each in made),
        "expired_on_shift": len(expired),
        "pages_until_expiry_median": int(np.median(expired)) if expired else None,
        "silent_shifts": len(made),
        "expired_on_silent_shift": len(silent),
        "pages_until_silent_expiry_median": int(np.median(silent)) if silent else None,
    }


def simulate(pool: Sequence[KnownPage], *, seed: int) -> Outcome:
    """One collection: pages of a few sets, its audits, a promise, more pages of the same kind, then of another."""
    rng, random = np.random.default_rng(seed), Random(seed)
    names = sorted({page.set for page in pool})
    chosen = set(rng.choice(names, size=int(rng.integers(1, 1 + min(4, len(names)))), replace=False))
    own = [page for page in pool if page.set in chosen]
    others = [page for page in pool if page.set not in chosen]
    pages = _resampled(own, int(rng.integers(200, 2001)), rng)
    share = float(rng.uniform(60, 300)) / len(pages)
    audits = draw_audits(pages, share, random)
    asked = float(rng.choice(RATES))
    losses = [loss for _, loss in audits]
    made = Outcome(len(pages), len(audits), risk.upper_bound(losses, LEVEL), error_rate(pages), asked)
    thresholds = risk.candidate_thresholds([page.confidence for page in pages], 0.5)
    choice = risk.choose_threshold(audits, thresholds, asked, LEVEL)
    if choice is None:
        return made
    accepted = [page for page in pages if page.confidence >= choice.threshold]
    made.threshold, made.promised_truth = choice.threshold, error_rate(accepted)
    made.accepted = len(accepted) / len(pages)
    watched = _Watch(choice.threshold, asked, share, pages, random)
    made.false_alarm = _ended_after(watched, own, rng, blocks=6) is not None
    if others:
        made.shifted = True
        worse = _worse(others, made.promised_truth) or others
        made.expired_after = _ended_after(_Watch(choice.threshold, asked, share, pages, random), worse, rng, blocks=20)
    garbled = _garbled(own, 2 * asked / max(made.promised_truth, 1e-6))
    watched = _Watch(choice.threshold, asked, share, pages, random)
    made.silent_expired_after = _ended_after(watched, garbled, rng, blocks=60)
    return made


def _ended_after(watch: _Watch, pages: Sequence[KnownPage], rng: np.random.Generator, *, blocks: int) -> int | None:
    """After how many more pages, drawn from ``pages``, the promise ends; None where it does not."""
    for number in range(1, blocks + 1):
        if watch.sees(_resampled(pages, BLOCK, rng)):
            return number * BLOCK
    return None


def _garbled(pages: Sequence[KnownPage], factor: float) -> list[KnownPage]:
    """The same pages, so many times as many errors in them, and nothing else to see of it."""
    return [
        replace(
            page, counted=tuple((min(round(edits * factor), max(chars, edits)), chars) for edits, chars in page.counted)
        )
        for page in pages
    ]


def _resampled(pages: Sequence[KnownPage], count: int, rng: np.random.Generator) -> list[KnownPage]:
    return [pages[n] for n in rng.integers(0, len(pages), count)]


def _worse(pages: Sequence[KnownPage], truth: float) -> list[KnownPage]:
    """The sets that read clearly worse than what the promise is about."""
    names = {page.set for page in pages}
    bad = {name for name in names if error_rate([page for page in pages if page.set == name]) > 1.5 * truth}
    return [page for page in pages if page.set in bad]


class _Watch:
    """What looks after a promise: the material block by block, and the audits of accepted pages."""

    def __init__(
        self, threshold: float, asked: float, share: float, pages: Sequence[KnownPage], random: Random
    ) -> None:
        self.threshold, self.asked, self.share, self.random = threshold, asked, share, random
        self.usual = float(np.mean([page.size for page in pages]))
        self.material = _material(pages[-500:])
        self.losses: list[risk.PageLoss] = []
        self.blocks = 0

    def sees(self, block: Sequence[KnownPage]) -> bool:
        """Whether the promise ends with these pages."""
        self.blocks += 1
        for page in block:
            chance, weight = risk.inclusion(size=page.size, typical=self.usual, rate=self.share)
            if page.confidence >= self.threshold and self.random.random() < chance:
                self.losses.append(audit(page, self.random, weight))
        ended = risk.is_broken(risk.relative(self.losses, 1.0), self.asked)
        return ended or drifted(self.material, _material(block), number=self.blocks) is not None


def _material(pages: Sequence[KnownPage]) -> dict[str, list[float]]:
    return {name: [page.features[name] for page in pages] for name in pages[0].features}
