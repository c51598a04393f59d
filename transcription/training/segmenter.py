"""Train the learned segmenter: `python -m transcription.training.segmenter LAYOUTS --pages PAGES --run RUN …`.

A checkpoint is written every few minutes and at the end; the same command resumes. A run is measured in time, not in
epochs: the rate warms up and falls along a cosine over the time it is given. What is saved as weights is the running
mean of the network's (Polyak & Juditsky 1992), which finds lines better than the last step's.
Where the CPU multiplies bfloat16 (AMX) the network runs in it, on a GPU always.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from transcription.engines.device import multiplies_bfloat16
from transcription.engines.segmenters.line_input import network_input
from transcription.engines.segmenters.line_network import MAPS, LineNetwork
from transcription.engines.weights_file import load_tensors, save_weights
from transcription.training.layout_augment import Sheet, beside, letterhead, view, weather
from transcription.training.layout_drawn import Printer
from transcription.training.layout_pages import HANDWRITTEN, TELL_PRINT, LayoutPage, load_layouts, load_scans
from transcription.training.layout_targets import draw_targets, taught

SIDE = 640  # pixels of the windows that are learned from
BATCH = 4
PEAK_RATE = 1.5e-3
WARMUP_STEPS = 200
MEAN_KEEPS = 0.998  # of the running mean of the weights, a step
DRAWN = 0.15  # share of windows on drawn pages
SPREADS = 0.1  # share on two pages side by side
LETTERHEADS = 0.4  # share with lines of print added, of the pages of which it is known what print counts for
TURNED = 0.2  # share turned by quarters, to learn the orientation from
# What each map counts for beside the others.
LOSS = {"baseline": 1.0, "end": 0.5, "body": 0.3, "rise": 0.3, "fall": 0.3, "printed": 0.3}
TURN_LOSS = 0.1

Batch = tuple[Tensor, Tensor, Tensor, Tensor]


class Windows(IterableDataset[Batch]):
    """Endless (images (B, 1, S, S), targets and weights (B, 6, S/2, S/2), turns (B))."""

    def __init__(self, pages: Sequence[LayoutPage], printer: Printer | None, seed: Sequence[int]) -> None:
        self._sheets = [_sheet(page) for page in pages]
        sizes: dict[str, int] = {}
        for page in pages:
            sizes[page.set] = sizes.get(page.set, 0) + 1
        odds = np.array([1 / math.sqrt(sizes[page.set]) for page in pages])
        self._odds = odds / odds.sum()
        self._printer = printer
        self._seed = seed

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        rng = np.random.default_rng([*self._seed, worker.id if worker else 0])
        cv2.setNumThreads(1)
        while True:
            samples = [self.sample(rng) for _ in range(BATCH)]
            images, targets, weights = (
                torch.from_numpy(np.stack(each)) for each in list(zip(*samples, strict=True))[:3]
            )
            yield images, targets, weights, torch.tensor([sample[3] for sample in samples])

    def sample(self, rng: np.random.Generator) -> tuple[Any, Any, Any, int]:
        sheet, other = self._one(rng), self._one(rng)
        if self._printer is not None and rng.random() < DRAWN:
            sheet = self._printer.page(rng)
        if rng.random() < SPREADS:
            sheet = beside(sheet, other, rng)
        if self._printer is not None and (sheet.tells_print or sheet.passes_print) and rng.random() < LETTERHEADS:
            sheet = letterhead(sheet, self._printer.printed_lines(rng), rng)
        seen = view(sheet, SIDE, rng)
        image = network_input(weather(seen.image, other.image, rng))
        target, weight = draw_targets(seen.lines, seen.image.shape[:2])
        turn = int(rng.integers(1, 4)) if rng.random() < TURNED and seen.lines else 0
        if turn:  # what is on its side is only asked for its orientation
            image, weight = np.rot90(image, turn).copy(), np.zeros_like(weight)
        return image[None], target, weight, turn if seen.lines else -1

    def _one(self, rng: np.random.Generator) -> Sheet:
        return self._sheets[rng.choice(len(self._sheets), p=self._odds)]


def _sheet(page: LayoutPage) -> Sheet:
    lines = tuple(each for line in page.lines if (each := taught(line)) is not None)
    return Sheet(page.image, lines, page.set in TELL_PRINT, page.set in HANDWRITTEN)


def loss_of(maps: Tensor, turns: Tensor, batch: Batch) -> Tensor:
    """Cross entropy of the probabilities (baselines and ends with a Dice term: they are few pixels), absolute error of
    the heights, cross entropy of the orientation."""
    _, target, weight, turn = batch
    total = torch.zeros(())
    for index, name in enumerate(MAPS):
        found, wanted, known = maps[:, index].float(), target[:, index], weight[:, index]
        if name in ("rise", "fall"):
            each = functional.smooth_l1_loss(found, wanted, reduction="none", beta=0.25)
        else:
            each = functional.binary_cross_entropy_with_logits(found, wanted, reduction="none")
        part = (each * known).sum() / known.sum().clamp(min=1)
        if name in ("baseline", "end"):
            chance = torch.sigmoid(found) * known
            both = (chance * wanted).sum()
            part = 4 * part + 1 - (2 * both + 1) / (chance.sum() + (wanted * known).sum() + 1)
        total = total.to(part.device) + LOSS[name] * part
    if bool((turn >= 0).any()):
        total = total + TURN_LOSS * functional.cross_entropy(turns.float(), turn, ignore_index=-1)
    return total


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train on, where, and for how long."""

    layouts: Path
    run: Path
    seconds: float
    pages: Path | None = None
    more: tuple[Path, ...] = ()
    printer: tuple[Path, Path, Path] | None = None  # handwriting fonts, printing fonts, texts
    begin: Path | None = None
    rate: float = PEAK_RATE


