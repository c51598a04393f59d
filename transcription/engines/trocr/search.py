"""Which tokens a line is read as: the best at each step, or beams as transformers' `generate` weighs them.

A line leaves its batch as soon as it is done, and what is decided about it never looks at other lines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from transcription.engines.trocr.decoder import SteppingDecoder

EarlyStopping = Literal["no", "yes", "never"]
LONGEST_PERIOD = 8  # tokens of a stretch that is looked for behind itself


@dataclass(frozen=True, slots=True)
class Found:
    """A text as tokens, the sign that ends it included where it was reached, with each token's natural logarithm of its
    probability. ``score`` is what beams are ranked by."""

    tokens: tuple[int, ...]
    log_probs: tuple[float, ...]
    score: float
    ended: bool = True

    @property
    def total(self) -> float:
        return sum(self.log_probs)


@dataclass(frozen=True, slots=True)
class Rules:
    """How a line is searched. ``repeats``: after so many tokens of one stretch of up to eight over and over, and at
    least four times, a text is given up there; 0 never does. ``early_stopping`` is
    `generate`'s False, True or "never"."""

    start: int
    ends: tuple[int, ...]
    beams: int = 1
    length_penalty: float = 1.0
    early_stopping: EarlyStopping = "no"
    least: int = 0  # tokens before the end is allowed
    repeats: int = 0


def search(decoder: SteppingDecoder, states: Tensor, longest: Sequence[int], rules: Rules) -> list[list[Found]]:
    """The texts found for each line of ``states`` (lines, S, E), best first, of at most ``longest`` tokens each.

    A line at which the network's numbers are no numbers has no text.
    """
    assert len(longest) == len(states), (len(longest), states.shape)
    with torch.inference_mode():
        return _beams(decoder, states, longest, rules) if rules.beams > 1 else _greedy(decoder, states, longest, rules)


def period(tokens: Sequence[int], repeats: int) -> int:
    """How long the stretch is that ``tokens`` end with over and over (at least four times, ``repeats`` tokens in all);
    0 when there is none."""
    for length in range(1, LONGEST_PERIOD + 1):
        span = max(repeats, 4 * length)
        if len(tokens) >= span and all(
            tokens[-place] == tokens[-place - length] for place in range(1, span - length + 1)
        ):
            return length
    return 0


def without_repeats(found: Found, repeats: int) -> Found:
    """``found`` as it is, or with one of the stretches it ends with over and over: the others were not on the line."""
    length = period(found.tokens, repeats) if repeats and not found.ended else 0
    if not length:
        return found
    keep = len(found.tokens)
    while keep > length and found.tokens[keep - 1] == found.tokens[keep - 1 - length]:
        keep -= 1
    return Found(found.tokens[:keep], found.log_probs[:keep], found.score, ended=False)


def _greedy(decoder: SteppingDecoder, states: Tensor, longest: Sequence[int], rules: Rules) -> list[list[Found]]:
    tokens: list[list[int]] = [[] for _ in longest]
    log_probs: list[list[float]] = [[] for _ in longest]
    results: list[list[Found]] = [[] for _ in longest]
    running = list(range(len(longest)))
    memory = decoder.memory(len(running), max(longest))
    last = torch.full((len(running),), rules.start, device=states.device)
    for length in range(1, max(longest) + 1):
        every = decoder.step(last, memory, states).log_softmax(-1)
        best, last = _allowed(every, length, rules).max(-1)
        values = best.tolist()
        for place, (line, token) in enumerate(zip(running, last.tolist(), strict=True)):
            tokens[line].append(token)
            log_probs[line].append(values[place])
        going = []
        for place, line in enumerate(running):
            ended = tokens[line][-1] in rules.ends
            broken = not math.isfinite(values[place])
            over = length >= longest[line] or (rules.repeats and period(tokens[line], rules.repeats))
            if ended or over or broken:
                total = sum(log_probs[line])
                if not broken:
                    found = Found(tuple(tokens[line]), tuple(log_probs[line]), total / length, ended)
                    results[line] = [without_repeats(found, rules.repeats)]
            else:
                going.append(place)
        if not going:
            break
        if len(going) < len(running):
            rows = torch.tensor(going, device=states.device)
            running, last, states = [running[place] for place in going], last[rows], states[rows]
            memory.take(rows)
    return results


