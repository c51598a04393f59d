"""Which stretch of a page's transcript stands on which line that was found on it, without coordinates.

Two steps. First an order-keeping assignment of stretches of words to found lines, by the edits between what was read
and what stands there: a stretch usually is one line of the transcript, but may end within one (a line found in
pieces, another hand's line breaks) or reach over several (lines found as one). Then, where the recogniser's output
is at hand, the probability it gives to the very words decides about the ends of stretches and about acceptance:
a line is accepted when its words fit the image nearly as well as the best reading does, and better than the same
words with one more or one less at either end.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from transcription.htr.ctc_forced import best_labels, labels_of, log_likelihoods
from transcription.htr.text import normalised, strict

_SKIP = 0.42  # edits that a character costs which is left out, of a reading or of the transcript
_BREAK_WITHIN = 1.5  # edits that each end of a stretch within a transcript's line costs
_JOIN = 3.0  # edits for each line break of the transcript within a stretch
_NEVER_JOINED = 1e6  # line breaks
_LONGEST = 1.6  # a stretch is at most so much longer than what was read …
_LEEWAY = 16  # … and so many characters
_ROUNDS = 3  # of assigning what the ones before left over
_REACH = 2  # words by which an end of a stretch may be moved
# Nats: what a break within a line, a join over a break and each skipped character cost beside log-likelihoods.
_BREAK_NATS = 3.0
_JOIN_NATS = 3.0
_SKIP_NATS = 0.7


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line found on the page: what was read on it and, where the recogniser tells, its log-probabilities (T, C)."""

    text: str
    log_probs: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """Words ``first`` to ``end`` (exclusive) of the transcript on the found line ``line``.

    ``similarity`` is 1 - edits / length against the reading. ``fit`` is the logarithm of P(text | image) over
    P(best reading | image) for each character of the longer one, ``margin`` the same logarithm, whole, against the
    best of the rival texts (a word more or less at an end); both nan without log-probabilities. ``confidence`` is
    the estimated probability that exactly these words stand on the line.
    """

    line: int
    first: int
    end: int
    text: str
    similarity: float
    fit: float = float("nan")
    margin: float = float("nan")
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the transcript and the number of its line."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class TranscriptAlignment:
    words: tuple[Word, ...]
    placed: tuple[Placed, ...]  # in the order of the found lines

    def unplaced(self, least: float = 0.0) -> list[str]:
        """What found no place with a confidence of ``least``, line by line of the transcript, in its order."""
        taken = {k for placed in self.placed if placed.confidence >= least for k in range(placed.first, placed.end)}
        left: dict[int, list[str]] = {}
        for k, word in enumerate(self.words):
            if k not in taken:
                left.setdefault(word.line, []).append(word.text)
        return [" ".join(words) for words in left.values()]


def align_transcript(found: Sequence[FoundLine], transcript: Sequence[str], alphabet: str = "") -> TranscriptAlignment:
    """Place the lines of ``transcript`` on the lines ``found``, both in reading order.

    What the order-keeping assignment leaves over on both sides is assigned again, so that columns and marginalia may
    stand in another order. Costs time in proportion to words × length of a line × found lines.
    """
    lines = [strict(line) for line in transcript]
    words = tuple(Word(word, n) for n, line in enumerate(filter(None, lines)) for word in line.split())
    readings = [_folded(line.text) for line in found]
    stretches: dict[int, range] = {}
    for _ in range(_ROUNDS):
        free = [i for i in range(len(found)) if i not in stretches and readings[i]]
        taken = {k for stretch in stretches.values() for k in stretch}
        left = [k for k in range(len(words)) if k not in taken]
        if not free or not left:
            break
        new = _assign([readings[i] for i in free], [_folded(words[k].text) for k in left], _breaks(words, left))
        stretches |= {free[i]: range(left[stretch[0]], left[stretch[-1]] + 1) for i, stretch in new.items()}
    placements = [_Placement(found[i], i, words, stretch, alphabet) for i, stretch in sorted(stretches.items())]
    _settle_ends(sorted(placements, key=lambda each: each.options[each.chosen]), words)
    return TranscriptAlignment(words, tuple(each.placed() for each in placements))


