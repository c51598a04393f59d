"""Train the starter recogniser: `python -m transcription.training.recognizer LINES --run FOLDER --minutes N`.

Checkpoints are written every few minutes and at the end, with optimiser and random state; the same command resumes.
The learning rate warms up, stays, and falls to zero over the last part of the time given (warm-up, stable, decay:
Hu et al., MiniCPM, 2024), because the time is what a small machine has to spend, not a number of epochs.
One process uses one thread: on two shared cores OpenMP's barriers cost more than the second core brings (measured:
25 lines/s with one thread, 0.5 to 22 with two).
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from transcription.engines.ctc_network import INPUT_HEIGHT, STRIDE, CtcNetwork
from transcription.engines.weights_file import save_weights
from transcription.htr.ink import fit_height, ink
from transcription.htr.metrics import edit_counts
from transcription.htr.text import normalised
from transcription.training.augment import warp, weather
from transcription.training.datasets import LineSample, alphabet_of, load_lines, target_text
from transcription.training.synthetic import SyntheticLines

MAX_WIDTH = 1600  # input columns
BATCH_COLUMNS = 12_000  # input columns in a batch, padding included
PEAK_RATE = 1.5e-3
WARMUP_STEPS = 300


@dataclass(slots=True)
class Progress:
    """How far a training run has come; kept in its checkpoint."""

    step: int = 0
    lines: int = 0
    seconds: float = 0.0


class Encoder:
    """Text to class numbers; class 0 is the blank. Characters outside the alphabet cannot be taught."""

    def __init__(self, alphabet: str) -> None:
        self.alphabet = alphabet
        self._number = {char: index + 1 for index, char in enumerate(alphabet)}

    def __call__(self, text: str) -> list[int]:
        return [self._number[char] for char in text if char in self._number]


def set_weights(samples: list[LineSample]) -> dict[str, float]:
    """Weight of one sample of each set: sets count as the square root of their size, English thrice (it is scarce)."""
    sizes = Counter(sample.set for sample in samples)
    return {name: (3.0 if name.startswith("en_") else 1.0) / math.sqrt(size) for name, size in sizes.items()}


def batches(
    samples: list[LineSample], encode: Encoder, synthetic: SyntheticLines | None, share: float, seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Endless (images (B, 1, 48, W), targets (sum), widths (B) in steps, target lengths (B)), like widths together."""
    rng = np.random.default_rng(seed)
    weights = set_weights(samples)
    odds = np.array([weights[sample.set] for sample in samples])
    odds /= odds.sum()
    while True:
        pool: list[tuple[np.ndarray[Any, Any], list[int]]] = []
        for index in rng.choice(len(samples), 384, p=odds):
            if synthetic is not None and rng.random() < share:
                pixels, text = synthetic.draw(rng)
            else:
                pixels, text = samples[index].pixels, target_text(samples[index].text)
            image = ink(weather(warp(pixels, INPUT_HEIGHT, MAX_WIDTH, rng), rng))
            codes = encode(text)
            repeats = sum(a == b for a, b in pairwise(codes))
            if codes and len(codes) + repeats <= image.shape[1] // STRIDE - 1:
                pool.append((image, codes))
        pool.sort(key=lambda item: item[0].shape[1])
        groups: list[list[tuple[np.ndarray[Any, Any], list[int]]]] = [[]]
        for item in pool:
            if groups[-1] and (len(groups[-1]) + 1) * item[0].shape[1] > BATCH_COLUMNS:
                groups.append([])
            groups[-1].append(item)
        for group in rng.permutation(len(groups)):
            yield _collate(groups[group])


