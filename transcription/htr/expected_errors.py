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

_CAUTION = 0.01  # no product of probabilities is that sure

Claim = tuple[float, int]  # a voted word: P(right), characters


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """Expected edits of a line: Σ (1 - p) (``word`` + ``character`` · characters) + ``missed`` · its characters.

    P(its CER ≤ ``GOOD_CER``) = sigmoid(``good`` + ``good_rate`` · logit of the chance that so few words are wrong, if
    each were so by itself); words of a line are alike, so that the chance alone is too sure of itself.
    """

    word: float
    character: float
    missed: float
    good: float = 0.0
    good_rate: float = 1.0

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
        logit = self.good + self.good_rate * self.good_evidence(words)
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))

    def good_evidence(self, words: Sequence[Claim]) -> float:
        """Logit of the chance that wrong words cost no more than a good line may have wrong, held within ±4.6."""
        room = int((GOOD_CER - self.missed) * characters(words) + 1e-9)
        spent = [1.0, *[0.0] * room]  # chance that so many characters are wrong; what exceeds the room is dropped
        for p, length in words:
            cost = max(1, round(self.word + self.character * length))
            spent = [
                p * chance + ((1.0 - p) * spent[have - cost] if have >= cost else 0.0)
                for have, chance in enumerate(spent)
            ]
        chance = min(1.0, max(0.0, math.fsum(spent)))
        return math.log((chance + _CAUTION) / (1.0 - chance + _CAUTION))


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