class _Placement:
    """A stretch of words on a found line and its rivals, which begin or end a few words earlier or later."""

    def __init__(self, found: FoundLine, line: int, words: Sequence[Word], stretch: range, alphabet: str) -> None:
        self.line = line
        self._found = found
        self._words = words
        first, end = stretch.start, stretch.stop
        self.options = [(first, end)]
        self.chosen = 0
        self.scores = np.zeros(1)
        self._fits = np.full(1, np.nan)
        if found.log_probs is None or not alphabet:
            return
        self.options += [
            (a, b)
            for a in range(max(0, first - _REACH), min(end, first + _REACH + 1))
            for b in range(max(a + 1, end - _REACH), min(len(words), end + _REACH) + 1)
            if (a, b) != (first, end)
        ]
        texts = [labels_of(self._text(option), alphabet) for option in self.options]
        best = best_labels(found.log_probs)
        likelihoods = np.maximum(log_likelihoods(found.log_probs, [*texts, best]), -1e9)
        lengths = np.array([max(1, len(best), len(text)) for text in texts])
        self._fits = (likelihoods[:-1] - likelihoods[-1]) / lengths
        self.scores = likelihoods[:-1] - np.array([self._prior(option) for option in self.options])

    def _text(self, option: tuple[int, int]) -> str:
        return " ".join(word.text for word in self._words[slice(*option)])

    def _prior(self, option: tuple[int, int]) -> float:
        """Nats that the transcript's line breaks speak against these ends."""
        first, end = option
        words = self._words
        cuts = (first > 0 and words[first - 1].line == words[first].line) + (
            end < len(words) and words[end - 1].line == words[end].line
        )
        return _BREAK_NATS * cuts + _JOIN_NATS * (words[end - 1].line - words[first].line)

    def placed(self) -> Placed:
        option = self.options[self.chosen]
        text = self._text(option)
        rivals = np.delete(self.scores, self.chosen)
        margin = float(self.scores[self.chosen] - rivals.max()) if len(rivals) else float("nan")
        similarity = float(Levenshtein.normalized_similarity(_folded(self._found.text), _folded(text)))
        fit = float(self._fits[self.chosen])
        return Placed(self.line, *option, text, similarity, fit, margin, _confidence(similarity, fit, margin))


def _settle_ends(placements: Sequence[_Placement], words: Sequence[Word]) -> None:
    """Choose among the rivals of all lines, given in the order of their words, so that no word is used twice."""
    if not placements:
        return
    skipped = np.cumsum([0] + [_SKIP_NATS * len(word.text) for word in words])
    totals = placements[0].scores
    sources: list[NDArray[np.intp]] = []
    for before, after in itertools.pairwise(placements):
        ends = np.array([end for _, end in before.options])[:, None]
        firsts = np.array([first for first, _ in after.options])[None, :]
        # Far apart, there is no saying whether the words between are missing or stand elsewhere on the page.
        gap = np.minimum(skipped[np.maximum(firsts, ends)] - skipped[ends], _SKIP_NATS * _LEEWAY)
        joint = totals[:, None] + np.where(firsts >= ends, -gap, -np.inf)
        sources.append(joint.argmax(axis=0))
        totals = joint.max(axis=0) + after.scores
    at = int(totals.argmax())
    for placement, source in zip(placements[:0:-1], sources[::-1], strict=True):
        placement.chosen = at
        at = int(source[at])
    placements[0].chosen = at


def _confidence(similarity: float, fit: float, margin: float) -> float:
    if math.isnan(fit):
        return similarity
    return 1 / ((1 + math.exp(-4.0 * (fit + 1.9))) * (1 + math.exp(min(50.0, -0.8 * margin))))


def _folded(text: str) -> str:
    return normalised(text).casefold()


