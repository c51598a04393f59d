"""`manage.py bench [--engines | --segmenters | --trocr | --llama | --vote | --recognize | --search]`: what the parts of
reading cost on this machine, and how recogniser, segmenters and vote stand beside others, on pages and lines drawn
here; with --search what a search costs; with --upload what a browser's upload costs. JSON."""

from __future__ import annotations

import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
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
from transcription.management.recognize_benchmark import measure_recognize
from transcription.management.search_benchmark import measure_search
from transcription.management.upload_benchmark import measure_upload
from transcription.steps.profiles import registry, segmenter_in_use
from transcription.steps.segment import LOOK_SIDE
from transcription.training.benchmarks import measure_engines
from transcription.training.evaluation import recipes_of
from transcription.training.layout_benchmarks import measure_segmenters
from transcription.training.sample import render_sample
from transcription.training.trocr_benchmarks import measure_trocr
from transcription.training.vote_benchmarks import measure_vote

PAGES = 6


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
        only.add_argument("--trocr", action="store_true", help="only trocr against loops around transformers' generate")
        only.add_argument("--search", action="store_true", help="only searches among --lines lines, in minutes")
        only.add_argument(
            "--recognize",
            nargs="?",
            const="",
            metavar="FOLDER",
            help="only the recognize step against its engine alone, on drawn pages or the images of a folder;"
            " starts servers of its own for it",
        )
        only.add_argument("--llama", action="store_true", help="only llama.cpp: texts side by side against one by one")
        only.add_argument("--vote", action="store_true", help="only the vote, beside crowd-kit's ROVER")
        only.add_argument(
            "--upload", nargs="?", type=int, const=2000, metavar="FILES", help="only uploads from a browser, beside PUT"
        )
        parser.add_argument("--kilobytes", type=int, default=300, help="of each uploaded file")
        parser.add_argument("--large", type=int, default=2048, metavar="MIB", help="size of one more file; 0: none")
        parser.add_argument("--lines", type=int, default=1_000_000)

    def handle(
        self,
        *,
        runs: int,
        engines: bool,
        segmenters: bool,
        trocr: bool,
        llama: bool,
        recognize: str | None,
        **options: Any,
    ) -> None:
        if options["upload"]:
            with tempfile.TemporaryDirectory() as folder:
                found = measure_upload(
                    Path(folder),
                    files=options["upload"],
                    kilobytes=options["kilobytes"],
                    large_mb=options["large"],
                    rounds=runs,
                )
            self.stdout.write(json.dumps({"machine": _machine(), "upload": found}, indent=2))
            return
        if options["vote"]:
            report = {"machine": _machine(), "vote": measure_vote(rounds=runs)}
            self.stdout.write(json.dumps(report, indent=2))
            return
        if options["search"]:
            found = measure_search(lines=options["lines"], queries=20 * runs, say=self.stderr.write)
            self.stdout.write(json.dumps({"machine": _machine(), "search": found}, indent=2))
            return
        if trocr:
            report = {"machine": _machine(), "trocr": measure_trocr(rounds=runs)}
            self.stdout.write(json.dumps(report, indent=2))
            return
        only = "engines" if engines else "segmenters" if segmenters else ""
        with tempfile.TemporaryDirectory() as folder:
            if recognize is not None:
                scans = _images_in(Path(recognize)) if recognize else _drawn(Path(folder) / "scans")
                measured = measure_recognize(Path(folder) / "longhand", scans, rounds=runs)
                self.stdout.write(json.dumps({"machine": _machine(), "recognize": measured}, indent=2))
                return
            if llama:
                report = {"machine": _machine()} | _llama(Path(folder), runs)
                self.stdout.write(json.dumps(report, indent=2))
                return
            report = {"machine": _machine()} | _measure(Path(folder), runs, only=only)
            if not only:
                report |= _llama(Path(folder), runs) | {"vote": measure_vote(rounds=runs)}
        self.stdout.write(json.dumps(report, indent=2))


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
