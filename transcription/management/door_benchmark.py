"""The door for files: what becomes of bad ones, of sound ones with flipped bits, and what preparing a page costs."""

from __future__ import annotations

import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from PIL import Image

from transcription.formats.decode import extract
from transcription.management.bad_inputs import BadFile, Outcome, bad_files, samples, try_files
from transcription.management.bad_inputs.trial import strays
from transcription.management.own_installation import run_in_own_installation
from transcription.steps.create import create_collection
from transcription.steps.invariants import violations

FLIPS = 20  # bits flipped in each copy of a sample, and copies of each
BAR = "<= 2"
SIZES = {"A4 at 300 dpi": (2480, 3508), "5000 × 7000": (5000, 7000)}
_REPORT = "report.json"
_MODULE = "transcription.management.door_benchmark"


def table_of_bad_inputs(folder: Path) -> list[dict[str, Any]]:
    """What became of each bad input in an installation of its own: group, what, name, code, sentence, pages, defect."""
    return list(_report(folder, "table_here")["files"])


def measure_fuzz(folder: Path, *, flips: int = FLIPS) -> dict[str, Any]:
    """Sound files of every kind, ``flips`` copies of each with ``flips`` flipped bits, through the door."""
    return _report(folder, f"fuzz_here(Path({str(folder)!r}), {flips})")


def _report(folder: Path, call: str) -> dict[str, Any]:
    call = call if "(" in call else f"{call}(Path({str(folder)!r}))"
    run_in_own_installation(folder, f"from pathlib import Path; from {_MODULE} import *; {call}")
    found: dict[str, Any] = json.loads((folder / _REPORT).read_text(encoding="utf-8"))
    return found


def table_here(folder: Path) -> None:
    """The table, in a process whose database may be filled."""
    outcomes = try_files(bad_files(), create_collection(title="Bad inputs", owner=None))
    _write(folder, {"files": [_row(each) for each in outcomes], "strays": strays(), "violations": _violations()})


def fuzz_here(folder: Path, flips: int) -> None:
    """The fuzz run, in a process whose database may be filled."""
    began = time.monotonic()
    files = [flipped for name, data in samples().items() for flipped in _flipped(name, data, flips)]
    outcomes = try_files(files, create_collection(title="Fuzz", owner=None))
    report = {
        "files": len(outcomes),
        "bits_flipped_in_each": flips,
        "read": sum(not each.code and not each.defect for each in outcomes),
        "refused": dict(Counter(each.code for each in outcomes if each.code).most_common()),
        "defects": [asdict(each)["defect"] for each in outcomes if each.defect],
        "strays": strays(),
        "violations": _violations(),
        "seconds": round(time.monotonic() - began, 1),
    }
    _write(folder, report)


def measure_prepare(folder: Path, *, rounds: int) -> dict[str, Any]:
    """Seconds of `prepare`'s own work on a page (a decoder process, every pixel, upright, pyramid and thumbnail, both
    on disk for good) and of pyvips' bare ``tiffsave(pyramid=True)`` of the same file, medians of ``rounds``, taking
    turns, each first in every second round."""
    found: dict[str, Any] = {"rounds": rounds, "pages": {}}
    ratios = []
    for name, size in SIZES.items():
        for format_, options in (("JPEG", {"quality": 90}), ("TIFF", {"compression": "tiff_lzw"})):
            page = folder / f"page.{format_.lower()}"
            _scan(size).save(page, format_, **options)
            seconds = _turns(rounds, lambda page=page: _ours(page, folder), lambda page=page: _bare(page, folder))  # type: ignore[misc]
            ours, bare = (statistics.median(each) for each in seconds)
            ratio = statistics.median(a / b for a, b in zip(*seconds, strict=True))
            ratios.append(ratio)
            found["pages"][f"{name}, {format_}"] = {
                "prepare": round(ours, 3),
                "pyvips": round(bare, 3),
                "ratio": round(ratio, 2),
            }
    return found | {"prepare / pyvips": {"measured": round(statistics.median(ratios), 2), "bar": BAR}}


def _ours(page: Path, folder: Path) -> None:
    extract(page, page.name, 0, folder / "page.tif", folder / "thumb.jpg")


def _bare(page: Path, folder: Path) -> None:
    image = pyvips.Image.new_from_file(str(page))
    image.tiffsave(
        str(folder / "bare.tif"), tile=True, tile_width=256, tile_height=256, pyramid=True, compression="jpeg", Q=90
    )


def _turns(rounds: int, first: Callable[[], object], second: Callable[[], object]) -> tuple[list[float], list[float]]:
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):  # the first is not counted
        order = [(0, first), (1, second)]
        for place, action in order if turn % 2 else order[::-1]:
            began = time.perf_counter()
            action()
            if turn:
                seconds[place].append(time.perf_counter() - began)
    return seconds


def _scan(size: tuple[int, int]) -> Image.Image:
    """Paper with grain and dark strokes, as hard to pack as a scan."""
    dice = np.random.default_rng(3)
    width, height = size
    paper = dice.normal(225, 6, (height, width, 1)) + dice.normal(0, 3, (height, width, 3))
    for row in range(100, height - 100, 90):
        for column in range(150, width - 150, 60):
            paper[row : row + 40, column + dice.integers(0, 20) : column + 26] -= 140
    return Image.fromarray(np.clip(paper, 0, 255).astype(np.uint8))


def _flipped(name: str, data: bytes, flips: int) -> Sequence[BadFile]:
    """Copies of a file with flipped bits; in every second one they are where headers are."""
    stem, _, suffix = name.rpartition(".")
    group = "transcript" if suffix in {"xml", "txt"} else suffix
    files = []
    for number in range(flips):
        dice, copy = random.Random(f"{name} {number}"), bytearray(data)
        for _ in range(flips):
            copy[dice.randrange(min(len(copy), 400) if number % 2 else len(copy))] ^= 1 << dice.randrange(8)
        files.append(BadFile(group, f"{flips} bits flipped", f"{stem} {number}.{suffix}", bytes(copy)))
    return files


def _row(outcome: Outcome) -> dict[str, Any]:
    file = outcome.file
    told = {"code": outcome.code, "sentence": outcome.sentence, "pages": outcome.pages, "defect": outcome.defect}
    return {"group": file.group, "what": file.what, "name": file.name.encode("utf-8", "replace").decode()} | told


def _violations() -> list[str]:
    return [str(each) for each in violations()]


def _write(folder: Path, report: dict[str, Any]) -> None:
    (folder / _REPORT).write_text(json.dumps(report), encoding="utf-8")