@dataclass(slots=True)
class _Line:
    """One line's beams: those that still run and those that ended, both best first."""

    longest: int
    running: list[Found] = field(default_factory=lambda: [Found((), (), 0.0, ended=False)])
    ended: list[Found] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    done: bool = False

    def go_on(self, candidates: Sequence[tuple[float, int, int]], rules: Rules) -> None:
        """Take the best continuations, (sum of log-probabilities, beam, token) best first, as `generate` takes them:
        those among the first ``beams`` that end are kept as texts, the best that do not end run on."""
        length = len(self.running[0].tokens) + 1
        kept: list[Found] = []
        parents: list[int] = []
        for place, (total, beam, token) in enumerate(candidates):
            before = self.running[beam]
            if not math.isfinite(total):
                continue
            tokens = (*before.tokens, token)
            log_probs = (*before.log_probs, total - before.score)
            ended = token in rules.ends
            if ended or length >= self.longest or (rules.repeats and period(tokens, rules.repeats)):
                if place < rules.beams:
                    whole = Found(tokens, log_probs, total / length**rules.length_penalty, ended)
                    self.ended.append(without_repeats(whole, rules.repeats))
            elif len(kept) < rules.beams:
                kept.append(Found(tokens, log_probs, total, ended=False))
                parents.append(beam)
        self.ended = sorted(self.ended, key=lambda found: -found.score)[: rules.beams]
        self.done = not kept or self._is_decided(kept[0].score, length, rules)
        while kept and len(kept) < rules.beams:  # rows are laid out for all beams: one without hope takes the place
            kept.append(replace(kept[0], score=-math.inf))
            parents.append(parents[0])
        self.running, self.parents = kept, parents

    def _is_decided(self, best: float, length: int, rules: Rules) -> bool:
        """Whether `generate` would look no further: it has all the texts it wants, and no running beam is better."""
        if len(self.ended) < rules.beams:
            return False
        if rules.early_stopping == "yes":
            return True
        reach = self.longest if rules.early_stopping == "never" and rules.length_penalty > 0 else length
        possible: float = best / reach**rules.length_penalty
        return possible <= self.ended[-1].score


def _beams(decoder: SteppingDecoder, states: Tensor, longest: Sequence[int], rules: Rules) -> list[list[Found]]:
    lines = [_Line(most) for most in longest]
    running = lines
    memory = decoder.memory(len(lines) * rules.beams, max(longest))
    memory.rows, each = len(lines), 1  # one empty beam a line; they part at the first step
    last = torch.full((len(lines),), rules.start, device=states.device)
    for length in range(1, max(longest) + 1):
        totals = _allowed(decoder.step(last, memory, states).log_softmax(-1), length, rules)
        words = totals.shape[1]
        if length > 1:
            totals += torch.tensor([[beam.score] for line in running for beam in line.running], device=states.device)
        totals = totals.view(len(running), -1)
        best = totals.topk(min(max(2, 1 + len(rules.ends)) * rules.beams, totals.shape[1]))
        for line, values, places in zip(running, best.values.tolist(), best.indices.tolist(), strict=True):
            candidates = [(value, *divmod(place, words)) for value, place in zip(values, places, strict=True)]
            line.go_on(candidates, rules)
        going = [place for place, line in enumerate(running) if not line.done]
        if not going:
            break
        if len(going) < len(running):
            states = states[torch.tensor(going, device=states.device)]
        rows = [place * each + parent for place in going for parent in running[place].parents]
        running, each = [running[place] for place in going], rules.beams
        memory.take(torch.tensor(rows, device=states.device))
        last = torch.tensor([beam.tokens[-1] for line in running for beam in line.running], device=states.device)
    return [line.ended for line in lines]


def _allowed(log_probs: Tensor, length: int, rules: Rules) -> Tensor:
    """``log_probs`` (rows, V) with no chance for an end before ``rules.least`` tokens stand."""
    if length <= rules.least:
        log_probs[:, list(rules.ends)] = -math.inf
    return log_probs
