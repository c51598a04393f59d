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
from transcription.htr.stretches import assign_stretches
from transcription.htr.text import normalised, strict

_NEVER_JOINED = 1e6  # line breaks
_ROUNDS = 3  # of assigning what the ones before left over
_REACH = 2  # words by which an end of a stretch may be moved
# Nats: what a break within a line, a join over a break and each skipped character cost beside log-likelihoods.
_BREAK_NATS = 3.0
_JOIN_NATS = 3.0
_SKIP_NATS = 0.7
_BROKEN_WORD_NATS = 5.0  # against a word broken in two; there are some twenty ways to do so
_IMPOSSIBLE = -1e9
_SHORTEST_PIECE = 2  # characters


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
        texts = [_folded(words[k].text) for k in left]
        new = assign_stretches([readings[i] for i in free], texts, _breaks(words, left))
        stretches |= {free[i]: range(left[stretch[0]], left[stretch[-1]] + 1) for i, stretch in new.items()}
    placements = [_Placement(found[i], i, words, stretch, alphabet) for i, stretch in sorted(stretches.items())]
    in_order = sorted(placements, key=lambda each: each.stretch)
    _settle_ends(in_order, words)
    _break_words(in_order, alphabet)
    for placement in placements:
        _doubt_ends(placement, words, alphabet)
    return TranscriptAlignment(words, tuple(each.placed() for each in placements))


class _Placement:
    """A stretch of words on a found line and its rivals, which begin or end a few words earlier or later."""

    def __init__(self, found: FoundLine, line: int, words: Sequence[Word], stretch: range, alphabet: str) -> None:
        self._line = line
        self._words = words
        self._reading = found.text
        self.log_probs = found.log_probs if alphabet and found.log_probs is not None else None
        first, end = stretch.start, stretch.stop
        self.options = [(first, end)]
        self.scores = np.zeros(1)  # log-likelihood of each option and how the transcript's line breaks speak for it
        if self.log_probs is not None:
            self.options += [
                (a, b)
                for a in range(max(0, first - _REACH), min(end, first + _REACH + 1))
                for b in range(max(a + 1, end - _REACH), min(len(words), end + _REACH) + 1)
                if (a, b) != (first, end)
            ]
            self._best = best_labels(self.log_probs)
            texts = [labels_of(" ".join(self._tokens_of(option)), alphabet) for option in self.options]
            likelihoods = log_likelihoods(self.log_probs, [*texts, self._best])
            self._likelihoods = np.maximum(likelihoods, _IMPOSSIBLE)
            self.scores = self._likelihoods[:-1] - np.array([self._prior(option) for option in self.options])
        self.choose(0)

    def choose(self, chosen: int) -> None:
        self.stretch = self.options[chosen]
        self.tokens = self._tokens_of(self.stretch)
        if self.log_probs is not None:
            self.likelihood = float(self._likelihoods[chosen])
            rival = float(np.delete(self.scores, chosen).max(initial=-np.inf))
            self._lead = float(self.scores[chosen]) - rival - self.likelihood
            self.doubt = np.inf  # the margin at most, by what is tried elsewhere

    def _tokens_of(self, option: tuple[int, int]) -> list[str]:
        return [word.text for word in self._words[slice(*option)]]

    def _prior(self, option: tuple[int, int]) -> float:
        """Nats that the transcript's line breaks speak against these ends."""
        first, end = option
        words = self._words
        cuts = (first > 0 and words[first - 1].line == words[first].line) + (
            end < len(words) and words[end - 1].line == words[end].line
        )
        return _BREAK_NATS * cuts + _JOIN_NATS * (words[end - 1].line - words[first].line)

    def placed(self) -> Placed:
        text = " ".join(self.tokens)
        similarity = float(Levenshtein.normalized_similarity(_folded(self._reading), _folded(text)))
        if self.log_probs is None:
            return Placed(self._line, *self.stretch, text, similarity, confidence=_confidence_by_text(similarity))
        fit = (self.likelihood - float(self._likelihoods[-1])) / max(1, len(self._best), len(text))
        margin = min(self._lead + self.likelihood, self.doubt)
        return Placed(self._line, *self.stretch, text, similarity, fit, margin, _confidence(fit, margin))


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
        gap = np.minimum(skipped[np.maximum(firsts, ends)] - skipped[ends], _SKIP_NATS * 16)
        joint = totals[:, None] + np.where(firsts >= ends, -gap, -np.inf)
        sources.append(joint.argmax(axis=0))
        totals = joint.max(axis=0) + after.scores
    at = int(totals.argmax())
    for placement, source in zip(placements[:0:-1], sources[::-1], strict=True):
        placement.choose(at)
        at = int(source[at])
    placements[0].choose(at)


