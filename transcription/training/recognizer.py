"""Train the starter recogniser, one command a stage: `python -m transcription.training.recognizer STAGE …`.

Stages follow each other in one run folder, each going on from what the last one left (see ``STAGES``). Checkpoints
are written every few minutes and at the end, with optimiser and progress; the same command resumes. Stages are
measured in time, not epochs, because time is what a small machine has to spend: the learning rate warms up and
stays, and falls to zero over the stage that ends the run (warm-up, stable, decay: Hu et al., MiniCPM, 2024).

On a CPU each process uses one thread and the processes average their gradients: two threads of one process stand at
OpenMP's barriers (25 lines/s with one thread, 0.5 to 22 with two, on two shared cores), two processes do not.
Where the CPU multiplies bfloat16 (AVX512-BF16, AMX) the network runs in it, at 1.8 times the speed; on a GPU always.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from transcription.engines.ctc_network import INPUT_HEIGHT, STRIDE, CtcNetwork
from transcription.engines.weights_file import load_tensors, read_description, save_weights
from transcription.errors import BadInput
from transcription.htr.ink import fit_height, ink
from transcription.htr.metrics import edit_counts
from transcription.htr.text import normalised
from transcription.training.augment import hide, warp, weather
from transcription.training.datasets import LineSample, alphabet_of, load_lines, target_text
from transcription.training.synthetic import SyntheticLines

MAX_WIDTH = 1600  # input columns
BATCH_COLUMNS = 7_000  # input columns in a batch of one process, padding included; eight times as many on a GPU
PEAK_RATE = 1.5e-3
WARMUP_STEPS = 300


@dataclass(frozen=True, slots=True)
class Stage:
    """What one part of a training run feeds the network. ``synthetic`` is the share of drawn lines, ``english`` the
    share of real lines that are English (0: as many as there are); ``decay`` is the share of its time, at its end, over
    which the rate falls to zero."""

    synthetic: float
    english: float = 0.0
    decay: float = 0.0


STAGES = {
    "synthetic": Stage(synthetic=1.0),  # shapes and spelling before any real hand; not needed where real lines abound
    "real": Stage(synthetic=0.25, english=0.15),
    "balance": Stage(synthetic=0.2, english=0.3, decay=1.0),
    "second": Stage(synthetic=0.15, english=0.22, decay=0.45),  # another network, begun with weights of the first
}


@dataclass(frozen=True, slots=True)
class Sees:
    """The size of a line before the network: ``height`` in pixels, and as wide as it is at the height ``wide_as``."""

    height: int = INPUT_HEIGHT
    wide_as: int = INPUT_HEIGHT


@dataclass(slots=True)
class Progress:
    """How far a training run has come; kept in its checkpoint. ``seconds`` are the current stage's."""

    stage: str = ""
    step: int = 0
    stage_step: int = 0
    lines: int = 0
    seconds: float = 0.0


class Encoder:
    """Text to class numbers; class 0 is the blank. Characters outside the alphabet cannot be taught."""

    def __init__(self, alphabet: str) -> None:
        self.alphabet = alphabet
        self._number = {char: index + 1 for index, char in enumerate(alphabet)}

    def __call__(self, text: str) -> list[int]:
        return [self._number[char] for char in text if char in self._number]


def odds_of(samples: Sequence[LineSample], english: float) -> np.ndarray[Any, Any]:
    """The chance (N,) of each line to be drawn: a set counts as the square root of its size, so that none is drowned;
    with ``english`` > 0 the sets named en_… have that share in all."""
    sizes = Counter(sample.set for sample in samples)
    odds = np.array([1 / math.sqrt(sizes[sample.set]) for sample in samples])
    is_english = np.array([sample.set.startswith("en_") for sample in samples])
    if english and is_english.any() and not is_english.all():
        odds[is_english] *= english / odds[is_english].sum()
        odds[~is_english] *= (1 - english) / odds[~is_english].sum()
    result: np.ndarray[Any, Any] = odds / odds.sum()
    return result


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


