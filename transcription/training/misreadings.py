"""Text as a recogniser might misread it, so that a language model learns to put it right before it sees an image.

A misread line is what a CTC network's output becomes when each of its peaks is one position: a mixture of two tokens,
the likelier one first. What is taken for what comes from a real network's outputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcription.engines.characters import BLANK, SIGNS


@dataclass(frozen=True, slots=True)
class Mixture:
    """Positions that are ``weight`` of token ``first`` and the rest of token ``second``; each (N,)."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    weight: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.first)


def confusions(outputs: Iterable[NDArray[np.float32]], classes: int) -> NDArray[np.float64]:
    """How often a class is taken for another, (C, C), rows sum to one: the mean posterior (without the blank and
    the class itself) at the frames where a class is the likeliest. ``outputs`` are log-probabilities (T, C)."""
    found = np.full((classes, classes), 1e-4)
    for output in outputs:
        posteriors = np.exp(output)
        best = posteriors.argmax(1)
        shown = best != 0
        np.add.at(found, best[shown], posteriors[shown])
    np.fill_diagonal(found, 0.0)
    found[:, 0] = 0.0
    rows: NDArray[np.float64] = found / found.sum(1, keepdims=True)
    return rows


class Misreader:
    """Draws misread lines; ``table`` is `confusions` of a network whose classes are ``tokens`` of a vocabulary."""

    def __init__(self, table: NDArray[np.float64]) -> None:
        self._cumulative = table.cumsum(1)
        self._classes = len(table)

    def draw(self, tokens: NDArray[np.int64], rng: np.random.Generator) -> Mixture:
        """``tokens`` (N,) of a text, none of them a sign, as they might be read: a line has few errors or many."""
        rate = float(rng.beta(1.2, 7.0))
        fate = rng.random(len(tokens))
        kept = tokens[fate >= 0.25 * rate]  # the others are not seen at all
        times = 1 + (rng.random(len(kept)) < 0.12 * rate)  # some are seen twice, the second time as something else
        seen = np.repeat(kept, times)
        again = np.zeros(len(seen), bool)
        again[1:] = np.repeat(np.arange(len(kept)), times)[1:] == np.repeat(np.arange(len(kept)), times)[:-1]
        other = self._other(seen, rng)
        weight = rng.uniform(0.85, 1.0, len(seen))
        draw = rng.random(len(seen))
        unsure = draw < 2.5 * rate
        weight[unsure] = rng.uniform(0.35, 0.95, int(unsure.sum()))
        wrong = (draw < 0.75 * rate) | again
        blind = wrong & (rng.random(len(seen)) < 0.3)  # the truth is not even second
        first = np.where(wrong, other, seen)
        second = np.where(wrong, seen, other)
        second[blind] = self._other(first[blind], rng)
        faint = rng.random(len(seen)) < 0.3 * rate  # hardly seen: a blank that may be something
        second[faint], first[faint] = first[faint], BLANK
        return Mixture(first, second, weight.astype(np.float32))

    def _other(self, tokens: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        rows = self._cumulative[tokens - len(SIGNS) + 1]
        drawn = (rows < rng.random(len(tokens))[:, None]).sum(1).clip(1, self._classes - 1)
        other: NDArray[np.int64] = drawn + len(SIGNS) - 1
        return other
