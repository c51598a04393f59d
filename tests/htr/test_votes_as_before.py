"""Votes on drawn lines, held to what they were: a quicker vote is the same vote."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

import numpy as np

from transcription.htr.records import Consensus, Hypothesis, ReadingRecord
from transcription.htr.voting import PassReading, vote
from transcription.training.vote_benchmarks import MIXES, draw_lines

VOTES = "dc9d25e0b71b28de58031a9c1f32431e58249920368cadd6b270ec1a31a91c80"


def _any_line(rng: np.random.Generator) -> list[PassReading]:
    """Up to seven readings of nonsense that have much in common: words broken and joined, marks, ties, empty texts,
    voices shared, n-best lists."""
    vocabulary = [
        "the",
        "to day",
        "today",
        "Hale",
        "Hales",
        "ſon",
        "son",
        "of[?]",
        "[…]",
        "⟦old⟧",
        "⸢new⸣",
        "e\u0301té",
        "été",
        "1842",
    ]
    true = [str(word) for word in rng.choice(vocabulary, rng.integers(0, 9))]
    line = []
    for k in range(int(rng.integers(1, 8))):
        words = [word for word in true if rng.random() > 0.08]
        letters = list(" ".join(words))
        for at in range(len(letters)):
            if rng.random() < 0.06:
                letters[at] = str(rng.choice(list("aeo ſ1[?")))
        text = "".join(letters)
        chars = tuple(float(score) for score in np.round(rng.random(len(text)), int(rng.integers(0, 4))))
        spans = tuple((i / len(text), (i + 1) / len(text)) for i in range(len(text))) if rng.random() < 0.7 else ()
        nbest = (Hypothesis(text, 0.6), Hypothesis(" ".join(true), 0.3)) if rng.random() < 0.5 else ()
        reading = ReadingRecord(k, text, chars, spans, nbest=nbest)
        weight = float(rng.choice([0.5, 1.0, 1.0, 2.0]))
        line.append(PassReading(f"pass{k}", f"engine{rng.integers(3)}", reading, weight, str(rng.choice(["", "a"]))))
    return line


def _told(consensus: Consensus) -> str:
    """All that a vote says, numbers to the sixth digit."""
    return repr(_rounded(asdict(consensus)))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6) + 0.0
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, (list, tuple)) else value


def test_the_votes_on_a_thousand_drawn_lines_are_what_they_were() -> None:
    """How a vote is counted may be written otherwise to be quicker; what comes out may not change with it. Whoever
    means to change it changes the digest, with the figures of `evaluate lines` before and after."""
    rng = np.random.default_rng(11)
    lines = [_any_line(rng) for _ in range(700)]
    lines += draw_lines(150, 5, MIXES["all_different"]) + draw_lines(150, 7, MIXES["mostly_alike"])
    told = hashlib.sha256()
    for line in lines:
        told.update(_told(vote(line)).encode())
    assert told.hexdigest() == VOTES
