"""A second thought on a voted line: what language and known words would make of the readings that there are.

Every word stays as the vote has it or becomes one that some reader read or weighed in its place; nothing is invented.
The suggestion is one more reading, with a weight of its own, for another vote: it overrules nobody. Where it would say
the same as the vote it says nothing, as its agreement would be no evidence: it has seen no ink.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from transcription.htr.confidence import Knows
from transcription.htr.language_model import STEPS, LanguageModel
from transcription.htr.records import Consensus, ReadingRecord, WordVote

MOST_CANDIDATES = 5  # for one word, the word itself included
BEAM = 8  # lines that are weighed side by side
LEAST_SUPPORT = 0.02  # of what was only weighed by a reader
_STRANGE = 12.0  # nats, of a character that the language model does not know


@dataclass(frozen=True, slots=True)
class Trust:
    """What counts for a candidate: its share of the vote (logarithm), what the language model says (logarithm), and
    whether its words are known."""

    language: float = 0.3
    known: float = 0.5


@dataclass(frozen=True, slots=True)
class _Path:
    words: tuple[str, ...]
    state: int
    score: float


def suggest(consensus: Consensus, model: LanguageModel, knows: Knows, trust: Trust) -> ReadingRecord | None:
    """The likeliest line among those that the words of ``consensus`` and their alternatives make; None where that is
    the voted line. Scores are shares of the weighed lines that have the word."""
    classes = {char: place for place, char in enumerate(model.alphabet, 1)}
    paths = [_Path((), model.start, 0.0)]
    for word in consensus.words:
        longer = [
            _longer(path, text, math.log(support) + trust.known * (knows(text) is True), model, classes, trust)
            for path in paths
            for text, support in _candidates(word)
        ]
        paths = sorted(longer, key=lambda path: (-round(path.score, 9), path.words))[:BEAM]
    ended = [(path.score - trust.language * float(model.costs[path.state, 0]) / STEPS, path.words) for path in paths]
    best, words = max(ended, key=lambda each: (round(each[0], 9), each[1]))
    if list(words) == [word.text for word in consensus.words]:
        return None
    shares = [math.exp(score - best) for score, _ in ended]
    chars: list[float] = []
    for place, chosen in enumerate(words):
        agreeing = math.fsum(share for share, (_, other) in zip(shares, ended, strict=True) if other[place] == chosen)
        chars += [agreeing / math.fsum(shares)] * (len(chosen) + (place > 0))
    return ReadingRecord(0, " ".join(words), tuple(chars))


def _candidates(word: WordVote) -> Sequence[tuple[str, float]]:
    found = {word.text: max(word.support, LEAST_SUPPORT)}
    for other in word.alternatives:
        if other.text and len(found) < MOST_CANDIDATES:
            found.setdefault(other.text, max(other.support, LEAST_SUPPORT))
    return list(found.items())


def _longer(path: _Path, word: str, read: float, model: LanguageModel, classes: dict[str, int], trust: Trust) -> _Path:
    state, cost = path.state, 0.0
    for char in f" {word}" if path.words else word:
        place = classes.get(char)
        if place is None:
            state, cost = 0, cost + _STRANGE
            continue
        cost += float(model.costs[state, place]) / STEPS
        state = int(model.following[model.rows[state], place])
    return _Path((*path.words, word), state, path.score + read - trust.language * cost)
