"""How far passes err together: what a vote may make of one pass more of the same voice, and of another voice."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcription.errors import BadInput
from transcription.htr.calibration import word_labels
from transcription.htr.electorate import effective_votes
from transcription.htr.text import strict, words
from transcription.training.datasets import LineSample
from transcription.training.evaluation import Pass, read_in_passes

LEAST_WORDS = 500  # fewer say nothing about words that go wrong together
_DRAWS = 1000
_SEED = 20261125


@dataclass(frozen=True, slots=True)
class Misreadings:
    """Which true words each pass got wrong, (P, N), and the document each word is from, (N,)."""

    wrong: NDArray[np.bool_]
    documents: NDArray[np.int64]


def find_misreadings(samples: Iterable[LineSample], passes: Sequence[Pass]) -> Misreadings:
    """Read ``samples`` in each pass, in the language their set is named for. A pass that fails on a line has it all
    wrong. BadInput for too few words."""
    wrong: list[NDArray[np.bool_]] = []
    documents: list[int] = []
    by_set: dict[str, list[LineSample]] = defaultdict(list)
    for sample in samples:
        by_set[sample.set].append(sample)
    for name, lines in by_set.items():
        readings = read_in_passes([line.pixels for line in lines], passes, name.partition("_")[0])
        for line, found in zip(lines, readings, strict=True):
            true = words(strict(line.text))
            texts = {each.pass_name: each.reading.text for each in found}
            right = [word_labels(true, texts.get(each.name, "")) for each in passes]
            wrong.append(~np.array(right, dtype=bool).reshape(len(passes), len(true)))
            documents += [zlib.crc32(f"{name}/{line.page}".encode())] * len(true)
    if len(documents) < LEAST_WORDS:
        raise BadInput(f"{len(documents)} words are too few to see errors together; give at least {LEAST_WORDS}.")
    return Misreadings(np.concatenate(wrong, axis=1), np.array(documents))


def correlation(wrong: NDArray[np.bool_]) -> float:
    """Correlation of errors between any two of the passes (P, N) with P >= 2: the intraclass correlation of a binary
    trait. 1: they always err together; 0: as chance has it. 0 where nothing or all is wrong. Fleiss and Cuzick, Applied
    Psychological Measurement 3, 1979."""
    count = len(wrong)
    together = wrong.sum(axis=0)
    share = float(wrong.mean())
    if not 0 < share < 1:
        return 0.0
    return float(1 - (together * (count - together)).mean() / (count * (count - 1) * share * (1 - share)))


def report(found: Misreadings, passes: Sequence[Pass]) -> dict[str, Any]:
    """Each pass, each pair and each voice of several passes, with 95 % bootstrap intervals by document."""
    names = [each.name for each in passes]
    voices: dict[str, list[int]] = defaultdict(list)
    for k, each in enumerate(passes):
        voices[each.voice or each.engine].append(k)
    pairs = [
        {
            "passes": [names[i], names[j]],
            "same_voice": any({i, j} <= set(those) for those in voices.values()),
            "correlation": round(_phi(found.wrong[i], found.wrong[j]), 3),
        }
        for i, j in combinations(range(len(passes)), 2)
    ]
    return {
        "words": found.wrong.shape[1],
        "documents": len(np.unique(found.documents)),
        "wrong": dict(zip(names, np.round(found.wrong.mean(axis=1), 4).tolist(), strict=True)),
        "pairs": pairs,
        "voices": [_voice(found, [names[k] for k in those], those) for those in voices.values() if len(those) > 1],
    }


def _voice(found: Misreadings, names: list[str], those: list[int]) -> dict[str, Any]:
    measured = correlation(found.wrong[those])
    low, high = _interval(found.wrong[those], found.documents)
    return {
        "passes": names,
        "correlation": round(measured, 3),
        "correlation_low": round(low, 3),
        "correlation_high": round(high, 3),
        "effective_votes": round(effective_votes(len(those), measured), 2),
    }


def _interval(wrong: NDArray[np.bool_], documents: NDArray[np.int64]) -> tuple[float, float]:
    random = np.random.default_rng(_SEED)
    where = [np.flatnonzero(documents == each) for each in np.unique(documents)]
    drawn = []
    for _ in range(_DRAWS):
        chosen = np.concatenate([where[k] for k in random.integers(len(where), size=len(where))])
        drawn.append(correlation(wrong[:, chosen]))
    low, high = np.quantile(drawn, [0.025, 0.975]).tolist()
    return low, high


def _phi(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Pearson's correlation of two binary variables; unlike ``correlation`` it allows each its own error rate."""
    if one.all() or other.all() or not one.any() or not other.any():
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
