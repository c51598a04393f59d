"""Recognisers against the clock: each beside the others in one run, on the same lines, on one thread.

Machines are busy with other things, so seconds are those of the processor, child processes included, not the clock's;
what is compared takes turns (A B C A B C …), and a ratio is the median of the ratios of the turns.
"""

from __future__ import annotations

import resource
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2

from transcription.engines.base import Recognizer
from transcription.engines.batching import batches, fit_lines
from transcription.engines.ctc_network import INPUT_HEIGHT
from transcription.engines.registry import EngineDeclaration, Registry
from transcription.engines.starter import MAX_WIDTH, Starter
from transcription.engines.tesseract import Tesseract
from transcription.errors import EngineFailure
from transcription.htr.crop import cut_line
from transcription.htr.enhance import enhance
from transcription.htr.records import Gray, Hints, LineGeometry, LineImage, ReadingRecord
from transcription.training.random_trocr import SIZES, trocr_reader

PageLines = tuple[Gray, Sequence[LineGeometry]]
CHARACTERS_A_TOKEN = 3.5  # of byte-pair vocabularies on English and French prose
# TrOCR and Tesseract take seconds for what the starter reads at once: they read some of the lines, spread over all.
SLOW_LINES = {"trocr_base": 4, "trocr_small": 8, "tesseract": 24}
# (what, over what): how many times as long the first may or must take.
BARS = {
    ("trocr_base", "starter"): ">= 15",
    ("trocr_base", "greedy_single"): ">= 15",
    ("trocr_small", "starter"): ">= 3",
    ("trocr_small", "greedy_single"): ">= 3",
    ("tesseract", "starter"): ">= 1",
    ("tesseract", "greedy_single"): ">= 1",
    ("starter", "greedy"): "<= 2",
    ("greedy_from_page", "greedy_forward"): "<= 1.25",
    ("greedy_single_from_page", "greedy_single_forward"): "<= 1.25",
}


@dataclass(frozen=True, slots=True)
class Contender:
    """``run`` reads ``lines`` lines."""

    name: str
    lines: int
    run: Callable[[], object]


def measure_engines(pages: Sequence[PageLines], declared: EngineDeclaration, *, rounds: int) -> dict[str, Any]:
    """Lines per second of each engine, the ratios that ``BARS`` sets bars for, and why an engine could not run.

    ``declared`` is the starter as it reads in the product, on this machine's CPU. ``greedy`` is the same without its
    language model, ``greedy_single`` besides in single precision; ``…_forward`` is the bare forward pass over the very
    batches of that, ``…_from_page`` all from the page in memory to the reading: cropping, batching, decoding.
    """
    cv2.setNumThreads(1)
    crops = [cut_line(image, geometry) for image, lines in pages for geometry in lines]
    starter = _starter(declared)
    greedy, single = _starter(declared, decoder="greedy"), _starter(declared, decoder="greedy", precision="single")
    letters = statistics.mean(len(result.text) for result in _read(starter, crops))
    tokens = max(1, round(letters / CHARACTERS_A_TOKEN))

    own = [
        Contender("starter", len(crops), partial(_read, starter, crops)),
        *_and_its_parts("greedy", greedy, pages, crops),
        *_and_its_parts("greedy_single", single, pages, crops),
    ]
    others, skipped = _others(crops, tokens)
    seconds = take_turns([each for each in own if each.name in {"starter", "greedy_single"}] + others, rounds)
    of_own = take_turns(own, rounds + 2)
    return {
        "lines": len(crops),
        "threads": 1,
        "precision": str(starter.reader.numbers).removeprefix("torch."),
        "letters_a_line": round(letters, 1),
        "trocr_tokens_a_line": tokens,
        "lines_per_second": {name: round(1 / statistics.median(s), 2) for name, s in (seconds | of_own).items()},
        "ratios": {
            f"{over} / {under}": {"measured": round(ratio(found, over, under), 2), "bar": bar}
            for (over, under), bar in BARS.items()
            for found in (seconds, of_own)
            if {over, under} <= found.keys()
        },
        "skipped": skipped,
    }


def _starter(declared: EngineDeclaration, **options: str) -> Starter:
    """The starter as declared, on one thread of the CPU, with these options instead of its own."""
    changed: EngineDeclaration = {
        **declared,
        "OPTIONS": declared.get("OPTIONS", {}) | options,
        "RUNTIME": {"threads": 1, "device": "cpu"},
    }
    engine = Registry({"starter": changed}).recognizer("starter")
    assert isinstance(engine, Starter)
    return engine


def take_turns(contenders: Sequence[Contender], rounds: int) -> dict[str, list[float]]:
    """Processor seconds a line, one figure a round for each contender, after a round that is not counted."""
    seconds: dict[str, list[float]] = {each.name: [] for each in contenders}
    for number in range(rounds + 1):
        for each in contenders:
            began = processor_seconds()
            each.run()
            if number:
                seconds[each.name].append((processor_seconds() - began) / each.lines)
    return seconds


def processor_seconds() -> float:
    """What this process and its finished children have used so far."""
    both = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def ratio(seconds: dict[str, list[float]], over: str, under: str) -> float:
    """Median over the rounds of how many times as long ``over`` took as ``under``."""
    return statistics.median(a / b for a, b in zip(seconds[over], seconds[under], strict=True))


def _and_its_parts(name: str, starter: Starter, pages: Sequence[PageLines], crops: Sequence[Gray]) -> list[Contender]:
    """The engine on crops, the bare forward pass over its batches, and all from the page to the reading."""
    fitted, _ = fit_lines((LineImage(key, crop) for key, crop in enumerate(crops)), INPUT_HEIGHT, MAX_WIDTH)
    inputs = [starter.reader.images(batch) for batch in batches(fitted, starter.reader.columns)]

    def from_page() -> list[ReadingRecord]:
        cut = (cut_line(image, geometry) for image, lines in pages for geometry in lines)
        return _read(starter, (enhance(crop, "plain") for crop in cut))

    return [
        Contender(name, len(crops), partial(_read, starter, crops)),
        Contender(f"{name}_forward", len(crops), lambda: [starter.reader.forward(images) for images in inputs]),
        Contender(f"{name}_from_page", len(crops), from_page),
    ]


def _others(crops: Sequence[Gray], tokens: int) -> tuple[list[Contender], dict[str, str]]:
    """The engines that the starter is measured against, and why one is missing."""
    contenders: list[Contender] = []
    skipped: dict[str, str] = {}
    some = {name: _spread(crops, count) for name, count in SLOW_LINES.items()}
    try:
        tesseract = Tesseract()
        lines = some["tesseract"]
        contenders.append(Contender("tesseract", len(lines), partial(_read, tesseract, lines)))
    except EngineFailure as error:
        skipped["tesseract"] = error.message
    for size in SIZES:
        lines = some[f"trocr_{size}"]
        contenders.append(Contender(f"trocr_{size}", len(lines), partial(trocr_reader(size, tokens), lines)))
    return contenders, skipped


def _spread(crops: Sequence[Gray], count: int) -> list[Gray]:
    """At most ``count`` of the crops, from the narrowest to the widest in even steps."""
    by_width = sorted(crops, key=lambda crop: crop.shape[1])
    count = min(count, len(by_width))
    return [by_width[(2 * place + 1) * len(by_width) // (2 * count)] for place in range(count)]


def _read(engine: Recognizer, crops: Iterable[Gray]) -> list[ReadingRecord]:
    images = (LineImage(key, crop) for key, crop in enumerate(crops))
    return [result for result in engine.recognize(images, Hints(language="en")) if isinstance(result, ReadingRecord)]
