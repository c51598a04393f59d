"""The recognize step as a whole against its engine alone: what a worker adds to the reading of lines.

A Longhand of its own, PostgreSQL and Valkey included, in a folder that is removed afterwards, takes pages in by the
door of uploads, finds their lines and reads them in the bundled profile as a worker does: it claims, cuts, enhances,
reads in batches, checks and writes. Then the engine reads the same line images, prepared beforehand, in one call. Both
take turns, each first in every second round.
"""

from __future__ import annotations

import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
from django.db import transaction

from transcription.errors import EngineFailure, ServiceUnavailable
from transcription.htr.crop import cut_line
from transcription.htr.enhance import enhance
from transcription.htr.languages import language_tag
from transcription.htr.records import Hints, LineImage
from transcription.management.own_installation import run_in_own_installation
from transcription.models import Collection, Lane, Page, Queue, Reading, Upload
from transcription.steps import flow
from transcription.steps.create import create_collection
from transcription.steps.drain import drain
from transcription.steps.page_image import page_image
from transcription.steps.profiles import profile_version_of, registry
from transcription.steps.store import receive_file
from transcription.steps.vocabulary import words_at
from transcription.training.benchmarks import processor_seconds

BAR = ">= 0.9"
REPORT = "report.json"
Seconds = tuple[float, float]  # by the clock, of the processor


def measure_recognize(folder: Path, scans: Sequence[Path], *, rounds: int) -> dict[str, Any]:
    """Lines per second of the step and of the engine alone on the lines of ``scans``, medians of ``rounds`` (at least
    two), and the medians of their ratios by the clock and by the processor time of this process.

    ``folder`` is used for everything and left without running servers. Where no server can be started, why not.
    """
    code = (
        "from pathlib import Path; from transcription.management import recognize_benchmark as it; "
        f"it.measure_here({[str(scan) for scan in scans]!r}, {max(2, rounds)}, Path({str(folder)!r}))"
    )
    try:
        run_in_own_installation(folder, code)
    except ServiceUnavailable as error:
        return {"skipped": error.message}
    report: dict[str, Any] = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    return report


def measure_here(scans: Sequence[str], rounds: int, folder: Path) -> None:
    """The measurement itself, in a process whose database may be filled; leaves ``REPORT`` in ``folder``."""
    cv2.setNumThreads(1)
    collection = _taken_in([Path(scan) for scan in scans])
    pages = list(Page.objects.filter(layout__isnull=False).order_by("pk"))
    bare, count = _engine_alone(pages, collection)
    seconds: dict[str, list[Seconds]] = defaultdict(list)
    for turn in range(rounds + 1):  # the first is not counted
        turns: list[tuple[str, Callable[[], object]]] = [("step", _read_all), ("engine", bare)]
        for name, run in turns if turn % 2 else turns[::-1]:
            if name == "step":
                _begin_again(pages, collection)
            found = _timed(run)
            if turn:
                seconds[name].append(found)
    written = Reading.objects.filter(run__in=[page.run_id for page in _fresh(pages)]).count()
    if written != count:
        raise EngineFailure(f"The step wrote {written} readings of {count} line images; they cannot be compared.")
    report = {
        "pages": len(pages),
        "line_images": count,
        "passes": profile_version_of(collection).passes.count(),
        "rounds": rounds,
        "threads": 1,
        "lines_per_second": {
            name: round(count / statistics.median(clock for clock, _ in of), 1) for name, of in sorted(seconds.items())
        },
        "ratios": {
            "step / engine": {"measured": round(_ratio(seconds, 0), 3), "bar": BAR},
            "step / engine, processor": {"measured": round(_ratio(seconds, 1), 3)},
        },
    }
    (folder / REPORT).write_text(json.dumps(report), encoding="utf-8")


def _taken_in(scans: Sequence[Path]) -> Collection:
    """A collection with the pages of ``scans``, prepared, their lines found and read once."""
    collection = create_collection(title="Bench", owner=None)
    upload = Upload.objects.create(collection=collection)
    for scan in scans:
        with scan.open("rb") as stream:
            receive_file(collection=collection, upload=upload, name=scan.name, stream=stream)
    while drain(Queue.CPU) + drain(Queue.ENGINE):
        pass
    return collection


def _engine_alone(pages: Sequence[Page], collection: Collection) -> tuple[Callable[[], object], int]:
    """What reads the line images of all passes over ``pages`` with each engine in one call, and how many they are."""
    images: dict[str, list[LineImage]] = defaultdict(list)
    passes = list(profile_version_of(collection).passes.all())
    for page in pages:
        image = page_image(page)
        assert page.layout is not None
        for place in page.layout.places.all():
            crop = cut_line(image, place.geometry)
            for each in passes:
                of_engine = images[each.engine]
                of_engine.append(LineImage(len(of_engine), enhance(crop, each.recipe, each.recipe_options)))
    run = pages[0].run
    assert run is not None
    hints = Hints(language_tag(collection.language), words_at(collection.pk, run.vocabulary))

    def read() -> None:
        for engine, crops in images.items():
            for _ in registry().recognizer(engine).recognize(iter(crops), hints):
                pass

    return read, sum(map(len, images.values()))


def _begin_again(pages: Sequence[Page], collection: Collection) -> None:
    """A new run of each page over the lines it has."""
    for page in _fresh(pages):
        with transaction.atomic():
            version = profile_version_of(collection)
            flow.start_run(page=page, profile_version=version, layout=page.layout, lane=Lane.BULK)


def _read_all() -> None:
    while drain(Queue.ENGINE):
        pass


def _fresh(pages: Sequence[Page]) -> list[Page]:
    return list(Page.objects.filter(pk__in=[page.pk for page in pages]).order_by("pk"))


def _timed(run: Callable[[], object]) -> Seconds:
    began, used = time.perf_counter(), processor_seconds()
    run()
    return time.perf_counter() - began, processor_seconds() - used


def _ratio(seconds: dict[str, list[Seconds]], which: int) -> float:
    """How many times as fast as the engine alone the step is."""
    pairs = zip(seconds["engine"], seconds["step"], strict=True)
    return statistics.median(engine[which] / step[which] for engine, step in pairs)
