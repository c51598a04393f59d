"""Train a small Llama on the characters of lines: `python -m transcription.training.character_llama LINES… …`.

Two tasks, mixed: to go on with a line (``<s> text </s>``), and to write clean what was misread
(``<s> misread positions <read> text </s>``), for which no image is needed. The second teaches what a projection of an
image is to look like; without it the model could not know what to do with one. Time, not epochs, bounds the training;
the rate warms up, stays, and falls to zero in the last third. The same command resumes from ``checkpoint.pt``.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from transcription.engines.characters import BEGIN, BLANK, END, READ, UNKNOWN, CharacterVocabulary
from transcription.engines.device import multiplies_bfloat16
from transcription.engines.registry import WEIGHTS
from transcription.engines.starter import Starter
from transcription.engines.vision_projection import image_length
from transcription.htr.ctc_forced import LineProbabilities
from transcription.htr.records import LineImage
from transcription.training.datasets import load_lines, target_text
from transcription.training.language_model import Source, sources
from transcription.training.llama_torch import Llama, LlamaShape
from transcription.training.misreadings import Misreader, Mixture, confusions

BATCH_TOKENS = 4_600
PEAK_RATE = 2e-3
WARMUP_STEPS = 150
DECAY = 0.35  # share of the time in which the rate falls
MISREAD = 0.6  # share of lines that are to be written clean
TRANSCRIPTS = 0.45  # share of lines that come from transcripts; the rest from running text, cut to the like
IGNORED = -100  # cross_entropy's default
_SHORTEST, _LONGEST = 12, 76  # characters of a line cut from running text


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence: what each position is made of and the token that should follow it (N,)."""

    inputs: Mixture
    targets: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    first: Tensor  # (B, T)
    second: Tensor  # (B, T)
    weight: Tensor  # (B, T)
    targets: Tensor  # (B, T), IGNORED where nothing is asked


class Lines:
    """Draws lines of text as token numbers: transcripts as they are, running text cut anew each time."""

    def __init__(self, found: Sequence[Source], vocabulary: CharacterVocabulary) -> None:
        self._vocabulary = vocabulary
        self._transcripts = [line for source in found if "_" in source.name for line in source.lines if line]
        self._books = [" ".join(source.lines).split() for source in found if "_" not in source.name]
        sizes = np.sqrt([len(book) for book in self._books])
        self._odds = sizes / sizes.sum()

    def draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        if self._transcripts and (not self._books or rng.random() < TRANSCRIPTS):
            text = self._transcripts[rng.integers(len(self._transcripts))]
        else:
            book = self._books[rng.choice(len(self._books), p=self._odds)]
            at, wanted, text = int(rng.integers(len(book))), int(rng.integers(_SHORTEST, _LONGEST)), ""
            while len(text) < wanted and at < len(book):
                text, at = f"{text} {book[at]}" if text else book[at], at + 1
        numbers: NDArray[np.int64] = np.array(self._vocabulary.encode(text), np.int64)
        known: NDArray[np.int64] = numbers[numbers != UNKNOWN]
        return known


def line_row(tokens: NDArray[np.int64]) -> Row:
    """``<s> text </s>``, every token asked for."""
    whole = np.concatenate(([BEGIN], tokens, [END]))
    return Row(_plain(whole[:-1]), whole[1:])


def image_row(image: Mixture, tokens: NDArray[np.int64]) -> Row:
    """``<s> image <read> text </s>``, the text and its end asked for."""
    fill = np.full(image_length(len(image)) - len(image), BLANK)
    before, after = _plain(np.array([BEGIN])), _plain(np.concatenate((fill, [READ], tokens)))
    inputs = Mixture(
        np.concatenate((before.first, image.first, after.first)),
        np.concatenate((before.second, image.second, after.second)),
        np.concatenate((before.weight, image.weight, after.weight)),
    )
    targets = np.full(len(inputs), IGNORED)
    targets[-len(tokens) - 1 :] = np.concatenate((tokens, [END]))
    return Row(inputs, targets)


