from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.confidence import FEATURES, UNCALIBRATED, line_confidence, page_confidence, word_features
from transcription.htr.records import WordVote

SHARE = st.floats(0, 1)


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
    return word_features(text="word", alternatives=int(changes.pop("alternatives", 0)), **(known | changes))


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
