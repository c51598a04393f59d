"""Who votes on a line, and what the votes of several of them come to together.

Passes of one voice (engines of one class or model, however they see the image) err together, so its k-th vote for the
same thing, largest first, counts f(k) - f(k - 1) with f(k) = k / (1 + (k - 1) ρ), Kish's effective sample size at
correlation ρ (Survey Sampling, 1965).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from transcription.htr.ctc import Span
from transcription.htr.hypotheses import Offer

Chosen = int  # some of the voters: bit k stands for the k-th


@dataclass(slots=True)  # not frozen: that doubles the time to make one
class Voter:
    """A reading made ready: NFC, single spaces, ``words`` as (start, end) in ``text`` and ``means`` their mean
    scores; ``power`` is its vote, ``mean`` the mean score of its line."""

    name: str
    voice: str
    weight: float
    text: str
    words: list[tuple[int, int]]
    means: list[float]
    chars: tuple[float, ...]
    spans: tuple[Span, ...]
    mean: float
    power: float
    offers: tuple[Offer, ...]

    def score(self, start: int, end: int) -> float:
        """Mean score of ``text[start:end]``, in [0, 1]; that of the line for nothing."""
        return mean_score(self.chars[start:end]) if end > start else self.mean


class Electorate:
    """The voters of one line. What is asked of some of them is remembered: the same ones stand together in column
    after column."""

    def __init__(self, voters: Sequence[Voter], correlation: float) -> None:
        """``correlation`` in [0, 1] is that between votes of one voice."""
        self.voters = voters
        self.everyone: Chosen = (1 << len(voters)) - 1
        self._counts = _counts(correlation, len(voters))
        self._by_power = self._ranked([voter.power for voter in voters])
        self._by_weight = self._ranked([voter.weight for voter in voters])
        self._masses = {bit: size for bit, size, _ in self._by_power}
        self._votes = {bit: size for bit, size, _ in self._by_weight}
        self._trusts = self._votes.copy()
        self._passes: dict[Chosen, tuple[str, ...]] = {1 << k: (voter.name,) for k, voter in enumerate(voters)}

    def mass(self, chosen: Chosen) -> float:
        """Their power together."""
        found = self._masses.get(chosen)
        if found is None:
            found = self._masses[chosen] = self._together(chosen, self._by_power)
        return found

    def votes(self, chosen: Chosen) -> float:
        """Their effective number of votes: the weights together, whatever the scores."""
        found = self._votes.get(chosen)
        if found is None:
            found = self._votes[chosen] = self._together(chosen, self._by_weight)
        return found

    def trust(self, chosen: Chosen) -> float:
        """The weight of the most trusted of them."""
        found = self._trusts.get(chosen)
        if found is None:
            found = self._trusts[chosen] = next(weight for bit, weight, _ in self._by_weight if chosen & bit)
        return found

    def passes(self, chosen: Chosen) -> tuple[str, ...]:
        """Their names in order, each once."""
        found = self._passes.get(chosen)
        if found is None:
            names = sorted([voter.name for k, voter in enumerate(self.voters) if chosen >> k & 1])
            found = self._passes[chosen] = tuple(dict.fromkeys(names))
        return found

    def _ranked(self, sizes: list[float]) -> list[tuple[Chosen, float, str]]:
        """(bit, size, voice), the largest first."""
        order = sorted(range(len(sizes)), key=lambda k: -sizes[k])
        return [(1 << k, sizes[k], self.voters[k].voice) for k in order]

    def _together(self, chosen: Chosen, ranked: list[tuple[Chosen, float, str]]) -> float:
        total, before = 0.0, dict[str, int]()
        for bit, size, voice in ranked:
            if chosen & bit:
                k = before.get(voice, 0)
                before[voice] = k + 1
                total += size * self._counts[k]
        return total


def effective_votes(passes: int, correlation: float) -> float:
    """What so many equal votes of one voice come to. Kish 1965."""
    return passes / (1 + (passes - 1) * correlation)


@lru_cache(maxsize=256)
def _counts(correlation: float, most: int) -> tuple[float, ...]:
    """What the first, second, … vote of one voice counts."""
    effective = [effective_votes(k, correlation) for k in range(1, most + 1)]
    return tuple(now - before for now, before in zip(effective, [0.0, *effective], strict=False))


def mean_score(scores: Sequence[float]) -> float:
    """Mean clipped to [0, 1]; 0 where a score is not a number."""
    mean = sum(scores) / len(scores)
    return mean if 0.0 <= mean <= 1.0 else clipped(mean)


def clipped(score: float) -> float:
    """The score within [0, 1]; 0 where it is not a number."""
    return score if 0.0 <= score <= 1.0 else float(score > 1.0)