class Batches(IterableDataset[Batch]):
    """Endless (images (B, 1, H, W), targets (sum), widths (B) in steps, target lengths (B)), like widths together."""

    def __init__(
        self,
        samples: Sequence[LineSample],
        encode: Encoder,
        synthetic: SyntheticLines | None,
        stage: Stage,
        seed: Sequence[int],
        sees: Sees,
    ) -> None:
        self._samples = samples
        self._encode = encode
        self._synthetic = synthetic
        self._share = stage.synthetic if synthetic else 0.0
        self._odds = odds_of(samples, stage.english)
        self._seed = seed
        self._sees = sees
        self._columns = BATCH_COLUMNS * (8 if torch.cuda.is_available() else 1)

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        rng = np.random.default_rng([*self._seed, worker.id if worker else 0])
        cv2.setNumThreads(1)
        while True:
            yield from self._pool(rng)

    def _pool(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Some hundred lines, cut into batches of like width in random order."""
        pool: list[tuple[np.ndarray[Any, Any], list[int]]] = []
        for index in rng.choice(len(self._samples), self._columns // 32, p=self._odds):
            if self._synthetic is not None and rng.random() < self._share:
                pixels, text = self._synthetic.draw(rng)
            else:
                pixels, text = self._samples[index].pixels, target_text(self._samples[index].text)
            shaped = warp(pixels, self._sees.height, MAX_WIDTH, rng, wide_as=self._sees.wide_as)
            image = hide(ink(weather(shaped, rng)), rng)
            codes = self._encode(text)
            repeats = sum(a == b for a, b in pairwise(codes))
            if (codes or not text) and len(codes) + repeats <= image.shape[1] // STRIDE - 1:
                pool.append((image, codes))
        pool.sort(key=lambda item: item[0].shape[1])
        groups: list[list[tuple[np.ndarray[Any, Any], list[int]]]] = [[]]
        for item in pool:
            if groups[-1] and (len(groups[-1]) + 1) * item[0].shape[1] > self._columns:
                groups.append([])
            groups[-1].append(item)
        for group in rng.permutation(len(groups)):
            if groups[group]:
                yield _collate(groups[group])


def _collate(
    group: list[tuple[np.ndarray[Any, Any], list[int]]],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    width = -(-max(image.shape[1] for image, _ in group) // 32) * 32
    images = torch.zeros(len(group), 1, group[0][0].shape[0], width)
    for row, (image, _) in enumerate(group):
        images[row, 0, :, : image.shape[1]] = torch.from_numpy(image)
    targets = torch.tensor([code for _, codes in group for code in codes])
    steps = torch.tensor([-(-image.shape[1] // STRIDE) for image, _ in group])
    return images, targets, steps, torch.tensor([len(codes) for _, codes in group])


def rate_at(progress: Progress, seconds: float, *, decay: float, peak: float = PEAK_RATE) -> float:
    """Learning rate: linear warm-up, then constant, then linear to zero over the last ``decay`` of ``seconds``."""
    warm = min(1.0, (progress.stage_step + 1) / WARMUP_STEPS)
    if not decay:
        return peak * warm
    return peak * warm * min(1.0, max(0.0, 1 - progress.seconds / seconds) / decay)


def evaluate(network: CtcNetwork, samples: list[LineSample], alphabet: str, sees: Sees) -> dict[str, float]:
    """Normalised CER per set by greedy decoding (blank and repeats collapsed)."""
    network.eval()
    device = next(network.parameters()).device
    edits: Counter[str] = Counter()
    chars: Counter[str] = Counter()
    with torch.inference_mode():
        for sample in samples:
            image = ink(fit_height(sample.pixels, sees.height, MAX_WIDTH, wide_as=sees.wide_as))
            best = network(torch.from_numpy(image)[None, None].to(device))[0].cpu().argmax(-1)
            codes = torch.unique_consecutive(best).tolist()
            text = "".join(alphabet[code - 1] for code in codes if code)
            reference = normalised(sample.text)
            edits[sample.set] += edit_counts(reference, normalised(text))
            chars[sample.set] += len(reference)
    network.train()
    return {name: edits[name] / max(1, chars[name]) for name in sorted(chars)}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train: a stage of a run, on which lines, for how long. A run that begins takes alphabet and lower half
    (``lower_half``) of the weights ``begin_with``, if there are any."""

    stage: str
    lines: tuple[Path, ...]
    run: Path
    seconds: float
    texts: Path | None = None
    fonts: Path | None = None
    sees: Sees = Sees()
    begin_with: Path | None = None


def train(plan: Plan, *, processes: int = 1) -> None:
    """Train or resume in ``plan.run``; writes ``checkpoint.pt``, ``log.jsonl`` and, at times, ``starter.safetensors``.

    On a CPU ``processes`` of them work together; a GPU is fed by one. Raises BadInput for an unknown stage or folder.
    """
    if plan.stage not in STAGES:
        raise BadInput(f"There is no stage “{plan.stage}”; choose {', '.join(STAGES)}.")
    plan.run.mkdir(parents=True, exist_ok=True)
    if torch.cuda.is_available() or processes == 1:
        _work(0, plan, 1)
        return
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    (plan.run / "meeting").unlink(missing_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # on the way out, daemons are ended with us
    spawn(_work, (plan, processes), nprocs=processes, daemon=True)  # type: ignore[no-untyped-call]


def _work(rank: int, plan: Plan, processes: int) -> None:
    """One process of a training; the first one also saves, logs and evaluates."""
    on_gpu = torch.cuda.is_available()
    if not on_gpu:
        torch.set_num_threads(1)
    if processes > 1:
        meeting = f"file://{(plan.run / 'meeting').resolve()}"
        distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=processes)
    trainer = Trainer(plan, rank, processes)
    stage = STAGES[plan.stage]
    seed = [trainer.progress.step, rank]
    data = Batches(trainer.samples, trainer.encode, trainer.synthetic, stage, seed, plan.sees)
    feeders = max(1, (os.cpu_count() or 2) - 1) if on_gpu else 0
    for batch in DataLoader(data, batch_size=None, num_workers=feeders, pin_memory=on_gpu):
        if trainer.step(batch):
            return


class Trainer:
    """Network, optimiser and progress of one training process."""

    def __init__(self, plan: Plan, rank: int, processes: int) -> None:
        self._plan = plan
        self._stage = STAGES[plan.stage]
        self._leads = rank == 0
        self._processes = processes
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._half = self._device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()
        self.samples = [sample for folder in plan.lines for sample in load_lines(folder, "train")]
        tuning = (sample for folder in plan.lines for sample in load_lines(folder, "tune")) if self._leads else ()
        self._tune = [sample for index, sample in enumerate(tuning) if index % 3 == 0]
        self._path = plan.run / "checkpoint.pt"
        state = torch.load(self._path, weights_only=True) if self._path.exists() else None
        taught = (target_text(sample.text) for sample in self.samples)
        if state or not plan.begin_with:
            self._alphabet: str = state["alphabet"] if state else alphabet_of(taught, at_least=20)
        else:
            self._alphabet = str(read_description(plan.begin_with)["alphabet"])
        self.encode = Encoder(self._alphabet)
        self._network = CtcNetwork(len(self._alphabet) + 1, height=plan.sees.height)
        if plan.begin_with and not state:
            self._network.load_state_dict(lower_half(plan.begin_with, plan.sees.height), strict=False)
        if processes > 1:  # all begin alike
            for tensor in self._network.state_dict().values():
                distributed.broadcast(tensor, 0)
        self._network.to(self._device)
        self._optimizer = torch.optim.AdamW(self._network.parameters(), lr=PEAK_RATE, weight_decay=0.01)
        self.progress = Progress(plan.stage)
        if state:
            self._network.load_state_dict(state["network"])
            self._optimizer.load_state_dict(state["optimizer"])
            self.progress = Progress(**state["progress"])
            if self.progress.stage != plan.stage:
                self.progress.stage, self.progress.stage_step, self.progress.seconds = plan.stage, 0, 0.0
        # Measured a tenth faster than the default on AVX2; torch's stubs do not know the argument.
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network.train()
        self.synthetic: SyntheticLines | None = None
        if plan.texts and plan.fonts:
            transcripts = [target_text(sample.text) for sample in self.samples]
            self.synthetic = SyntheticLines(plan.fonts, plan.texts, self._alphabet, transcripts)
        self._before = self.progress.seconds
        self._started = self._saved = self._evaluated = time.monotonic()
        self._losses: list[float] = []
        if self._leads:
            _forget_after(plan.run / "log.jsonl", self.progress.step)
            print(f"{len(self.samples)} lines, {len(self._tune)} to tune on, {self.progress}", flush=True)

    def step(self, batch: Batch) -> bool:
        """Learn one batch; whether that was the last."""
        rate = rate_at(self.progress, self._plan.seconds, decay=self._stage.decay)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        images, targets, steps, lengths = batch
        images = images.to(self._device, non_blocking=True).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._half):
            output, auxiliary = self._network.forward_both(images)
        steps = steps.clamp(max=output.shape[1])
        losses = [
            functional.ctc_loss(each.float().transpose(0, 1).cpu(), targets, steps, lengths, zero_infinity=True)
            for each in (output, auxiliary)
        ]
        self._optimizer.zero_grad(set_to_none=True)
        (losses[0] + 0.1 * losses[1]).backward()  # type: ignore[no-untyped-call]
        elapsed, lines = self._together(time.monotonic() - self._started, len(lengths))
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._optimizer.step()
        self._losses.append(float(losses[0].detach()))
        self.progress.step += 1
        self.progress.stage_step += 1
        self.progress.lines += lines
        self.progress.seconds = self._before + elapsed
        done = self.progress.seconds >= self._plan.seconds
        if self._leads:
            self._keep_account(rate, done)
        return done

    def _together(self, elapsed: float, lines: int) -> tuple[float, int]:
        """Average the gradients of all processes; the first one's clock and the sum of lines."""
        if self._processes == 1:
            return elapsed, lines
        gradients = [p.grad for p in self._network.parameters() if p.grad is not None]
        account = torch.tensor([elapsed if self._leads else 0.0, float(lines)])
        flat = torch.cat([*(g.flatten() for g in gradients), account])
        distributed.all_reduce(flat)
        at = 0
        for gradient in gradients:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient) / self._processes)
            at += gradient.numel()
        return float(flat[-2]), int(flat[-1])

    def _keep_account(self, rate: float, done: bool) -> None:
        progress, now = self.progress, time.monotonic()
        at = {"stage": progress.stage, "step": progress.step, "lines": progress.lines}
        if progress.step % 100 == 0:
            loss = round(float(np.mean(self._losses[-100:])), 4)
            _log(self._plan.run, {**at, "seconds": round(progress.seconds), "loss": loss, "rate": rate})
            del self._losses[:-100]
        if done or now - self._evaluated > 900:
            scores = evaluate(self._network, self._tune, self._alphabet, self._plan.sees)
            mean = sum(scores.values()) / max(1, len(scores))
            _log(self._plan.run, {**at, "tune_cer": scores, "mean": mean})
            description = {"alphabet": self._alphabet, "lines": progress.lines, "tune_cer": scores}
            if self._plan.sees != Sees():
                description |= asdict(self._plan.sees)
            save_weights(self._plan.run / "starter.safetensors", self._network, description)
            self._evaluated = time.monotonic()
        if done or now - self._saved > 180:
            self._save()
            self._saved = now

    def _save(self) -> None:
        state = {"network": self._network.state_dict(), "optimizer": self._optimizer.state_dict()}
        partial = self._path.with_suffix(".partial")
        torch.save({**state, "progress": asdict(self.progress), "alphabet": self._alphabet}, partial)
        partial.replace(self._path)