def _plain(tokens: NDArray[np.int64]) -> Mixture:
    return Mixture(tokens, tokens, np.ones(len(tokens), np.float32))


def collate(rows: Sequence[Row]) -> Batch:
    """Rows filled up at their ends; attention looks back only, so nothing needs to be hidden."""
    width = -(-max(len(row.targets) for row in rows) // 16) * 16
    first, second = torch.full((2, len(rows), width), END)
    weight, targets = torch.ones(len(rows), width), torch.full((len(rows), width), IGNORED)
    for place, row in enumerate(rows):
        size = len(row.targets)
        first[place, :size] = torch.from_numpy(row.inputs.first)
        second[place, :size] = torch.from_numpy(row.inputs.second)
        weight[place, :size] = torch.from_numpy(row.inputs.weight)
        targets[place, :size] = torch.from_numpy(row.targets)
    return Batch(first, second, weight, targets)


def in_batches(rows: Sequence[Row], tokens: int) -> Iterator[list[Row]]:
    """Rows of like length together, about ``tokens`` positions a batch."""
    group: list[Row] = []
    for row in sorted(rows, key=lambda row: len(row.targets)):
        if group and (len(group) + 1) * len(row.targets) > tokens:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def endless(lines: Lines, misreader: Misreader, seed: Sequence[int], context: int) -> Iterator[Batch]:
    """Batches of both tasks, for ever."""
    rng = np.random.default_rng(seed)
    while True:
        rows = []
        for _ in range(800):
            tokens = lines.draw(rng)
            if not len(tokens):
                continue
            misread = rng.random() < MISREAD
            row = image_row(misreader.draw(tokens, rng), tokens) if misread else line_row(tokens)
            if len(row.targets) <= context:
                rows.append(row)
        groups = list(in_batches(rows, BATCH_TOKENS))
        for place in rng.permutation(len(groups)):
            yield collate(groups[place])


def loss_of(model: Llama, compiled: Any, batch: Batch) -> Tensor:
    """Mean cross-entropy (nats) of the tokens asked for."""
    embeddings = mixed(model, batch)
    with torch.autocast("cpu", torch.bfloat16, enabled=multiplies_bfloat16()):
        logits: Tensor = compiled(embeddings)
    return functional.cross_entropy(logits.float().flatten(0, 1), batch.targets.flatten())


def mixed(model: Llama, batch: Batch) -> Tensor:
    """The embeddings of a batch's positions, (B, T, D)."""
    weight = batch.weight[..., None]
    embeddings: Tensor = weight * model.embedding(batch.first) + (1 - weight) * model.embedding(batch.second)
    return embeddings


def rate_at(step: int, share: float) -> float:
    """Learning rate when ``share`` of the time is spent: warm-up, constant, linear to zero."""
    return PEAK_RATE * min(1.0, (step + 1) / WARMUP_STEPS) * min(1.0, max(0.0, (1 - share) / DECAY))


class Training:
    """A model, its optimiser and how far it has come, kept in ``run / checkpoint.pt``."""

    def __init__(self, run: Path, shape: LlamaShape, alphabet: str) -> None:
        run.mkdir(parents=True, exist_ok=True)
        self._run, self._path = run, run / "checkpoint.pt"
        state = torch.load(self._path, weights_only=True) if self._path.exists() else None
        self.shape = LlamaShape(**state["shape"]) if state else shape
        self.alphabet: str = state["alphabet"] if state else alphabet
        self.model = Llama(self.shape)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.05, fused=True
        )
        self.step, self.seconds = 0, 0.0
        if state:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.seconds = state["step"], state["seconds"]

    def run(self, batches: Iterator[Batch], tune: Sequence[Batch], seconds: float) -> None:
        compiled = torch.compile(self.model, dynamic=True)  # measured a quarter faster here, for 85 s at its first use
        losses: list[float] = []
        began = saved = time.monotonic()
        before = self.seconds
        while self.seconds < seconds:
            for group in self.optimizer.param_groups:
                group["lr"] = rate_at(self.step, self.seconds / seconds)
            loss = loss_of(self.model, compiled, next(batches))
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.step += 1
            losses.append(float(loss.detach()))
            if self.step == 1:
                began = time.monotonic()  # the compiler's time is not the training's
            self.seconds = before + time.monotonic() - began
            if self.step % 50 == 0:
                self._log({"step": self.step, "seconds": round(self.seconds), "loss": round(float(np.mean(losses)), 4)})
                losses.clear()
            if time.monotonic() - saved > 150:
                self.save(tune)
                saved = time.monotonic()
        self.save(tune)

    def save(self, tune: Sequence[Batch]) -> None:
        with torch.inference_mode():
            found = [round(float(loss_of(self.model, self.model, batch)), 4) for batch in tune]
        self._log({"step": self.step, "seconds": round(self.seconds), "tune_line": found[0], "tune_misread": found[1]})
        state: dict[str, Any] = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        state |= {"shape": asdict(self.shape), "alphabet": self.alphabet, "step": self.step, "seconds": self.seconds}
        partial = self._path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._path)

    def _log(self, entry: dict[str, Any]) -> None:
        print(json.dumps(entry), flush=True)
        with (self._run / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")


def measured_confusions(weights: Path, lines: Sequence[Path], limit: int) -> NDArray[np.float64]:
    """`confusions` of the recogniser ``weights`` on ``limit`` train lines of each set."""
    starter = Starter(weights, decoder="greedy")
    images = (
        LineImage(number, sample.pixels)
        for folder in lines
        for number, sample in enumerate(load_lines(folder, "train", limit=limit))
    )
    outputs = (found.values for found in starter.log_probabilities(images) if isinstance(found, LineProbabilities))
    return confusions(outputs, len(starter.alphabet) + 1)


def tune_batches(
    lines: Sequence[Path], vocabulary: CharacterVocabulary, misreader: Misreader, limit: int
) -> list[Batch]:
    """Two batches of tune transcripts, one of each task, always the same."""
    rng = np.random.default_rng(0)
    texts = [target_text(s.text) for folder in lines for s in load_lines(folder, "tune", limit=limit)]
    rows = [np.array(vocabulary.encode(text), np.int64) for text in texts]
    rows = [row[row != UNKNOWN] for row in rows if 4 < len(row) < 90]
    return [collate([line_row(row) for row in rows]), collate([image_row(misreader.draw(r, rng), r) for r in rows])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", type=Path, nargs="+", help="folders of <set>.tsv; only their train split is learnt")
    parser.add_argument("--texts", type=Path, required=True, help="folder of <language>-<name>.txt")
    parser.add_argument("--pages", type=Path, help="folder with pages.tsv: transcripts of whole pages")
    parser.add_argument("--run", type=Path, required=True, help="folder for checkpoint and log")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument(
        "--recognizer", type=Path, default=WEIGHTS / "starter.safetensors", help="whose errors to learn"
    )
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--hidden", type=int, default=768)
    given = parser.parse_args()
    torch.set_num_threads(1)
    alphabet = Starter(given.recognizer, decoder="greedy").alphabet
    vocabulary = CharacterVocabulary(alphabet)
    shape = LlamaShape(len(vocabulary), width=given.width, layers=given.layers, hidden=given.hidden)
    training = Training(given.run, shape, alphabet)
    misreader = Misreader(measured_confusions(given.recognizer, given.lines, 60))
    lines = Lines(sources(given.lines, given.texts, given.pages), vocabulary)
    tune = tune_batches(given.lines, vocabulary, misreader, 16)
    print(f"{sum(p.numel() for p in training.model.parameters())} parameters, from step {training.step}", flush=True)
    batches = endless(lines, misreader, [training.step], shape.context)
    training.run(batches, tune, given.minutes * 60)
    with torch.inference_mode():
        nats = float(loss_of(training.model, training.model, tune[0]))
    print(f"perplexity {math.exp(nats):.2f} a character", flush=True)


if __name__ == "__main__":
    main()
