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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from transcription.htr.ctc_forced import best_labels, labels_of, log_likelihoods
from transcription.htr.stretches import assign_stretches
from transcription.htr.text import normalised, strict

# From this confidence on a line may take its text.
SURE = 0.93

_NEVER_JOINED = 1e6  # line breaks
_ROUNDS = 3  # of assigning what the ones before left over
_REACH = 2  # words by which an end of a stretch may be moved
# Nats: what a break within a line, a join over a break and each skipped character cost beside log-likelihoods.
_BREAK_NATS = 3.0
_JOIN_NATS = 3.0
_SKIP_NATS = 0.7
_BROKEN_WORD_NATS = 5.0  # against a word broken in two; there are some twenty ways to do so
_EDIT_NATS = 2.5  # what an edit weighs where only the reading is known: the slope of one upon the other
# Nats a character, of what was read best over what is placed, at which half of the placed lines are wrong.
_HALF_RIGHT = -2.4
_HALF_RIGHT_BY_EDITS = -1.6  # an edit says less than the image
_ODD_FIT = 1.5  # so much below what is typical of the page, half of the placed lines are wrong
_ORPHAN_NATS = 8.0  # against leaving out the words of a transcript's line beside those that are placed
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
    best of the rival texts (a word or a piece of one more or less at an end); without log-probabilities both are
    estimated from edits. ``confidence`` is the estimated probability that exactly these words stand on the line.
    """

    line: int
    first: int
    end: int
    text: str
    similarity: float
    fit: float
    margin: float
    confidence: float


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


def align_transcript(
    found: Sequence[FoundLine],
    transcript: Sequence[str],
    alphabet: str = "",
    kept: Mapping[int, range] | None = None,
) -> TranscriptAlignment:
    """Place the lines of ``transcript`` on the lines ``found``, both in reading order.

    What the order-keeping assignment leaves over on both sides is assigned again, so that columns and marginalia may
    stand in another order. ``kept`` are words (indices) that are known to stand on a found line; neither is given
    away, and they are not among the placed. Costs time in proportion to words × length of a line × found lines.
    """
    words = words_of(transcript)
    readings = [_folded(line.text) for line in found]
    stretches: dict[int, range] = dict(kept or {})
    for _ in range(_ROUNDS):
        free = [i for i in range(len(found)) if i not in stretches and readings[i]]
        taken = {k for stretch in stretches.values() for k in stretch}
        left = [k for k in range(len(words)) if k not in taken]
        if not free or not left:
            break
        texts = [_folded(words[k].text) for k in left]
        new = assign_stretches([readings[i] for i in free], texts, _breaks(words, left))
        stretches |= {free[i]: range(left[stretch[0]], left[stretch[-1]] + 1) for i, stretch in new.items()}
    barred = {k for stretch in (kept or {}).values() for k in stretch}
    placements = [
        _Placement(found[i], i, words, stretch, alphabet, barred)
        for i, stretch in sorted(stretches.items())
        if i not in (kept or {})
    ]
    in_order = sorted(placements, key=lambda each: each.stretch)
    _settle_ends(in_order, words)
    _break_words(in_order)
    for placement in placements:
        _doubt_ends(placement, words)
    _doubt_orphans(placements, words, barred)
    typical = float(np.median([each.fit for each in placements])) if placements else 0.0
    return TranscriptAlignment(words, tuple(each.placed(typical) for each in placements))


def words_of(transcript: Sequence[str]) -> tuple[Word, ...]:
    """The words of a transcript's lines; blank lines count for nothing."""
    lines = filter(None, map(strict, transcript))
    return tuple(Word(word, n) for n, line in enumerate(lines) for word in line.split())


