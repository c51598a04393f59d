"""From how sure words are to how many characters of a line and of a page are wrong.

A wrong word has a few wrong characters, more when it is long; and the words that a line should have besides are missed
however sure those are that were read. Both are rates fitted on ground truth.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# A line is good when at most one character in ten is wrong: people read over that, and search finds it.
GOOD_CER = 0.1
UNREAD_CHARACTERS = 5  # a line in which nothing was read counts as one wrong word

Claim = tuple[float, int]  # a voted word: P(right), characters


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """Expected edits of a line: Σ (1 - p) (``word`` + ``character`` · characters) + ``missed`` · its characters.

    P(its CER ≤ ``GOOD_CER``) = sigmoid(``good`` + ``good_rate`` · ln(expected CER) + ``good_size`` · ln(characters)).
    """

    word: float
    character: float
    missed: float
    good: float
    good_rate: float
    good_size: float

    def edits(self, words: Sequence[Claim]) -> float:
        """Characters of a line that are expected to be wrong, missed or too many; 5 where nothing was read."""
        if not words:
            return float(UNREAD_CHARACTERS)
        wrong = math.fsum((1.0 - p) * (self.word + self.character * length) for p, length in words)
        return wrong + self.missed * characters(words)

    def good_line(self, words: Sequence[Claim]) -> float:
        """P(the line's CER is at most ``GOOD_CER``); 0 where nothing was read."""
        if not words:
            return 0.0
        length = characters(words)
        rate = max(1e-4, self.edits(words) / length)
        logit = self.good + self.good_rate * math.log(rate) + self.good_size * math.log(length)
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))


def characters(words: Sequence[Claim]) -> int:
    """Characters of a line with single spaces; ``UNREAD_CHARACTERS`` where nothing was read."""
    return sum(length for _, length in words) + len(words) - 1 if words else UNREAD_CHARACTERS


def page_cer(lines: Iterable[tuple[float | None, int]]) -> float | None:
    """Expected CER of a page from each line's (expected edits, characters), at most 1.

    None without lines, and where a line does not say: a number that leaves lines out would look better than it is.
    """
    edits, total = 0.0, 0
    for expected, length in lines:
        if expected is None:
            return None
        edits += expected
        total += length
    return min(1.0, edits / total) if total else None
