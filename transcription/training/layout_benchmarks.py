"""Segmenters against the clock: what finding the lines of a page costs, and how much memory a very large page takes."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyvips

from transcription.engines.base import Segmenter
from transcription.engines.registry import EngineDeclaration, Registry
from transcription.engines.segmenters.learned import LearnedSegmenter
from transcription.errors import EngineFailure
from transcription.formats.pyramid import read_gray
from transcription.formats.pyramid_writer import write_pyramid
from transcription.htr.records import Gray

SCAN_SIDE = 3500  # pixels of the long side of an A4 page at 300 dpi and a little more: "full scan resolution"
LARGE_PAGE = (8700, 11500)  # pixels: 100 megapixels
BARS = {
    "learned_cpu_seconds": "<= 1.5",
    "classical_cpu_seconds": "<= 0.4",
    "full_resolution / learned": ">= 3",
    "large_page_megabytes": "<= 1024",
}


def measure_segmenters(
    images: Sequence[Gray], declared: dict[str, EngineDeclaration], look_side: int, folder: Path, *, rounds: int
) -> dict[str, Any]:
    """Processor seconds a page of ``images``, brought to ``SCAN_SIDE``, on one thread; medians over pages and rounds.

    ``full_resolution`` is the same network looking at the scan as it is rather than at its working size. The large page
    is read, its lines found, in a process of its own, whose peak memory is what counts.
    """
    cv2.setNumThreads(1)
    scans = [_enlarged(image, SCAN_SIDE) for image in images]
    registry = Registry(_on_one_thread(declared))
    learned, classical = registry.segmenter("learned"), registry.segmenter("classical")
    if not isinstance(learned, LearnedSegmenter):
        raise EngineFailure("settings.ENGINES declares something else as “learned”; it cannot be measured.")
    seconds = {"learned": _per_page(learned.segment, scans, rounds)}
    seconds["classical"] = _per_page(classical.segment, scans, rounds)
    seconds["network"] = _per_page(lambda image: learned.look(image, learned.options.long_side), scans, rounds)
    seconds["full_resolution"] = _per_page(lambda image: learned.look(image, SCAN_SIDE), scans[:2], 1)
    large = peak_of_large_page(folder / "large.tif", declared, look_side)
    measured = {
        "learned_cpu_seconds": seconds["learned"],
        "classical_cpu_seconds": seconds["classical"],
        "full_resolution / learned": seconds["full_resolution"] / seconds["network"],
        "large_page_megabytes": large,
    }
    return {
        "pages": len(scans),
        "threads": 1,
        "device": str(learned.device),
        "precision": str(learned.numbers).removeprefix("torch."),
        "cpu_seconds_a_page": {name: round(value, 3) for name, value in seconds.items()},
        "bars": {name: {"measured": round(measured[name], 2), "bar": bar} for name, bar in BARS.items()},
    }


def _on_one_thread(declared: dict[str, EngineDeclaration]) -> dict[str, EngineDeclaration]:
    learned: EngineDeclaration = {**declared["learned"], "RUNTIME": {"threads": 1, "device": "auto"}}
    return {**declared, "learned": learned}


def _enlarged(image: Gray, long_side: int) -> Gray:
    factor = long_side / max(image.shape)
    size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def _per_page(segment: Callable[[Gray], object], images: Sequence[Gray], rounds: int) -> float:
    """Median processor seconds, after one call that is not counted."""
    segment(images[0])
    times = []
    for _ in range(rounds):
        for image in images:
            began = time.process_time()
            segment(image)
            times.append(time.process_time() - began)
    return statistics.median(times)


def peak_of_large_page(pyramid: Path, declared: dict[str, EngineDeclaration], look_side: int) -> float:
    """Peak memory in MB of a process that finds the lines of a page of ``LARGE_PAGE`` pixels."""
    width, height = LARGE_PAGE
    small = np.full((height // 10, width // 10), 230, np.uint8)
    for row in range(60, small.shape[0] - 40, 18):
        small[row : row + 3, 60:-60:4] = 60
    write_pyramid(pyvips.Image.new_from_array(small).resize(10), pyramid)
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    child = context.Process(target=_find_large, args=(pyramid, declared, look_side, answers))
    child.start()
    peak = float(answers.get(timeout=120))
    child.join()
    return peak


def _find_large(pyramid: Path, declared: dict[str, EngineDeclaration], look_side: int, answers: Any) -> None:
    segmenter: Segmenter = Registry(declared).segmenter("learned")
    segmenter.segment(read_gray(pyramid, look_side)[0])
    answers.put(_peak_megabytes())


def _peak_megabytes() -> float:
    """The most memory this process ever had resident; not ru_maxrss, which a child inherits from its parent."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise EngineFailure("This system does not say how much memory a process took; it has no VmHWM.")
