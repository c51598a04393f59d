from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.engines.registry import WEIGHTS
from transcription.htr.calibration import Calibration
from transcription.htr.confidence import (
    DIRECTIONS,
    FEATURES,
    UNCALIBRATED,
    assess,
    chosen,
    line_confidence,
    page_confidence,
    word_features,
)
from transcription.htr.hypotheses import beliefs
from transcription.htr.records import Hypothesis, ReadingRecord, WordVote

SHARE = st.floats(0, 1)
SHIPPED = Calibration.from_json((WEIGHTS / "starter-calibration.json").read_text(encoding="utf-8"))


def word(confidence: float) -> WordVote:
    return WordVote(text="word", score=0.5, confidence=confidence, support=1.0)


def features(**changes: float) -> tuple[float, ...]:
    known: dict[str, float] = {
        "min_char": 0.9,
        "mean_char": 0.97,
        "support": 1.0,
        "runner_up": 0.0,
        "votes": 1.0,
        "agreement": 1.0,
    }
    told = word_features(text="word", alternatives=int(changes.pop("alternatives", 0)), **(known | changes))
    return (*told, 0.5, 1.0)


def test_line_confidence_is_the_expected_share_of_right_words() -> None:
    assert line_confidence([word(1.0), word(0.5)]) == pytest.approx(0.75)
    assert line_confidence([]) == 0


def test_page_confidence_weighs_lines_by_their_words() -> None:
    assert page_confidence([(0.9, 9), (0.1, 1)]) == pytest.approx(0.82)


def test_a_blank_page_is_sure_and_a_page_with_unread_lines_is_not() -> None:
    assert page_confidence([]) == 1
    assert page_confidence([(0.0, 0), (0.0, 0)]) == 0
    assert page_confidence([(1.0, 1), (0.0, 0)]) == pytest.approx(0.5)


def test_features_stand_in_the_order_of_their_names() -> None:
    values = dict(zip(FEATURES, features(support=0.6, runner_up=0.4, alternatives=1), strict=True))
    assert values["support"] == 0.6
    assert values["margin"] == pytest.approx(0.2)
    assert values["letters"] == 1
    assert values["votes"] == 0


def test_without_calibration_one_engine_is_never_trusted_beyond_nine_tenths() -> None:
    alone = UNCALIBRATED.probability(features(min_char=1.0, mean_char=1.0))
    assert 0.5 < alone < 0.9
    assert UNCALIBRATED.probability(features(min_char=1.0, mean_char=1.0, votes=3.0)) > alone


@given(SHARE, SHARE, SHARE, SHARE)
def test_without_calibration_better_evidence_never_lowers_confidence(
    low: float, high: float, a: float, b: float
) -> None:
    low, high = sorted((low, high))
    for name in ("min_char", "mean_char", "support", "agreement"):
        others = {"agreement": a, "mean_char": b}
        less, more = (UNCALIBRATED.probability(features(**(others | {name: value}))) for value in (low, high))
        assert less <= more + 1e-12


def reading(*nbest: tuple[str, float]) -> ReadingRecord:
    text = nbest[0][0]
    return ReadingRecord(0, text, (0.9,) * len(text), nbest=tuple(Hypothesis(*each) for each in nbest))


def test_what_recognisers_weighed_besides_casts_doubt_on_a_word() -> None:
    doubted = reading(("the old house", 0.6), ("the cold house", 0.4))
    assert beliefs(["the", "old", "house"], [(doubted, 1.0)]) == pytest.approx([1.0, 0.6, 1.0])
    sure = reading(("the old house", 1.0))
    assert beliefs(["old"], [(sure, 3.0), (doubted, 1.0)]) == pytest.approx([0.9])
    assert beliefs(["the old", "house"], [(doubted, 1.0)]) == pytest.approx([0.6, 1.0])


def test_recognisers_that_do_not_say_what_they_weighed_leave_it_open() -> None:
    silent = ReadingRecord(0, "old", (0.9,) * 3)
    assert beliefs(["old"], [(silent, 1.0)]) == [None]
    assert beliefs(["old"], [(silent, 1.0), (reading(("old", 0.7), ("cold", 0.3)), 1.0)]) == pytest.approx([0.7])


def test_a_word_is_assessed_with_all_that_is_known_of_it() -> None:
    voted = WordVote(text="word", score=0.5, confidence=0.0, support=1.0, features=features()[:9])
    (unknown,) = assess([voted], [(reading(("word", 0.7), ("ward", 0.3)), 1.0)], SHIPPED, lambda _: False)
    (known,) = assess([voted], [(reading(("word", 0.7), ("ward", 0.3)), 1.0)], SHIPPED, lambda _: True)
    assert unknown.features == (*features()[:9], pytest.approx(0.7), 0.0)
    assert unknown.confidence < known.confidence
    (open_,) = assess([voted], [], SHIPPED)
    assert open_.features[9:] == (None, None)


@given(st.sampled_from(sorted(DIRECTIONS)), st.lists(st.floats(-7, 7), min_size=11, max_size=11), st.floats(0, 5))
def test_with_the_shipped_calibration_better_evidence_never_lowers_confidence(
    name: str, values: list[float], more: float
) -> None:
    better = list(values)
    better[FEATURES.index(name)] += more * DIRECTIONS[name]
    assert SHIPPED.probability(better) >= SHIPPED.probability(values) - 1e-12


def test_a_calibration_of_an_earlier_version_weighs_the_features_it_was_fitted_on() -> None:
    earlier = replace(SHIPPED, features=FEATURES[:2], weights=(1.0, 2.0), means=(0.0, 0.0), scales=(1.0, 1.0))
    assert chosen((0.5, 0.25, 9.0), earlier) == (0.5, 0.25)
    assert chosen((0.5,), earlier) == (0.5, None)