def rate_at(step: int, done: float, peak: float) -> float:
    """Linear warm-up, then a cosine to a hundredth; ``done`` is the share of the time that is over."""
    fall = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return peak * min(1.0, (step + 1) / WARMUP_STEPS) * fall


def training_pages(plan: Plan) -> list[LayoutPage]:
    pages = list(load_layouts(plan.layouts, "train"))
    if plan.pages is not None:
        pages += load_scans(plan.pages, "train")
    for table in plan.more:
        pages += [*load_layouts(table, "train"), *load_layouts(table, "tune")]
    return pages


class Trainer:
    """Network, its running mean, optimiser and progress of one run, resumed from its checkpoint where there is one."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.half = self.device.type == "cuda" or multiplies_bfloat16()
        self._path = plan.run / "checkpoint.pt"
        state = torch.load(self._path, weights_only=True) if self._path.exists() else None
        self.network = LineNetwork()
        if state is not None:
            self.network.load_state_dict(state["network"])
        elif plan.begin is not None:
            self.network.load_state_dict(load_tensors(plan.begin))
        self.network.to(self.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.mean = deepcopy(self.network).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=plan.rate, weight_decay=0.02)
        self.step = 0
        self._before = 0.0
        if state is not None:
            self.optimizer.load_state_dict(state["optimizer"])
            self.mean.load_state_dict(state["mean"])
            self.step, self._before = int(state["step"]), float(state["seconds"])
        self._began = self._saved = time.monotonic()
        self._losses: list[float] = []

    @property
    def seconds(self) -> float:
        """Spent on the run so far, earlier sittings included."""
        return self._before + time.monotonic() - self._began

    def learn(self, batch: Batch) -> bool:
        """Learn one batch; whether that was the last."""
        rate = rate_at(self.step, self.seconds / self.plan.seconds, self.plan.rate)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        images, target, weight, turn = (each.to(self.device, non_blocking=True) for each in batch)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            maps, turns = self.network(images)
        loss = loss_of(maps, turns, (images, target, weight, turn))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimizer.step()
        self.step += 1
        self._take_mean()
        self._losses.append(float(loss.detach()))
        if self.step % 100 == 0:
            entry = {"step": self.step, "windows": self.step * BATCH, "seconds": round(self.seconds), "rate": rate}
            log(self.plan.run, entry | {"loss": round(float(np.mean(self._losses[-100:])), 4)})
        done = self.seconds >= self.plan.seconds
        if done or time.monotonic() - self._saved > 180:
            self._save()
            self._saved = time.monotonic()
        return done

    def _take_mean(self) -> None:
        keep = min(MEAN_KEEPS, self.step / (self.step + 10))
        with torch.no_grad():
            for kept, fresh in zip(self.mean.state_dict().values(), self.network.state_dict().values(), strict=True):
                if kept.is_floating_point():
                    kept.lerp_(fresh, 1 - keep)
                else:
                    kept.copy_(fresh)

    def _save(self) -> None:
        kept = {"network": self.network.state_dict(), "mean": self.mean.state_dict()}
        partial = self._path.with_suffix(".partial")
        progress = {"optimizer": self.optimizer.state_dict(), "step": self.step, "seconds": self.seconds}
        torch.save(kept | progress, partial)
        partial.replace(self._path)
        about: dict[str, Any] = {"kind": "segmenter", "widths": self.network.widths}
        about |= {"windows": self.step * BATCH, "seconds": round(self.seconds)}
        save_weights(self.plan.run / "segmenter.safetensors", self.mean, about)


def train(plan: Plan) -> None:
    """Train or resume in ``plan.run``; writes ``checkpoint.pt``, ``log.jsonl`` and ``segmenter.safetensors``."""
    plan.run.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)  # before the feeders are forked: a child waits for ever for its parent's threads
    on_gpu = torch.cuda.is_available()
    if not on_gpu:
        torch.set_num_threads(1)
    printer = Printer(*plan.printer) if plan.printer else None
    pages = training_pages(plan)
    trainer = Trainer(plan)
    print(f"{len(pages)} pages, step {trainer.step}, {trainer.device}, half {trainer.half}", flush=True)
    windows = Windows(pages, printer, [trainer.step])
    for batch in DataLoader(windows, batch_size=None, num_workers=12 if on_gpu else 1):
        if trainer.learn(batch):
            return


def log(run: Path, entry: dict[str, Any]) -> None:
    line = json.dumps(entry)
    print(line, flush=True)
    with (run / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("layouts", type=Path, help="layout.jsonl beside its page images")
    parser.add_argument("--pages", type=Path, help="folder with a pages.tsv whose ALTO has coordinates")
    parser.add_argument("--more", type=Path, nargs="*", default=[], help="further layout.jsonl, all of it for training")
    parser.add_argument("--run", type=Path, required=True, help="folder for checkpoint, log and weights")
    parser.add_argument("--minutes", type=float, default=60, help="time in all, earlier runs of it included")
    parser.add_argument("--begin", type=Path, help="weights to begin a new run with")
    parser.add_argument("--rate", type=float, default=PEAK_RATE)
    parser.add_argument("--fonts", type=Path, help="folder of handwriting fonts, for drawn pages")
    parser.add_argument("--printed-fonts", type=Path, help="folder of print fonts, for letterheads")
    parser.add_argument("--texts", type=Path, help="folder of .txt for drawn pages")
    given = parser.parse_args()
    drawn = (given.fonts, given.printed_fonts, given.texts)
    printer = (drawn[0], drawn[1], drawn[2]) if all(drawn) else None
    plan = Plan(
        given.layouts, given.run, given.minutes * 60, given.pages, tuple(given.more), printer, given.begin, given.rate
    )
    train(plan)


if __name__ == "__main__":
    main()