def _collate(
    group: list[tuple[np.ndarray[Any, Any], list[int]]],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    width = -(-max(image.shape[1] for image, _ in group) // 32) * 32
    images = torch.zeros(len(group), 1, INPUT_HEIGHT, width)
    for row, (image, _) in enumerate(group):
        images[row, 0, :, : image.shape[1]] = torch.from_numpy(image)
    targets = torch.tensor([code for _, codes in group for code in codes])
    steps = torch.tensor([-(-image.shape[1] // STRIDE) for image, _ in group])
    return images, targets, steps, torch.tensor([len(codes) for _, codes in group])


def rate_at(progress: Progress, seconds: float, decay: float, peak: float = PEAK_RATE) -> float:
    """Learning rate: linear warm-up, then constant, then linear to zero over the last ``decay`` seconds."""
    warm = min(1.0, (progress.step + 1) / WARMUP_STEPS)
    fall = min(1.0, max(0.0, (seconds - progress.seconds) / decay))
    return peak * warm * fall


def evaluate(network: CtcNetwork, samples: list[LineSample], alphabet: str) -> dict[str, float]:
    """Normalised CER per set by greedy decoding (blank and repeats collapsed)."""
    network.eval()
    edits: Counter[str] = Counter()
    chars: Counter[str] = Counter()
    with torch.inference_mode():
        for sample in samples:
            image = ink(fit_height(sample.pixels, INPUT_HEIGHT, MAX_WIDTH))
            best = network(torch.from_numpy(image)[None, None])[0].argmax(-1)
            codes = torch.unique_consecutive(best).tolist()
            text = "".join(alphabet[code - 1] for code in codes if code)
            reference = normalised(sample.text)
            edits[sample.set] += edit_counts(reference, normalised(text))
            chars[sample.set] += len(reference)
    network.train()
    return {name: edits[name] / max(1, chars[name]) for name in sorted(chars)}


def train(lines: Path, run: Path, *, seconds: float, decay: float, texts: Path | None, fonts: Path | None) -> None:
    """Train or resume in ``run``; writes ``checkpoint.pt``, ``log.jsonl`` and, at times, ``starter.safetensors``."""
    torch.set_num_threads(1)
    run.mkdir(parents=True, exist_ok=True)
    samples = list(load_lines(lines, "train"))
    tune = [sample for index, sample in enumerate(load_lines(lines, "tune")) if index % 3 == 0]
    checkpoint_path = run / "checkpoint.pt"
    state = torch.load(checkpoint_path, weights_only=True) if checkpoint_path.exists() else None
    alphabet = state["alphabet"] if state else alphabet_of((target_text(s.text) for s in samples), at_least=20)
    encode = Encoder(alphabet)
    network = CtcNetwork(len(alphabet) + 1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=0.01)
    progress = Progress()
    if state:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        progress = Progress(**state["progress"])
    # Measured a tenth faster than the default on AVX2; torch's stubs do not know the argument.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.train()
    synthetic = SyntheticLines(fonts, texts, encode.alphabet) if texts and fonts else None
    print(f"{len(samples)} lines, {len(tune)} to tune on, {len(alphabet)} characters, from {progress}", flush=True)
    started = last_saved = last_evaluated = time.monotonic()
    before = progress.seconds
    losses: list[float] = []
    for images, targets, steps, lengths in batches(samples, encode, synthetic, 0.25, seed=progress.step):
        rate = rate_at(progress, seconds, decay)
        for group in optimizer.param_groups:
            group["lr"] = rate
        output, auxiliary = network.forward_both(images.contiguous(memory_format=torch.channels_last))
        steps = steps.clamp(max=output.shape[1])
        loss = functional.ctc_loss(output.transpose(0, 1), targets, steps, lengths, zero_infinity=True)
        side = functional.ctc_loss(auxiliary.transpose(0, 1), targets, steps, lengths, zero_infinity=True)
        optimizer.zero_grad(set_to_none=True)
        (loss + 0.1 * side).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
        now = time.monotonic()
        progress.step += 1
        progress.lines += len(lengths)
        progress.seconds = before + now - started
        done = progress.seconds >= seconds
        if progress.step % 100 == 0:
            note = {"step": progress.step, "lines": progress.lines, "seconds": round(progress.seconds)}
            _log(run, {**note, "loss": round(float(np.mean(losses[-100:])), 4), "rate": rate})
        if done or now - last_evaluated > 600:
            scores = evaluate(network, tune, alphabet)
            mean = sum(scores.values()) / len(scores)
            _log(run, {"step": progress.step, "lines": progress.lines, "tune_cer": scores, "mean": mean})
            description = {"alphabet": alphabet, "lines": progress.lines, "seconds": round(progress.seconds)}
            save_weights(run / "starter.safetensors", network, {**description, "tune_cer": scores})
            last_evaluated = time.monotonic()
        if done or now - last_saved > 180:
            _save(checkpoint_path, network, optimizer, progress, alphabet)
            last_saved = now
        if done:
            return


def _save(path: Path, network: CtcNetwork, optimizer: torch.optim.Optimizer, progress: Progress, alphabet: str) -> None:
    kept = {"step": progress.step, "lines": progress.lines, "seconds": progress.seconds}
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
    partial = path.with_suffix(".partial")
    torch.save({**state, "progress": kept, "alphabet": alphabet}, partial)
    partial.replace(path)


def _log(run: Path, entry: dict[str, Any]) -> None:
    line = json.dumps(entry, ensure_ascii=False)
    print(line, flush=True)
    with (run / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(line + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", type=Path, help="folder of <set>.tsv beside <set>.tar")
    parser.add_argument("--run", type=Path, required=True, help="folder for checkpoint, log and weights")
    parser.add_argument("--minutes", type=float, default=120, help="training time in all, earlier runs included")
    parser.add_argument("--decay-minutes", type=float, default=25, help="the last part, in which the rate falls to 0")
    parser.add_argument("--texts", type=Path, help="folder of .txt for synthetic lines")
    parser.add_argument("--fonts", type=Path, help="folder of handwriting fonts (.ttf) for synthetic lines")
    given = parser.parse_args()
    train(
        given.lines,
        given.run,
        seconds=given.minutes * 60,
        decay=given.decay_minutes * 60,
        texts=given.texts,
        fonts=given.fonts,
    )


if __name__ == "__main__":
    main()