def _break_words(placements: Sequence[_Placement], alphabet: str) -> None:
    """Where a transcript writes whole what the page breaks over two lines ("exhaust-" and "ive"), break it too, if
    the images say so; given in the order of their words."""
    for before, after in itertools.pairwise(placements):
        if before.stretch[1] != after.stretch[0] or before.log_probs is None or after.log_probs is None:
            continue
        trials = list(_broken(before.tokens, after.tokens))
        if not trials:
            continue
        first = log_likelihoods(before.log_probs, [labels_of(" ".join(tokens), alphabet) for tokens, _ in trials])
        second = log_likelihoods(after.log_probs, [labels_of(" ".join(tokens), alphabet) for _, tokens in trials])
        gains = first + second - before.likelihood - after.likelihood - _BROKEN_WORD_NATS
        best = int(gains.argmax())
        doubt = abs(float(gains[best]))
        if gains[best] > 0:
            before.tokens, after.tokens = trials[best]
            before.likelihood, after.likelihood = float(first[best]), float(second[best])
        before.doubt, after.doubt = min(before.doubt, doubt), min(after.doubt, doubt)


def _broken(before: list[str], after: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """The last word of one line, or the first of the next, in two pieces, with a hyphen and without."""
    for word, head, tail in ((before[-1], before[:-1], after), (after[0], before, after[1:])):
        for first, second in _pieces(word):
            yield [*head, first], [second, *tail]


def _pieces(word: str) -> Iterator[tuple[str, str]]:
    for cut in range(_SHORTEST_PIECE, len(word) - _SHORTEST_PIECE + 1):
        if word[cut - 1 : cut + 1].isalpha():
            yield word[:cut] + "-", word[cut:]
            yield word[:cut], word[cut:]


def _doubt_ends(placement: _Placement, words: Sequence[Word], alphabet: str) -> None:
    """Doubt a placement which reads as well with a piece of the word before or after it, or without one of its own."""
    if placement.log_probs is None:
        return
    first, end = placement.stretch
    tokens = placement.tokens
    trials: list[list[str]] = []
    if tokens[-1] == words[end - 1].text:
        trials += [[*tokens[:-1], piece] for piece, _ in _pieces(tokens[-1])]
        trials += [[*tokens, piece] for word in words[end : end + 1] for piece, _ in _pieces(word.text)]
    if tokens[0] == words[first].text:
        trials += [[piece, *tokens[1:]] for _, piece in _pieces(tokens[0])]
        trials += [[piece, *tokens] for word in words[max(0, first - 1) : first] for _, piece in _pieces(word.text)]
    if trials:
        rivals = log_likelihoods(placement.log_probs, [labels_of(" ".join(trial), alphabet) for trial in trials])
        placement.doubt = min(placement.doubt, placement.likelihood + _BROKEN_WORD_NATS - float(rivals.max()))


def _confidence(fit: float, margin: float) -> float:
    """P(exactly these words stand on the line), set by what 200 lines of letters showed under the eye."""
    return _logistic(4.0 * (fit + 2.4)) * _logistic(0.7 * margin + 0.9)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-min(50.0, max(-50.0, x))))


def _confidence_by_text(similarity: float) -> float:
    return similarity


def _folded(text: str) -> str:
    return normalised(text).casefold()


def _breaks(words: Sequence[Word], left: Sequence[int]) -> NDArray[np.float64]:
    """How many line breaks lie before each of the words ``left``, (len(left) + 1,); a gap counts as many."""
    counts = np.zeros(len(left) + 1)
    for n in range(1, len(left)):
        gap = left[n] - left[n - 1] > 1
        counts[n] = _NEVER_JOINED if gap else words[left[n]].line - words[left[n] - 1].line
    return counts
