"""How long people take to read a page, and what a second of their reading is expected to remove.

Learned from what reviewers took, idle time removed: so many seconds a page, a word, and a word that is expected to be
wrong. It begins with a guess that weighs as a few pages do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

UNKNOWN_WORDS = 150.0  # of a page whose words nobody counted
_GUESS_WEIGHT = 5.0  # pages
_LEAST = (1.0, 0.02, 0.0)  # no page is read in no time


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that a page takes by itself, for each of its words, and for each word expected to be wrong."""

    page: float = 15.0
    word: float = 0.3
    wrong: float = 5.0

    def seconds(self, words: float, wrong: float) -> float:
        return self.page + self.word * words + self.wrong * wrong

    def differs(self, other: Pace, *, share: float) -> bool:
        """Whether a part of it differs from ``other``'s by more than ``share`` of that."""
        return any(abs(a - b) > share * abs(b) for a, b in zip(astuple(self), astuple(other), strict=True))


GUESS = Pace()


def learned(measured: Sequence[tuple[float, float, float]]) -> Pace:
    """The pace that (seconds, words, wrong words) of pages show, by ridge regression towards the guess."""
    guess = np.array(astuple(GUESS))
    table = np.array(measured, np.float64).reshape(-1, 3)
    design = np.column_stack([np.ones(len(table)), table[:, 1], table[:, 2]])  # (N, 3)
    # Each part of the guess is held as if some pages of usual length had shown it.
    scale = np.diag(_GUESS_WEIGHT * np.array([1.0, 150.0**2, 20.0**2]))
    gain = design.T @ (table[:, 0] - design @ guess)
    pace = np.maximum(guess + np.linalg.solve(design.T @ design + scale, gain), _LEAST)
    return Pace(*map(float, pace))
