"""Character n-gram language models, made to be asked by whole arrays.

A model is kept as its n-grams with quantised probabilities and unfolded, when it is loaded, into a finite automaton: a
state is the longest known context, every state has its probability for every character, so that a question is one
look-up and never a walk down the orders (as Aho and Corasick's automaton, CACM 1975, does for searching). Class 0 is
the line's end, class k the k-th character of the alphabet, as in `htr.ctc`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEPS = 16  # quantised log-probabilities: sixteenths of a nat, so that a byte reaches down to exp(-15.9)
_CHUNK = 4_096  # contexts
_BITS = 8  # of one character in a packed n-gram; the last character stands lowest
MAX_ORDER = 64 // _BITS
MAX_ALPHABET = (1 << _BITS) - 1


@dataclass(frozen=True, slots=True)
class Grams:
    """All n-grams of one order: ``keys`` (N,) uint64, packed and ascending; ``costs`` (N,) uint8, -ln P(last | rest) in
    units of 1/STEPS. A line begins with class 0, and only there does an n-gram begin with it."""

    keys: NDArray[np.uint64]
    costs: NDArray[np.uint8]


class LanguageModel:
    """P(next character | what came before) of every state.

    ``costs`` (S, C) uint8 is -ln P in units of 1/STEPS; ``following`` (S', C) int32 the next state, to be read at row
    ``rows[state]``: contexts of full length share the rows of the contexts one shorter. Row 0 is the empty context.
    """

    def __init__(self, alphabet: str, grams: Sequence[Grams]) -> None:
        """Unfold the n-grams of orders 1, 2, … Raises ValueError for an alphabet or an order that cannot be packed."""
        if not 0 < len(alphabet) <= MAX_ALPHABET or not 0 < len(grams) <= MAX_ORDER:
            raise ValueError(
                f"{len(alphabet)} characters and order {len(grams)}: expected at most {MAX_ALPHABET} and {MAX_ORDER}"
            )
        self.alphabet = alphabet
        self.order = len(grams)
        classes = len(alphabet) + 1
        contexts = _contexts(grams)  # by length; sorted
        offsets = np.cumsum([0, *(len(keys) for keys in contexts)])
        self.costs = np.empty((int(offsets[-1]), classes), np.uint8)
        inner = int(offsets[-2]) if len(contexts) > 1 else 1  # contexts that may still grow
        self.following = np.zeros((inner, classes), np.int32)
        self.rows = np.arange(offsets[-1], dtype=np.int32)
        lower = np.full((1, classes), 1.0 / classes, np.float32)  # of the contexts one shorter
        for length, keys in enumerate(contexts):
            states = slice(int(offsets[length]), int(offsets[length + 1]))
            shorter = np.zeros(1, np.intp)
            if length:
                shorter = np.searchsorted(contexts[length - 1], keys & _mask(length - 1))
                suffixes = (offsets[length - 1] + shorter).astype(np.int32)
                if length < self.order - 1:
                    self.following[states] = self.following[suffixes]
                else:
                    self.rows[states] = suffixes
            lower = _unfold(lower, shorter, keys, grams[length], self.costs[states], keep=length < self.order - 1)
            if length + 1 < len(contexts):
                children = contexts[length + 1]
                parents = offsets[length] + np.searchsorted(keys, children >> np.uint64(_BITS))
                last = (children & np.uint64(MAX_ALPHABET)).astype(np.intp)
                self.following[parents, last] = np.arange(offsets[length + 1], offsets[length + 2])
        self.start = int(self.following[0, 0])

    def weights(self, alpha: float, beta: float) -> NDArray[np.float32]:
        """What a character of each cost multiplies a prefix's probability by: exp(alpha · ln P + beta), (256,)."""
        weights: NDArray[np.float32] = np.exp(beta - alpha / STEPS * np.arange(256)).astype(np.float32)
        return weights

    def costs_of(self, texts: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """The cost of each character of each text (classes, (L,)) and of the line's end after it, (L + 1,)."""
        longest = max(map(len, texts), default=0)
        padded = np.zeros((longest + 1, len(texts)), np.intp)
        for row, text in enumerate(texts):
            padded[: len(text), row] = text
        costs = np.zeros(padded.shape, np.uint8)
        states = np.full(len(texts), self.start)
        for place, chars in enumerate(padded):
            costs[place] = self.costs[states, chars]
            states = self.following[self.rows[states], chars]
        return [costs[: len(text) + 1, row] for row, text in enumerate(texts)]


def pack(codes: NDArray[np.uint8], order: int) -> NDArray[np.uint64]:
    """The n-gram that ends at each place from the (order - 1)-th on: (N - order + 1,)."""
    count = max(0, len(codes) - order + 1)
    keys = np.zeros(count, np.uint64)
    for place in range(order):
        keys = (keys << np.uint64(_BITS)) | codes[place : place + count].astype(np.uint64)
    return keys


def _mask(characters: int) -> np.uint64:
    return np.uint64((1 << (_BITS * characters)) - 1)


def _contexts(grams: Sequence[Grams]) -> list[NDArray[np.uint64]]:
    """Contexts of each length, with all that they begin and end with, so that every state is reached step by step."""
    contexts = [np.unique(each.keys >> np.uint64(_BITS)) for each in grams]
    for length in range(len(contexts) - 1, 0, -1):
        longer = contexts[length]
        shorter = [contexts[length - 1], longer >> np.uint64(_BITS), longer & _mask(length - 1)]
        contexts[length - 1] = np.unique(np.concatenate(shorter))
    if len(contexts) > 1:  # a line's beginning is always known
        contexts[1] = np.union1d(contexts[1], np.zeros(1, np.uint64))
    return contexts


def _unfold(
    lower: NDArray[np.float32],
    shorter: NDArray[np.intp],
    contexts: NDArray[np.uint64],
    grams: Grams,
    costs: NDArray[np.uint8],
    *,
    keep: bool,
) -> NDArray[np.float32]:
    """Write the ``costs`` (N, C) of contexts: of what is known of them, and for the rest of the shorter context
    (row ``shorter`` of ``lower``), scaled so that all adds up to one. Returns the probabilities if they are to be kept.

    A few thousand contexts at a time: all at once took four times the memory that the model needs in the end.
    """
    of_context = np.searchsorted(contexts, grams.keys >> np.uint64(_BITS))
    last = (grams.keys & np.uint64(MAX_ALPHABET)).astype(np.intp)
    known = np.exp(-grams.costs.astype(np.float32) / STEPS)
    kept = np.empty((len(contexts) if keep else 0, lower.shape[1]), np.float32)
    for start in range(0, len(contexts), _CHUNK):
        end = min(start + _CHUNK, len(contexts))
        some = slice(*np.searchsorted(of_context, (start, end)).tolist())
        dense = lower[shorter[start:end]]
        rows, columns = of_context[some] - start, last[some]
        told = np.bincount(rows, weights=known[some], minlength=end - start)
        dense[rows, columns] = 0
        # The rest's own sum, not one minus what is replaced: quantised probabilities add up to one only about.
        rest = np.maximum(dense.sum(axis=1, dtype=np.float64), 1e-30)
        dense *= (np.maximum(1.0 - told, 1e-4) / rest).astype(np.float32)[:, None]
        dense[rows, columns] = known[some]
        if keep:
            kept[start:end] = dense
        np.log(dense, out=dense)
        costs[start:end] = np.clip(np.rint(dense * -STEPS), 0, 255)
    return kept
