"""From a CTC network's output to readings: beam search, then each character's place and score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from transcription.htr.beam import Found, Scoring, Search, search
from transcription.htr.ctc import Decoded, extents, tidy
from transcription.htr.ctc_places import Places, places
from transcription.htr.language_model import STEPS
from transcription.htr.records import Hypothesis

NBEST = 5
FLAT = 0.3
_SURE = 6.9  # logit(0.999): beyond it, posteriors say nothing more


@dataclass(frozen=True, slots=True)
class CharacterScore:
    """P(a character is right) = sigmoid of what is known of it. A model that mends the text also makes mistakes look
    like words, so that posteriors alone tell less of it: its own surprise and the rivals' shares tell more.

    ``height`` weighs the logit of the highest posterior on the character's frames, ``agreement`` that of the share of
    the kept prefixes that have it at its place, ``consent`` the same of shares raised to FLAT, so that it counts how
    many agree more than how much they weigh; ``cost`` the model's -ln P of it, ``next_cost`` of what follows it and
    ``cost_nearby`` the largest within two characters.
    """

    bias: float = 0.0
    height: float = 1.0
    agreement: float = 0.0
    consent: float = 0.0
    cost: float = 0.0
    next_cost: float = 0.0
    cost_nearby: float = 0.0

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """(L,) from what is known of L characters, (L, 6), as ``Decoder.characters`` gives it."""
        weights = np.array([self.height, self.agreement, self.consent, self.cost, self.next_cost, self.cost_nearby])
        scores: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-(features @ weights + self.bias)))
        return scores


@dataclass(frozen=True, slots=True)
class LineReading:
    """What was decoded of one line, and its best different texts, the decoded one first."""

    decoded: Decoded
    nbest: tuple[Hypothesis, ...] = ()


@dataclass(frozen=True, slots=True)
class Decoder:
    """Beam search for one alphabet. See `htr.beam` for what the options mean."""

    alphabet: str
    scoring: Scoring = field(default_factory=Scoring)
    options: Search = field(default_factory=Search)
    score: CharacterScore = field(default_factory=CharacterScore)

    def decode(self, lines: Sequence[NDArray[np.float32]]) -> list[LineReading]:
        """Log-probabilities, (T, C) each, to readings; a character's span reaches half-way to its neighbors' peaks on
        the best path that spells the text. What comes of a line does not depend on the others.

        Raises ValueError when C does not fit the alphabet.
        """
        readings = [LineReading(Decoded("", (), ()))] * len(lines)
        for index, raw in self._searched(lines):
            scores = self.score(raw.features).tolist()
            spans = extents(raw.where.peaks, raw.where.starts, raw.where.lengths, len(lines[index])) if scores else []
            decoded = tidy(raw.texts[0], scores, spans)
            readings[index] = LineReading(decoded, _nbest(decoded.text, raw.texts, raw.found.shares))
        return readings

    def characters(self, lines: Sequence[NDArray[np.float32]]) -> list[tuple[str, NDArray[np.float64]]]:
        """The text of each line before its spaces are tidied, and what is known of its characters, (L, 6): what
        `CharacterScore` is fitted on."""
        found = [("", np.zeros((0, 6)))] * len(lines)
        for index, raw in self._searched(lines):
            found[index] = (raw.texts[0], raw.features)
        return found

    def _searched(self, lines: Sequence[NDArray[np.float32]]) -> list[tuple[int, _Raw]]:
        classes = len(self.alphabet) + 1
        for line in lines:
            if line.shape[1] != classes:
                raise ValueError(f"{line.shape[1]} classes for an alphabet of {classes - 1} characters and a blank")
        seen = [index for index, line in enumerate(lines) if len(line)]
        found = search([lines[index] for index in seen], self.scoring, self.options)
        best = [each.texts[0] for each in found]
        placed = places([lines[index] for index in seen], best)
        model = self.scoring.model
        costs = model.costs_of(best) if model else [np.zeros(len(text) + 1, np.uint8) for text in best]
        table = np.array([0, *map(ord, self.alphabet)], "<u4")
        raws = []
        for index, each, where, cost in zip(seen, found, placed, costs, strict=True):
            texts = [table[text].tobytes().decode("utf-32-le") for text in each.texts]
            raws.append((index, _Raw(each, where, texts, _features(each, where, texts, cost))))
        return raws


@dataclass(frozen=True, slots=True)
class _Raw:
    found: Found
    where: Places
    texts: list[str]
    features: NDArray[np.float64]  # (L, 6)


def _features(found: Found, where: Places, texts: Sequence[str], costs: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The columns of `CharacterScore`, in its order, (L, 6)."""
    shares = np.array(found.shares)
    flat = shares**FLAT
    agreed = _agreement(texts, np.column_stack([shares, flat / flat.sum()]))
    surprise = costs / STEPS  # (L + 1,): the line's end too
    padded = np.pad(surprise[:-1], 2)
    nearby = np.max([padded[k : k + len(texts[0])] for k in range(5)], axis=0)
    return np.column_stack([_logit(np.exp(where.heights)), _logit(agreed), surprise[:-1], surprise[1:], nearby])


def _agreement(texts: Sequence[str], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each character of the first text the shares (N, M) of all texts that have it at its place, (L, M)."""
    agreed = np.tile(shares[0], (len(texts[0]), 1))
    for text, share in zip(texts[1:], shares[1:], strict=True):
        at = 0
        for edit in Levenshtein.editops(texts[0], text):
            agreed[at : edit.src_pos] += share
            at = edit.src_pos + (edit.tag != "insert")
        agreed[at:] += share
    return agreed


def _logit(p: NDArray[np.floating]) -> NDArray[np.float64]:
    clipped = np.clip(p.astype(np.float64), 1 / (1 + math.exp(_SURE)), 1 / (1 + math.exp(-_SURE)))
    return np.log(clipped / (1 - clipped))


def _nbest(chosen: str, texts: Sequence[str], shares: Sequence[float]) -> tuple[Hypothesis, ...]:
    """The different texts once their spaces are tidied, the chosen one first, then by share."""
    found: dict[str, float] = {chosen: 0.0}
    for text, share in zip(texts, shares, strict=True):
        plain = tidy(text, [0.0] * len(text), []).text
        if plain not in found and len(found) == NBEST:
            break
        found[plain] = found.get(plain, 0.0) + share
    others = sorted(((text, share) for text, share in found.items() if text != chosen), key=lambda each: -each[1])
    return tuple(Hypothesis(text, min(1.0, share)) for text, share in [(chosen, found[chosen]), *others])
