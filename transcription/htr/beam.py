"""CTC prefix beam search with a character language model, over many lines at once.

Hannun et al., "First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs" (2014):
every prefix of the text carries the probability of all paths that spell it, those that end in a blank apart from the
others. A prefix is weighted by P(prefix)^alpha of the language model, by exp(beta) a character, and by what a
vocabulary gives (`htr.vocabulary`); these are functions of the prefix alone, so they are multiplied in where it grows.

What makes it quick in numpy: arrays are (lines, prefixes, …), so that a step costs the same few dozen operations for
one line as for sixty-four; frames that are surely blank are left out and only remembered as a border between equal
letters; probabilities stay linear and are scaled to one at every step, so that no logarithm is taken on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcription.htr.language_model import STEPS, LanguageModel
from transcription.htr.vocabulary import Vocabulary

_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd: multiplying by it loses nothing of a prefix's hash
_SURPRISE = (np.arange(256) / STEPS).astype(np.float32)  # -ln P of each cost


@dataclass(frozen=True, slots=True)
class Search:
    """How wide to search: ``width`` prefixes of a line, ``classes`` characters of a frame; frames whose blank has at
    least the posterior ``blank`` are left out."""

    width: int = 32
    classes: int = 10
    blank: float = 0.999


@dataclass(frozen=True, slots=True)
class Scoring:
    """What a prefix is worth besides its acoustic probability; without a model, nothing."""

    model: LanguageModel | None = None
    alpha: float = 0.0
    beta: float = 0.0
    vocabulary: Vocabulary | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The kept prefixes of one line that weigh anything, as classes, best first, and the share of each in all."""

    texts: tuple[NDArray[np.uint8], ...]
    shares: tuple[float, ...]


@dataclass(slots=True)
class _Frames:
    """The frames worth a step, by time; lines stand by falling number of frames, ``order`` tells which is which."""

    order: NDArray[np.intp]  # (B,)
    lengths: NDArray[np.intp]  # (B,)
    probabilities: NDArray[np.float32]  # (T, B, C)
    candidates: NDArray[np.intp]  # (T, B, M)
    chances: NDArray[np.float32]  # (T, B, M)
    borders: NDArray[np.bool_]  # (T, B): blanks were left out before this frame


class _Beams:
    """The prefixes of all lines, (B, K) each; what weighs nothing is dead."""

    def __init__(self, lines: int, width: int, start: int, root: int) -> None:
        shape = (lines, width)
        self.blank = np.zeros(shape, np.float32)
        self.blank[:, 0] = 1.0
        self.other = np.zeros(shape, np.float32)
        self.last = np.zeros(shape, np.intp)
        self.grew = np.ones(shape, np.float32)  # the weight with which the last character came
        self.hash = np.broadcast_to(_dead(width), shape).copy()
        self.parent = np.broadcast_to(_dead(width) + np.uint64(width), shape).copy()
        self.state = np.full(shape, start, np.intp)
        self.node = np.full(shape, root, np.intp)
        self.lent = np.zeros(shape, np.float32)


def _dead(width: int) -> NDArray[np.uint64]:
    """Hashes that no prefix has, another for each place."""
    return np.arange(width, dtype=np.uint64)


def search(lines: Sequence[NDArray[np.float32]], scoring: Scoring, options: Search) -> list[Found]:
    """Decode log-probabilities, (T, C) each, with as many classes in all of them; class 0 is the blank.

    What comes of a line does not depend on the others.
    """
    if not lines:
        return []
    frames = _frames(lines, options)
    return _Decoding(frames, scoring, options).run()


