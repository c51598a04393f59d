"""`manage.py bench [--PART]`: what the parts of Longhand cost on this machine, beside others or beside themselves, on
pages and lines drawn here. JSON."""

from __future__ import annotations

import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from transcription.errors import WeightsError
from transcription.formats.decode import extract, probe
from transcription.formats.pyramid import dzi_tile, read_gray
from transcription.htr import voting
from transcription.htr.crop import cut_line
from transcription.htr.enhance import RECIPES, enhance
from transcription.htr.records import Hints, LineImage, ReadingRecord
from transcription.management.door_benchmark import measure_fuzz, measure_prepare
from transcription.management.export_benchmark import measure_export
from transcription.management.recognize_benchmark import measure_recognize
from transcription.management.reports_benchmark import measure_reports
from transcription.management.review_benchmark import measure_review
from transcription.management.search_benchmark import measure_search
from transcription.steps.profiles import registry, segmenter_in_use
from transcription.steps.segment import LOOK_SIDE
from transcription.training.benchmarks import measure_engines
from transcription.training.evaluation import recipes_of
from transcription.training.layout_benchmarks import measure_segmenters
from transcription.training.sample import render_sample
from transcription.training.trocr_benchmarks import measure_trocr
from transcription.training.vote_benchmarks import measure_vote

PAGES = 6
Say = Callable[[str], object]
Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """What can be measured by itself: ``measure(options, folder, say)`` gives values for JSON; the folder is empty and
    thrown away."""

    help: str
    measure: Callable[[Options, Path, Say], dict[str, Any]]


