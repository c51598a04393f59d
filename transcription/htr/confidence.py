"""How sure we are: of a word, of a line, of a page.

A word's confidence is P(the word is right). A line's and a page's are the expected share of right words, so that
they add up: the words of a page at confidence 0.9 are expected to hold one wrong word in ten.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from transcription.htr.calibration import Calibration, Value
from transcription.htr.expected_errors import Claim
from transcription.htr.hypotheses import beliefs
from transcription.htr.records import ReadingRecord, WordVote

# What is known of a word when the vote is over. Stored with votes: append, never reorder.
FEATURES = (
    "min_char",  # logit of the lowest character score of the best reading that has the word
    "mean_char",  # logit of the mean character score of that reading's word
    "support",  # share of the vote
    "margin",  # support less that of the strongest alternative
    "alternatives",  # log(1 + number of other readings of the word, "no word" included)
    "votes",  # log of the effective votes behind the word: 0 for one engine's one pass
    "agreement",  # mean likeness of the line's readings, in pairs
    "length",  # log(number of characters)
    "letters",  # share of the characters that are letters: figures and marks are read worse
    "belief",  # share of the n-best lists, by their shares, in which the word stands; None where there are none
    "known",  # 1 where word list or vocabulary hold the word, else 0; None where neither can tell
)
# Better evidence never lowers confidence, whatever a few hundred words would have it.
DIRECTIONS: Mapping[str, int] = MappingProxyType(
    dict.fromkeys(("min_char", "mean_char", "support", "margin", "votes", "agreement", "belief", "known"), 1)
    | {"alternatives": -1}
)

UNSURE_BELOW = 0.7  # a word that a person is asked about

_SURE = 6.9  # logit(0.999): beyond it, scores of sequence recognisers say nothing more


def word_features(
    *,
    text: str,
    min_char: float,
    mean_char: float,
    support: float,
    runner_up: float,
    alternatives: int,
    votes: float,
    agreement: float,
) -> tuple[float, ...]:
    """The first nine of ``FEATURES``, which the vote itself tells; scores and shares in [0, 1], ``votes`` effective."""
    return (
        _logit(min_char),
        _logit(mean_char),
        support,
        support - runner_up,
        math.log1p(alternatives),
        math.log(max(votes, 0.1)),
        agreement,
        *_shape(text),
    )


@lru_cache(maxsize=4096)  # a few words make up most of what is written
def _shape(text: str) -> tuple[float, float]:
    length = max(1, len(text))
    return math.log(length), sum(map(str.isalpha, text)) / length


# Until a calibration has been fitted on ground truth: set by hand to doubt. One engine's word stays below 0.9 however
# high its scores, as sequence recognisers are overconfident; it passes 0.9 only where other engines agree.
UNCALIBRATED = Calibration(
    id="uncalibrated",
    features=FEATURES,
    weights=(0.2, 0.2, 0.0, 2.0, -0.3, 0.6, 0.5, 0.0, 0.0, 0.0, 0.0),
    bias=-3.1,
    means=(0.0,) * len(FEATURES),
    scales=(1.0,) * len(FEATURES),
)


def calibration_from(bundle: Mapping[str, Any] | None) -> Calibration:
    """The calibration of a profile version's bundle; the conservative one where none was fitted."""
    return Calibration.from_json(json.dumps(bundle)) if bundle else UNCALIBRATED


# Whether a text is made of known words; None where that cannot be told, as of figures or without a word list.
Knows = Callable[[str], bool | None]


def tells_nothing(_text: str) -> bool | None:
    """Stands where there is neither word list nor vocabulary."""
    return None


def assess(
    words: Sequence[WordVote],
    readings: Sequence[tuple[ReadingRecord, float]],
    calibration: Calibration,
    knows: Knows = tells_nothing,
) -> tuple[WordVote, ...]:
    """``words`` of a line with all their features and their confidence; ``readings`` come with their weights."""
    believed = beliefs([word.text for word in words], readings)
    assessed = []
    for word, belief in zip(words, believed, strict=True):
        known = knows(word.text)
        features: tuple[Value, ...] = (*word.features, belief, None if known is None else float(known))
        confidence = calibration.probability(chosen(features, calibration))
        # Written out, as `replace` takes four times as long and every word comes by here.
        assessed.append(
            WordVote(
                word.text,
                word.score,
                confidence,
                word.support,
                word.span,
                word.passes,
                word.alternatives,
                features,
            )
        )
    return tuple(assessed)


def chosen(features: Sequence[Value], calibration: Calibration) -> tuple[Value, ...]:
    """Of a word's ``FEATURES`` those that ``calibration`` weighs, in its order; one that was not stored is None.

    Calibrations of earlier versions weigh fewer, votes of earlier versions hold fewer.
    """
    if calibration.features == FEATURES[: len(features)]:
        return tuple(features)
    known = dict(zip(FEATURES, features, strict=False))
    return tuple([known.get(name) for name in calibration.features])


def claims_of(words: Iterable[WordVote]) -> list[Claim]:
    """What `htr.expected_errors` counts with."""
    return [(word.confidence, len(word.text)) for word in words]


def line_confidence(words: Sequence[WordVote]) -> float:
    """Expected share of right words; 0 for a line in which nothing was read, as ink was found there."""
    return math.fsum(word.confidence for word in words) / len(words) if words else 0.0


def page_confidence(lines: Iterable[tuple[float, int]]) -> float:
    """Expected share of right words from each line's (confidence, number of words).

    A line without words counts as one wrong word: a page with lines but no text has confidence 0. A page without
    lines is blank, nothing on it can be misread, and it has 1; whether it truly is blank is for the segmenter's checks.
    """
    right, total = 0.0, 0
    for confidence, words in lines:
        right += confidence * words
        total += max(1, words)
    return right / total if total else 1.0


def _logit(p: float) -> float:
    if not 0.0 < p < 1.0:
        return _SURE if p >= 1.0 else -_SURE
    value = math.log(p / (1.0 - p))
    return value if -_SURE < value < _SURE else math.copysign(_SURE, value)