def _breaks(words: Sequence[Word], left: Sequence[int]) -> NDArray[np.float64]:
    """How many line breaks lie before each of the words ``left``, (len(left) + 1,); a gap counts as many."""
    counts = np.zeros(len(left) + 1)
    for n in range(1, len(left)):
        gap = left[n] - left[n - 1] > 1
        counts[n] = _NEVER_JOINED if gap else words[left[n]].line - words[left[n] - 1].line
    return counts


def _assign(readings: Sequence[str], words: Sequence[str], breaks: NDArray[np.float64]) -> dict[int, range]:
    """The cheapest order-keeping assignment of stretches of words to readings; both sides may be left out."""
    count = len(words)
    skipped = np.concatenate(([0.0], np.cumsum([_SKIP * (len(word) + 1) for word in words])))
    cut = np.where(breaks > 0, 0.0, _BREAK_WITHIN)  # (W + 1,) what an end of a stretch costs there
    cut[[0, count]] = 0.0
    before = np.cumsum(breaks)
    best = skipped.copy()  # cost of having dealt with the first words, and with no reading yet
    steps: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []  # per reading: words taken, words taken or skipped
    for reading in readings:
        costs = best + _SKIP * len(reading)
        taken = np.zeros(count + 1, dtype=np.intp)
        for k, edits in enumerate(_stretch_edits(reading, words), 1):
            first = np.arange(count + 1 - k)
            joins = before[first + k - 1] - before[first]  # breaks before the words within
            found = best[first] + edits + cut[first] + cut[first + k] + _JOIN * joins
            better = found < costs[k:]
            costs[k:][better], taken[k:][better] = found[better], k
        best, source = _skipping(costs, skipped)
        steps.append((taken, source))
    stretches: dict[int, range] = {}
    at = count
    for i in range(len(readings) - 1, -1, -1):
        taken, source = steps[i]
        at = int(source[at])
        if taken[at]:
            stretches[i] = range(at - int(taken[at]), at)
            at -= int(taken[at])
    return stretches


def _skipping(costs: NDArray[np.float64], skipped: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The cheapest way to each word when words may be skipped, and the word from which it skips."""
    relative = costs - skipped
    lowest = np.minimum.accumulate(relative)
    is_new = np.concatenate(([True], relative[1:] < lowest[:-1]))
    source = np.maximum.accumulate(np.where(is_new, np.arange(len(costs)), 0))
    return lowest + skipped, source


def _stretch_edits(reading: str, words: Sequence[str]) -> Iterator[NDArray[np.float64]]:
    """For k = 1, 2, …: edits between ``reading`` and the k words from each word on, (W + 1 - k,); inf if too long.

    Levenshtein's table for all first words at once, a row for each character of the text.
    """
    count, width = len(words), len(reading)
    longest = int(width * _LONGEST) + _LEEWAY
    text = " ".join(words) + " "
    ends = np.cumsum([len(word) + 1 for word in words]) - 1  # of each word in the text
    starts = ends - np.array([len(word) for word in words], dtype=np.intp)
    codes = np.array([ord(char) for char in text] + [0] * (longest + 1))
    wanted = np.array([ord(char) for char in reading])
    across = np.arange(width + 1)
    row = np.broadcast_to(across, (count, width + 1)).astype(np.float64)
    table = np.empty((longest + 1, count))
    table[0] = row[:, -1]
    for length in range(1, longest + 1):
        changed = row[:, :-1] + (codes[starts + length - 1][:, None] != wanted)
        new = np.concatenate((np.full((count, 1), float(length)), np.minimum(changed, row[:, 1:] + 1)), axis=1)
        row = np.minimum.accumulate(new - across, axis=1) + across
        table[length] = row[:, -1]
    for k in range(1, count + 1):
        lengths = ends[k - 1 :] - starts[: count + 1 - k]
        fits = lengths <= longest
        if not fits.any():
            return
        edits = np.full(count + 1 - k, np.inf)
        edits[fits] = table[lengths[fits], np.flatnonzero(fits)]
        yield edits