def lower_half(weights: Path, height: int) -> dict[str, torch.Tensor]:
    """What a second network takes over: convolutions, the projection, its rows spread over those of ``height``, and the
    first layer of the LSTM. The upper layer and the head begin anew, so that it learns to err in its own way."""
    tensors = load_tensors(weights)
    rows = tensors["project.weight"].reshape(len(tensors["project.weight"]), 160, -1)  # (256, 160, R)
    spread = functional.interpolate(rows, size=height // 16, mode="linear") * (rows.shape[2] * 16 / height)
    tensors["project.weight"] = spread.flatten(1)
    return {name: value for name, value in tensors.items() if not name.startswith("head.") and "_l1" not in name}


def _log(run: Path, entry: dict[str, Any]) -> None:
    line = json.dumps(entry, ensure_ascii=False)
    print(line, flush=True)
    with (run / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(line + "\n")


def _forget_after(log: Path, step: int) -> None:
    """Drop what a log says of steps that no checkpoint kept: they are about to be done again."""
    if log.exists():
        lines = log.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if json.loads(line)["step"] <= step]
        log.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=list(STAGES))
    parser.add_argument("lines", type=Path, nargs="+", help="folders of <set>.tsv beside <set>.tar")
    parser.add_argument("--run", type=Path, required=True, help="folder for checkpoint, log and weights")
    parser.add_argument("--minutes", type=float, default=120, help="time for this stage, earlier runs of it included")
    parser.add_argument("--processes", type=int, default=1, help="on a CPU: as many as there are cores to spare")
    parser.add_argument("--texts", type=Path, help="folder of .txt for synthetic lines")
    parser.add_argument("--fonts", type=Path, help="folder of handwriting fonts (.ttf, .otf, .woff)")
    parser.add_argument("--height", type=int, default=INPUT_HEIGHT, help="of lines before the network, in pixels")
    parser.add_argument(
        "--wide-as", type=int, default=INPUT_HEIGHT, help="lines are as wide as they are at this height"
    )
    parser.add_argument("--begin-with", type=Path, help="weights whose lower half a run begins with")
    given = parser.parse_args()
    where = tuple(given.lines), given.run, given.minutes * 60, given.texts, given.fonts
    plan = Plan(given.stage, *where, Sees(given.height, given.wide_as), given.begin_with)
    train(plan, processes=given.processes)


if __name__ == "__main__":
    main()