def _frames(lines: Sequence[NDArray[np.float32]], options: Search) -> _Frames:
    kept = [np.flatnonzero(line[:, 0] < np.log(options.blank)) for line in lines]
    counts = np.array([len(each) for each in kept])
    order = np.argsort(-counts, kind="stable")
    classes = lines[0].shape[1]
    width = min(options.classes, classes - 1)
    longest = int(counts.max(initial=0))
    shape = (longest, len(lines))
    probabilities = np.zeros((*shape, classes), np.float32)
    borders = np.zeros(shape, np.bool_)
    for place, index in enumerate(order):
        frames = kept[index]
        probabilities[: len(frames), place] = lines[index][frames]
        borders[: len(frames), place] = np.diff(frames, prepend=0) > 1
    np.exp(probabilities, out=probabilities)
    top = np.argpartition(probabilities[:, :, 1:], classes - 1 - width, axis=2)[:, :, classes - 1 - width :] + 1
    chances = np.take_along_axis(probabilities, top, axis=2)
    return _Frames(order, counts[order], probabilities, top, chances, borders)


class _Decoding:
    def __init__(self, frames: _Frames, scoring: Scoring, options: Search) -> None:
        self._frames = frames
        self._options = options
        classes = frames.probabilities.shape[2]
        self._classes = classes
        model = scoring.model
        self._costs = model.costs.reshape(-1) if model else np.zeros(classes, np.uint8)
        self._following = model.following.reshape(-1) if model else np.zeros(classes, np.int32)
        self._rows = model.rows if model else np.zeros(1, np.int32)
        flat = np.ones(256, np.float32)
        self._weights = model.weights(scoring.alpha, scoring.beta) if model else flat
        self._ends = model.weights(scoring.alpha, 0.0) if model else flat
        self._start = model.start if model else 0
        self._alpha = scoring.alpha
        self._vocabulary = scoring.vocabulary
        # A random number for each character: prefixes are told apart by 64 bits.
        self._salt = np.random.default_rng(0).integers(1 << 62, 1 << 63, classes, dtype=np.uint64)

    def run(self) -> list[Found]:
        frames, width = self._frames, self._options.width
        steps, count = frames.borders.shape
        root = self._vocabulary.root if self._vocabulary else 0
        beams = _Beams(count, width, self._start, root)
        beams.hash[:, 0] = _MIX
        parents = np.zeros((steps, count, width), np.intp)
        chars = np.zeros((steps, count, width), np.uint8)
        active = np.searchsorted(-frames.lengths, -np.arange(steps), side="left")  # lines that have frame t
        for step in range(steps):
            n = int(active[step])
            parents[step, :n], chars[step, :n] = self._step(beams, step, n)
        return self._finish(beams, parents, chars)

    def _step(self, beams: _Beams, step: int, n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Take one frame of the first ``n`` lines; which prefix each kept one comes from, and by which character."""
        frames, width = self._frames, self._options.width
        last, hashes, parent = beams.last[:n], beams.hash[:n], beams.parent[:n]
        total = beams.blank[:n] + beams.other[:n]
        border = frames.borders[step, :n, None]
        blank = np.where(border, total, beams.blank[:n])
        other = np.where(border, np.float32(0), beams.other[:n])
        here = frames.probabilities[step, :n]
        again = np.take_along_axis(here, last, axis=1)
        candidates, chances = frames.candidates[step, :n], frames.chances[step, :n]
        # What grows: every prefix by every candidate; after itself a character needs a blank between.
        repeats = candidates[:, None, :] == last[:, :, None]  # (n, K, M)
        gains, lent = self._gains(beams, n, candidates)
        grown = np.where(repeats, blank[:, :, None], total[:, :, None]) * chances[:, None, :] * gains
        # What stays: by a blank, by its last character again, and by a shorter prefix growing into it.
        stays_other = other * again
        line, child, source = np.nonzero(parent[:, :, None] == hashes[:, None, :])
        char = last[line, child]
        before = np.where(char == last[line, source], blank[line, source], total[line, source])
        stays_other[line, child] += before * again[line, child] * beams.grew[line, child]
        which, place = np.nonzero(candidates[line] == char[:, None])
        grown[line[which], source[which], place] = 0
        stays_blank = total * here[:, :1]
        everything = np.concatenate([stays_blank + stays_other, grown.reshape(n, -1)], axis=1)
        chosen = np.argpartition(everything, everything.shape[1] - width, axis=1)[:, -width:]
        weight = np.take_along_axis(everything, chosen, axis=1)
        weight_of_best = np.maximum(weight.max(axis=1, keepdims=True), np.float32(1e-30))
        return self._keep(beams, n, chosen, weight, weight_of_best, stays_blank, stays_other, gains, lent, candidates)

    def _gains(
        self, beams: _Beams, n: int, candidates: NDArray[np.intp]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What model, length and vocabulary multiply each growth by, and what the vocabulary lent it, (n, K, M)."""
        costs = self._costs.take(beams.state[:n, :, None] * self._classes + candidates[:, None, :])
        gains: NDArray[np.float32] = self._weights.take(costs)
        if self._vocabulary is None:
            return gains, gains
        nodes, lent = beams.node[:n, :, None], beams.lent[:n, :, None]
        added, lent = self._vocabulary.gains(nodes, lent, candidates[:, None, :], _SURPRISE.take(costs), self._alpha)
        return gains * np.exp(added), lent

    def _keep(
        self,
        beams: _Beams,
        n: int,
        chosen: NDArray[np.intp],
        weight: NDArray[np.float32],
        best: NDArray[np.float32],
        stays_blank: NDArray[np.float32],
        stays_other: NDArray[np.float32],
        gains: NDArray[np.float32],
        lent: NDArray[np.float32],
        candidates: NDArray[np.intp],
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Make the chosen ones, stayed (places under K) or grown, the prefixes of the first ``n`` lines."""
        width, breadth = self._options.width, candidates.shape[1]
        grew = chosen >= width
        growth = np.maximum(chosen - width, 0)
        source = np.where(grew, growth // breadth, chosen)
        rows = np.arange(n)[:, None]
        char = np.where(grew, candidates[rows, growth % breadth], 0)

        def of(values: NDArray[Any]) -> NDArray[Any]:
            return values[rows, source]

        beams.blank[:n] = np.where(grew, np.float32(0), stays_blank[rows, source]) / best
        beams.other[:n] = np.where(grew, weight, stays_other[rows, source]) / best
        beams.grew[:n] = np.where(grew, gains.reshape(n, -1)[rows, growth], of(beams.grew))
        state, hashes = of(beams.state), of(beams.hash)
        following = self._following.take(self._rows.take(state).astype(np.intp) * self._classes + char)
        beams.state[:n] = np.where(grew, following, state)
        dead = weight <= 0
        none = _dead(width)
        new = np.where(grew, hashes * _MIX + self._salt.take(char), hashes)
        beams.parent[:n] = np.where(dead, none + np.uint64(width), np.where(grew, hashes, of(beams.parent)))
        beams.hash[:n] = np.where(dead, none, new)
        if self._vocabulary is not None:
            node = of(beams.node)
            beams.node[:n] = np.where(grew, self._vocabulary.following(node, char), node)
            beams.lent[:n] = np.where(grew, lent.reshape(n, -1)[rows, growth], of(beams.lent))
        beams.last[:n] = np.where(grew, char, of(beams.last))
        return source, char

    def _finish(self, beams: _Beams, parents: NDArray[np.intp], chars: NDArray[np.uint8]) -> list[Found]:
        """Close the lines, rank their prefixes and follow the best ones back to their texts."""
        final = beams.blank + beams.other
        final *= self._ends.take(self._costs.take(beams.state * self._classes))
        if self._vocabulary is not None:
            final *= np.exp(self._vocabulary.ends(beams.node, beams.lent))
        at = np.argsort(-final, axis=1, kind="stable")
        shares = np.take_along_axis(final, at, axis=1).astype(np.float64)
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-30)
        rows = np.arange(len(at))[:, None]
        spelled = np.zeros((*at.shape, len(parents)), np.uint8)
        for step in range(len(parents) - 1, -1, -1):
            spelled[:, :, step] = chars[step][rows, at]
            at = np.where(self._frames.lengths[:, None] > step, parents[step][rows, at], at)
        found = [Found((), ())] * len(at)
        for place, index in enumerate(self._frames.order):
            kept = max(1, int(np.count_nonzero(shares[place])))
            texts = tuple(text[text > 0] for text in spelled[place, :kept])
            found[index] = Found(texts, tuple(shares[place, :kept].tolist()))
        return found
