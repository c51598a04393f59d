"""What a frozen encoder sees in lines, kept in a file, so that a projection can be trained without it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transcription.engines.batching import batches, fit_lines
from transcription.engines.ctc_network import INPUT_HEIGHT
from transcription.engines.ctc_reader import CtcReader
from transcription.engines.vision_projection import compressed
from transcription.errors import BadInput
from transcription.htr.records import Gray, LineImage
from transcription.training.augment import warp, weather
from transcription.training.datasets import LineSample, load_lines, target_text
from transcription.training.recognizer import odds_of

MAX_WIDTH = 3_200
_POOL = 256  # lines looked at together


@dataclass(frozen=True, slots=True)
class SeenLine:
    """The positions of a line, (N, C + F) float16, its text as the recogniser is taught to write it, and its set."""

    values: NDArray[np.float16]
    text: str
    set: str


def look(reader: CtcReader, samples: Iterable[LineSample], rng: np.random.Generator | None) -> Iterator[SeenLine]:
    """``samples`` as the encoder sees them; with ``rng`` each is bent, faded or stained first.

    An encoder reads the lines it was trained on too well. Damage brings its errors nearer to those it makes on lines
    it never saw, which are what a language model must learn to put right.
    """
    for pool in _pools(samples):
        pixels = [damaged(sample.pixels, rng) if rng else sample.pixels for sample in pool]
        lines, _ = fit_lines((LineImage(n, each) for n, each in enumerate(pixels)), INPUT_HEIGHT, MAX_WIDTH)
        for batch in batches(lines, reader.columns):
            for line, (log_probs, features) in zip(batch, reader.encode(batch), strict=True):
                values = compressed(log_probs, features).values.astype(np.float16)
                yield SeenLine(values, target_text(pool[line.key].text), pool[line.key].set)


def _pools(samples: Iterable[LineSample]) -> Iterator[list[LineSample]]:
    rest = iter(samples)
    while pool := list(itertools.islice(rest, _POOL)):
        yield pool


def damaged(pixels: Gray, rng: np.random.Generator) -> Gray:
    changed: Gray = weather(warp(pixels, 64, MAX_WIDTH, rng), rng).astype(np.uint8)
    return changed


def drawn(folders: Sequence[Path], count: int, rng: np.random.Generator) -> list[LineSample]:
    """``count`` train lines, none twice, small sets as likely as in the recogniser's own training."""
    samples = [sample for folder in folders for sample in load_lines(folder, "train")]
    chosen = rng.choice(len(samples), min(count, len(samples)), replace=False, p=odds_of(samples, 0.0))
    return [samples[place] for place in chosen]


def save_seen(path: Path, lines: Sequence[SeenLine]) -> None:
    """Write ``lines`` to ``path`` (.npz), whole or not at all."""
    partial = path.with_suffix(".partial.npz")
    np.savez(
        partial,
        values=np.concatenate([line.values for line in lines]),
        sizes=np.array([len(line.values) for line in lines]),
        texts=np.array([line.text for line in lines]),
        sets=np.array([line.set for line in lines]),
    )
    partial.replace(path)


def load_seen(path: Path) -> list[SeenLine]:
    """The lines that `save_seen` wrote. Raises BadInput where there are none."""
    try:
        with np.load(path) as file:
            parts = np.split(file["values"], file["sizes"].cumsum()[:-1])
            texts, sets = file["texts"].tolist(), file["sets"].tolist()
    except (OSError, KeyError, ValueError) as error:
        raise BadInput(
            f"{path} holds no lines as an encoder saw them ({error}); run the stage “look” first."
        ) from error
    return [SeenLine(values, text, name) for values, text, name in zip(parts, texts, sets, strict=True)]
