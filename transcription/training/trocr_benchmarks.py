"""The engine `trocr` against the loops that most people write around `generate`: one line at a time, and batches.

TrOCR-base with random weights, a fixed number of tokens a line, the same lines in one run, in turns; see `benchmarks`
for how time is taken. On a CPU: one thread and processor seconds. On a GPU: the clock, with nothing else running.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import VisionEncoderDecoderModel, ViTImageProcessorPil

from transcription.engines.device import multiplies_bfloat16
from transcription.engines.trocr import TrOcr
from transcription.engines.trocr.network import TrocrPrecision
from transcription.htr.records import Gray, Hints, LineImage, ReadingRecord
from transcription.training.benchmarks import Contender, ratio, take_turns
from transcription.training.random_trocr import as_text, write_random_trocr
from transcription.training.small_trocr import random_line

TOKENS = 15
BATCH = {"cpu": 8, "cuda": 256}
BARS = {
    ("generate_batched", "trocr_single"): ">= 1.1",
    ("generate_batched", "trocr_int8"): ">= 1.5",
    ("generate_one_by_one", "trocr_float16"): ">= 25",
}


def measure_trocr(*, rounds: int, lines: int = 8) -> dict[str, Any]:
    """Lines per second of each, the ratios that ``BARS`` sets bars for, and how many tokens each precision reads as
    single precision does."""
    rng = np.random.default_rng(15)
    crops = [random_line(rng)[0] for _ in range(lines)]
    with tempfile.TemporaryDirectory() as folder:
        write_random_trocr(Path(folder), "base")
        report = {"cpu": _on(Path(folder), "cpu", crops, rounds)}
        if torch.cuda.is_available():
            many = [random_line(rng)[0] for _ in range(4 * BATCH["cuda"])]
            report["cuda"] = _on(Path(folder), "cuda", many, rounds)
    return {"lines": lines, "tokens_a_line": TOKENS, "threads": 1, "rounds": rounds} | report


def _on(folder: Path, device: str, crops: Sequence[Gray], rounds: int) -> dict[str, Any]:
    """Every contender on one device, one after another in each round; all are in memory at once."""
    precisions: list[TrocrPrecision] = ["single", "int8"] if device == "cpu" else ["float16", "bfloat16"]
    if device == "cpu" and multiplies_bfloat16():
        precisions.append("bfloat16")
    loop = GenerateLoop(folder, device)
    texts: dict[str, list[str]] = {}

    def reading(name: str, read: Callable[[], list[str]]) -> Contender:
        def run() -> None:
            texts[name] = read()

        return Contender(name, len(crops), run)

    contenders = [
        reading("generate_batched", partial(loop.read, crops, BATCH[device])),
        reading("generate_one_by_one", partial(loop.read, crops, 1)),
    ]
    for precision in precisions:
        engine = TrOcr(
            folder,
            precision=precision,
            min_new_tokens=TOKENS,
            max_new_tokens=TOKENS,
            stop_repeats=0,
            device=device,
            batch_lines=BATCH[device],
        )
        contenders.append(reading(f"trocr_{precision}", partial(_read, engine, crops)))
    seconds = take_turns(contenders, rounds) if device == "cpu" else _by_the_clock(contenders, rounds)
    report = {
        "lines_per_second": {name: round(1 / float(np.median(found)), 3) for name, found in seconds.items()},
        "ratios": {
            f"{over} / {under}": {"measured": round(ratio(seconds, over, under), 2), "bar": bar}
            for (over, under), bar in BARS.items()
            if {over, under} <= seconds.keys()
        },
        "different_tokens": len(set("".join(texts["generate_batched"]))),
        "tokens_as_generate_reads_them": {
            name: round(agreement(texts["generate_batched"], found), 4) for name, found in texts.items()
        },
    }
    gc.collect()
    return report


class GenerateLoop:
    """transformers as its documentation shows it: the processor's images, `generate`, in single precision on a CPU and
    in half on a GPU."""

    def __init__(self, folder: Path, device: str) -> None:
        loader: Any = VisionEncoderDecoderModel
        self._numbers = torch.float32 if device == "cpu" else torch.float16
        self._network = loader.from_pretrained(folder, dtype=self._numbers).to(device).eval()
        self._processor = ViTImageProcessorPil.from_pretrained(folder)
        self._device = device

    def read(self, crops: Sequence[Gray], batch: int) -> list[str]:
        found: list[str] = []
        for at in range(0, len(crops), batch):
            images = [Image.fromarray(crop).convert("RGB") for crop in crops[at : at + batch]]
            pixels = self._processor(images=images, return_tensors="pt").pixel_values
            with torch.inference_mode():
                tokens = self._network.generate(
                    pixels.to(self._device, self._numbers),
                    do_sample=False,
                    num_beams=1,
                    min_new_tokens=TOKENS,
                    max_new_tokens=TOKENS,
                )
            found += [as_text(row) for row in tokens[:, 1:].tolist()]
        return found


def _read(engine: TrOcr, crops: Sequence[Gray]) -> list[str]:
    results = list(engine.recognize([LineImage(key, crop) for key, crop in enumerate(crops)], Hints()))
    texts = {result.key: result.text for result in results if isinstance(result, ReadingRecord)}
    return [texts[key] for key in range(len(crops))]


def agreement(wanted: Sequence[str], found: Sequence[str]) -> float:
    """Share of tokens (a character each) that are the same at the same place, up to the first of a line that is not:
    what follows it was read in another state and tells nothing."""
    same = total = 0
    for one, other in zip(wanted, found, strict=True):
        until = next(
            (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one)
        )
        same += until
        total += until + (until < len(one))
    return same / total if total else 1.0


def _by_the_clock(contenders: Sequence[Contender], rounds: int) -> dict[str, list[float]]:
    """Seconds a line by the clock, where the work is a GPU's."""
    seconds: dict[str, list[float]] = {each.name: [] for each in contenders}
    for number in range(rounds + 1):
        for each in contenders:
            torch.cuda.synchronize()
            began = time.perf_counter()
            each.run()
            torch.cuda.synchronize()
            if number:
                seconds[each.name].append((time.perf_counter() - began) / each.lines)
    return seconds