PARTS = {
    "vote": Part("the vote, beside crowd-kit's ROVER", lambda asked, _, __: measure_vote(rounds=asked["runs"])),
    "trocr": Part(
        "trocr against loops around transformers' generate", lambda asked, _, __: measure_trocr(rounds=asked["runs"])
    ),
    "search": Part(
        "searches among --lines lines, in minutes",
        lambda asked, _, say: measure_search(lines=asked["lines"], queries=20 * asked["runs"], say=say),
    ),
    "prepare": Part(
        "preparing pages beside pyvips' own pyramid",
        lambda asked, folder, _: measure_prepare(folder, rounds=asked["runs"]),
    ),
    "fuzz": Part(
        "files with flipped bits through the door, in minutes", lambda _, folder, __: measure_fuzz(folder / "longhand")
    ),
    "export": Part(
        "exports of a hundredth of --pages pages, in minutes",
        lambda asked, _, say: measure_export(pages=asked["pages"] // 100, say=say),
    ),
    "review": Part(
        "--reviewers people at work for --seconds among a fiftieth of --pages and among all of them",
        lambda asked, folder, say: measure_review(
            folder,
            reviewers=asked["reviewers"],
            seconds=asked["seconds"],
            sizes=[asked["pages"] // 50, asked["pages"]],
            say=say,
        ),
    ),
    "reports": Part(
        "reports on --pages pages, in minutes",
        lambda asked, _, say: measure_reports(pages=asked["pages"], runs=asked["runs"], say=say),
    ),
}


class Command(BaseCommand):
    help = (
        "Seconds per page and lines per second of each part, medians of several runs, one thread; then the bundled "
        "recogniser beside TrOCR, Tesseract and its own bare network. Prints JSON."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--runs", type=int, default=3)
        only = parser.add_mutually_exclusive_group()
        only.add_argument("--engines", action="store_true", help="only the engines against each other")
        only.add_argument("--segmenters", action="store_true", help="only the segmenters against each other")
        only.add_argument("--llama", action="store_true", help="only llama.cpp: texts side by side against one by one")
        only.add_argument(
            "--recognize",
            nargs="?",
            const="",
            metavar="FOLDER",
            help="only the recognize step against its engine alone, on drawn pages or the images of a folder;"
            " starts servers of its own for it",
        )
        for name, part in PARTS.items():
            only.add_argument(f"--{name}", action="store_true", help=f"only {part.help}")
        parser.add_argument("--lines", type=int, default=1_000_000)
        parser.add_argument("--pages", type=int, default=1_000_000)
        parser.add_argument("--reviewers", type=int, default=50)
        parser.add_argument("--seconds", type=float, default=300)

    def handle(self, **asked: Any) -> None:
        with tempfile.TemporaryDirectory(prefix="longhand-bench-") as folder:
            report = {"machine": _machine()} | self._measured(asked, Path(folder))
        self.stdout.write(json.dumps(report, indent=2))

    def _measured(self, asked: Options, folder: Path) -> dict[str, Any]:
        for name, part in PARTS.items():
            if asked[name]:
                return {name: part.measure(asked, folder, self.stderr.write)}
        runs = asked["runs"]
        if asked["recognize"] is not None:
            scans = _images_in(Path(asked["recognize"])) if asked["recognize"] else _drawn(folder / "scans")
            return {"recognize": measure_recognize(folder / "longhand", scans, rounds=runs)}
        if asked["llama"]:
            return _llama(folder, runs)
        only = "engines" if asked["engines"] else "segmenters" if asked["segmenters"] else ""
        measured = _measure(folder, runs, only=only)
        return measured if only else measured | _llama(folder, runs) | {"vote": measure_vote(rounds=runs)}


def _machine() -> dict[str, Any]:
    return {"processor": platform.machine(), "python": platform.python_version(), "date": time.strftime("%Y-%m-%d")}


def _drawn(folder: Path) -> list[Path]:
    """Scans of the sample that hold one page each."""
    return [file.path for file in render_sample(folder) if file.path.suffix == ".jpg" and file.pages][:PAGES]


def _images_in(folder: Path) -> list[Path]:
    scans = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".tif"})
    if not scans:
        raise CommandError(f"{folder} holds no image (.jpg, .png, .tif) to read; name a folder of scans.")
    return scans[:PAGES]


def _llama(folder: Path, runs: int) -> dict[str, Any]:
    """llama.cpp beside itself, or why not: it is an extra that may be missing."""
    try:
        from transcription.training.llama_benchmarks import measure_llama
    except WeightsError as missing:
        return {"llama": {"skipped": missing.message}}
    return {"llama": measure_llama(folder, rounds=runs)}


def _measure(folder: Path, runs: int, *, only: str) -> dict[str, Any]:
    began = time.perf_counter()
    files = _drawn(folder / "scans")
    drawn = time.perf_counter() - began
    pyramids = [folder / f"{number}.tif" for number in range(len(files))]

    def prepare() -> None:
        for file, pyramid in zip(files, pyramids, strict=True):
            probe(file, file.name)
            extract(file, file.name, 0, pyramid, pyramid.with_suffix(".jpg"))

    prepare()
    images = [read_gray(pyramid)[0] for pyramid in pyramids]
    segmenters = {}
    if only != "engines":
        segmenters["segmenters"] = measure_segmenters(images, settings.ENGINES, LOOK_SIDE, folder, rounds=runs)
    if only == "segmenters":
        return segmenters
    segmenter = registry().segmenter(segmenter_in_use())
    layouts = [segmenter.segment(image) for image in images]
    lines = [(image, layout.lines) for image, layout in zip(images, layouts, strict=True)]
    engines = {"engines": measure_engines(lines, settings.ENGINES["starter"], rounds=runs)}
    engines["trocr"] = measure_trocr(rounds=runs)
    if only == "engines":
        return engines
    seconds = {"prepare_page": _median(prepare, runs) / len(files)}
    seconds["read_gray_page"] = _median(lambda: [read_gray(pyramid) for pyramid in pyramids], runs) / len(files)
    seconds["tile"] = _median(lambda: [dzi_tile(pyramids[0], 10, 0, 0) for _ in range(10)], runs) / 10
    seconds["segment_page"] = _median(lambda: [segmenter.segment(image) for image in images], runs) / len(images)

    def cut() -> list[np.ndarray[Any, Any]]:
        pairs = zip(images, layouts, strict=True)
        return [cut_line(image, line) for image, layout in pairs for line in layout.lines]

    crops = cut()
    rates: dict[str, float] = {"cut": len(crops) / _median(cut, runs)}
    for name in RECIPES:
        rates[f"enhance_{name}"] = len(crops) / _median(lambda name=name: [enhance(c, name) for c in crops], runs)  # type: ignore[misc]
    recognizer = registry().recognizer("starter")

    def read(recipe: str = "plain") -> list[ReadingRecord]:
        lines = (LineImage(key, enhance(crop, recipe)) for key, crop in enumerate(crops))
        return [r for r in recognizer.recognize(lines, Hints()) if isinstance(r, ReadingRecord)]

    rates["starter_read"] = len(crops) / _median(read, runs)
    readings = _readings(crops, read)
    rates["vote_three_passes"] = len(readings) / _median(lambda: [voting.vote(each) for each in readings], runs)
    return (
        {
            "pages": len(files),
            "lines": len(crops),
            "runs": runs,
            "seconds": {name: round(value, 4) for name, value in (seconds | {"draw_sample": drawn}).items()},
            "lines_per_second": {name: round(value, 1) for name, value in rates.items()},
        }
        | segmenters
        | engines
    )


def _readings(
    crops: list[np.ndarray[Any, Any]], read: Callable[[str], list[ReadingRecord]]
) -> list[list[voting.PassReading]]:
    found: list[list[voting.PassReading]] = [[] for _ in crops]
    for each in recipes_of("starter", registry().recognizer("starter"), ["plain", "clahe", "adaptive"]):
        for record in read(each.recipe):
            found[record.key].append(voting.PassReading(each.name, each.engine, record))
    return [each for each in found if each]


def _median(action: Callable[[], object], runs: int) -> float:
    """Median wall seconds of ``runs`` calls after one that is not counted."""
    action()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return statistics.median(times)