class _Placement:
    """A stretch of words on a found line and its rivals, which begin or end a few words earlier or later."""

    def __init__(
        self, found: FoundLine, line: int, words: Sequence[Word], stretch: range, alphabet: str, barred: set[int]
    ) -> None:
        self._line = line
        self._words = words
        self._reading = _folded(found.text)
        self._alphabet = alphabet
        self._log_probs = found.log_probs if alphabet else None
        first, end = stretch.start, stretch.stop
        self.options = [(first, end)] + [
            (a, b)
            for a in range(max(0, first - _REACH), min(end, first + _REACH + 1))
            for b in range(max(a + 1, end - _REACH), min(len(words), end + _REACH) + 1)
            if (a, b) != (first, end) and barred.isdisjoint(range(a, b))
        ]
        self._likelihoods = self.likelihoods([self._tokens_of(option) for option in self.options])
        # How well each option fits the image, and how the transcript's line breaks speak for it.
        self.scores = self._likelihoods - np.array([self._prior(option) for option in self.options])
        self.doubt = np.inf  # the margin at most, by what is tried elsewhere
        self.choose(0)

    def likelihoods(self, texts: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Log-likelihood of each text, a sequence of words; without log-probabilities by its edits."""
        if self._log_probs is not None:
            labels = [labels_of(" ".join(tokens), self._alphabet) for tokens in texts]
            return np.maximum(log_likelihoods(self._log_probs, labels), _IMPOSSIBLE)
        edits = [Levenshtein.distance(self._reading, _folded(" ".join(tokens))) for tokens in texts]
        return -_EDIT_NATS * np.array(edits, dtype=np.float64)

    def choose(self, chosen: int) -> None:
        self.stretch = self.options[chosen]
        self.tokens = self._tokens_of(self.stretch)
        self.likelihood = float(self._likelihoods[chosen])
        rival = float(np.delete(self.scores, chosen).max(initial=-np.inf))
        self._lead = float(self.scores[chosen]) - rival - self.likelihood

    def _tokens_of(self, option: tuple[int, int]) -> list[str]:
        return [word.text for word in self._words[slice(*option)]]

    def _prior(self, option: tuple[int, int]) -> float:
        """Nats that the transcript's line breaks speak against these ends."""
        first, end = option
        cuts = _cuts(self._words, first) + _cuts(self._words, end)
        return _BREAK_NATS * cuts + _JOIN_NATS * (self._words[end - 1].line - self._words[first].line)

    @property
    def fit(self) -> float:
        """Log-likelihood against the best reading's, for each character of the longer one."""
        if self._log_probs is None:
            return self.likelihood / max(1, len(self._reading), len(" ".join(self.tokens)))
        best = best_labels(self._log_probs)
        ratio = self.likelihood - float(log_likelihoods(self._log_probs, [best])[0])
        return ratio / max(1, len(best), len(" ".join(self.tokens)))

    def placed(self, typical: float) -> Placed:
        """The outcome; ``typical`` is the fit of the page's lines: one hand is read well, another badly."""
        text = " ".join(self.tokens)
        similarity = float(Levenshtein.normalized_similarity(self._reading, _folded(text)))
        fit, margin = self.fit, min(self._lead + self.likelihood, self.doubt)
        half_right = _HALF_RIGHT_BY_EDITS if self._log_probs is None else _HALF_RIGHT
        confidence = _confidence(fit, margin, max(half_right, typical - _ODD_FIT))
        return Placed(self._line, *self.stretch, text, similarity, fit, margin, confidence)


def _settle_ends(placements: Sequence[_Placement], words: Sequence[Word]) -> None:
    """Choose among the rivals of all lines, given in the order of their words, so that no word is used twice."""
    if not placements:
        return
    skipped = np.cumsum([0] + [_SKIP_NATS * len(word.text) for word in words])
    cut = np.array([_cuts(words, k) for k in range(len(words) + 1)], dtype=np.int64)
    totals = placements[0].scores - _ORPHAN_NATS * np.array([cut[first] for first, _ in placements[0].options])
    sources: list[NDArray[np.intp]] = []
    for before, after in itertools.pairwise(placements):
        ends = np.array([end for _, end in before.options])[:, None]
        firsts = np.array([first for first, _ in after.options])[None, :]
        # Far apart, there is no saying whether the words between are missing or stand elsewhere on the page.
        gap = np.minimum(skipped[np.maximum(firsts, ends)] - skipped[ends], _SKIP_NATS * 16)
        gap += _ORPHAN_NATS * (cut[ends] + cut[firsts]) * (firsts > ends)
        joint = totals[:, None] + np.where(firsts >= ends, -gap, -np.inf)
        sources.append(joint.argmax(axis=0))
        totals = joint.max(axis=0) + after.scores
    totals = totals - _ORPHAN_NATS * np.array([cut[end] for _, end in placements[-1].options])
    at = int(totals.argmax())
    for placement, source in zip(placements[:0:-1], sources[::-1], strict=True):
        placement.choose(at)
        at = int(source[at])
    placements[0].choose(at)


def _break_words(placements: Sequence[_Placement]) -> None:
    """Where a transcript writes whole what the page breaks over two lines ("exhaust-" and "ive"), break it too, if
    the images say so; given in the order of their words."""
    for before, after in itertools.pairwise(placements):
        if before.stretch[1] != after.stretch[0]:
            continue
        trials = list(_broken(before.tokens, after.tokens))
        if not trials:
            continue
        first = before.likelihoods([tokens for tokens, _ in trials])
        second = after.likelihoods([tokens for _, tokens in trials])
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


def _doubt_ends(placement: _Placement, words: Sequence[Word]) -> None:
    """Doubt a placement which reads as well with a piece of the word before or after it, or without one of its own."""
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
        rivals = placement.likelihoods(trials)
        placement.doubt = min(placement.doubt, placement.likelihood + _BROKEN_WORD_NATS - float(rivals.max()))


def _doubt_orphans(placements: Sequence[_Placement], words: Sequence[Word], barred: set[int]) -> None:
    """Doubt a placement beside which words of the same line of the transcript were left out: they stand there, likely,
    and were hard to read."""
    taken = barred.union(*(range(*each.stretch) for each in placements))
    for placement in placements:
        first, end = placement.stretch
        if (_cuts(words, first) and first - 1 not in taken) or (_cuts(words, end) and end not in taken):
            placement.doubt = min(placement.doubt, 0.0)


def _cuts(words: Sequence[Word], k: int) -> bool:
    """Whether a line of the transcript goes on across the beginning of word ``k``."""
    return 0 < k < len(words) and words[k - 1].line == words[k].line


def _confidence(fit: float, margin: float, half_right: float) -> float:
    """P(exactly these words stand on the line), set by what 200 lines of letters showed under the eye."""
    return _logistic(4.0 * (fit - half_right)) * _logistic(0.7 * margin + 0.9)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-min(50.0, max(-50.0, x))))


def _folded(text: str) -> str:
    return normalised(text).casefold()


def _breaks(words: Sequence[Word], left: Sequence[int]) -> NDArray[np.float64]:
    """How many line breaks lie before each of the words ``left``, (len(left) + 1,); a gap counts as many."""
    counts = np.zeros(len(left) + 1)
    for n in range(1, len(left)):
        gap = left[n] - left[n - 1] > 1
        counts[n] = _NEVER_JOINED if gap else words[left[n]].line - words[left[n] - 1].line
    return counts
