"""How well a given text fits the output of a CTC network. Graves et al., ICML 2006.

Class 0 is the blank; class k is the k-th character of the alphabet, counted from 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcription.htr.text import ILLEGIBLE, normalised

_NEVER = -1e30  # a log-probability that adds up without becoming NaN


@dataclass(frozen=True, slots=True)
class LineProbabilities:
    """What a network gives one line image: natural logarithms of probabilities (T, C), blank first."""

    key: int
    values: NDArray[np.float32]


def labels_of(text: str, alphabet: str) -> list[int]:
    """The classes of ``text``. A character that the alphabet lacks is written as its plain form, or else left out."""
    shown = text.replace(ILLEGIBLE, "")  # who wrote this says that there is ink, not which
    plain = "".join(char if char in alphabet else normalised(char) for char in shown)
    return [k + 1 for k in map(alphabet.find, plain) if k >= 0]


def log_likelihoods(log_probs: NDArray[np.float32], texts: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """Natural logarithm of P(text | line) for each text, (N,), summed over all paths.

    ``log_probs`` is (T, C); texts are classes. A text that needs more than T frames has -inf.
    """
    if not log_probs.shape[0]:
        return np.array([-np.inf if len(text) else 0.0 for text in texts])
    lengths = np.array([len(text) for text in texts], dtype=np.intp)  # (N,)
    longest = int(lengths.max(initial=0))
    classes = np.zeros((len(texts), 2 * longest + 1), dtype=np.intp)  # blank, c1, blank, c2, … blank; (N, S)
    for row, text in enumerate(texts):
        classes[row, 1 : 2 * len(text) : 2] = text
    may_skip = np.zeros(classes.shape, dtype=bool)  # a blank between unlike characters may be left out
    may_skip[:, 2:] = (classes[:, 2:] != 0) & (classes[:, 2:] != classes[:, :-2])
    emitted = log_probs.astype(np.float64)  # (T, C)
    paths = np.full(classes.shape, _NEVER)
    paths[:, :2] = 0.0  # a path begins with a blank or with the first character
    paths[:, :2] += emitted[0][classes[:, :2]]
    for frame in emitted[1:]:
        before, paths = paths, paths.copy()
        paths[:, 1:] = np.logaddexp(before[:, 1:], before[:, :-1])
        paths[:, 2:] = np.where(may_skip[:, 2:], np.logaddexp(paths[:, 2:], before[:, :-2]), paths[:, 2:])
        paths += frame[classes]
    rows = np.arange(len(texts))
    ends = paths[rows, 2 * lengths]
    ends = np.where(lengths > 0, np.logaddexp(ends, paths[rows, np.maximum(2 * lengths - 1, 0)]), ends)
    return np.where(ends > _NEVER / 2, ends, -np.inf)


def best_labels(log_probs: NDArray[np.float32]) -> list[int]:
    """The classes of the best path, repeats collapsed and blanks dropped."""
    return [k for k, _ in itertools.groupby(log_probs.argmax(axis=1).tolist()) if k]
