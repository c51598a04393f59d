from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.calibration import Calibration
from transcription.htr.confidence import FEATURES, UNCALIBRATED
from transcription.htr.explanation import CAUSES, OTHER, causes_of

VALUES = st.lists(st.floats(-5, 5), min_size=len(FEATURES), max_size=len(FEATURES))


def calibration(**weights: float) -> Calibration:
    """A model of the named features, all of mean 1 and scale 1."""
    ones = (1.0,) * len(weights)
    return Calibration("test", tuple(weights), tuple(weights.values()), 0.0, ones, ones)


def test_every_feature_of_a_word_belongs_to_a_cause() -> None:
    assert set(FEATURES) <= {feature for features in CAUSES.values() for feature in features}


def test_an_average_word_has_no_cause() -> None:
    found = causes_of(calibration(support=2.0, agreement=1.0), (1.0, 1.0))
    assert found == {"passes": 0.0, "line": 0.0}


def test_the_cause_that_moves_most_comes_first_and_says_in_which_direction() -> None:
    found = causes_of(calibration(support=1.0, agreement=3.0, length=0.5), (0.5, 0.0, 2.0))
    assert list(found) == ["line", "passes", "kind"]
    assert found["line"] < found["passes"] < 0 < found["kind"]


def test_features_that_say_the_same_are_one_cause() -> None:
    found = causes_of(calibration(support=4.0, margin=-4.0), (0.2, 0.2))
    assert found == {"passes": pytest.approx(0.0)}


def test_what_no_cause_names_is_not_lost() -> None:
    assert causes_of(calibration(support=1.0, rhymes=2.0), (1.0, 0.0))[OTHER] < 0


def test_values_of_another_model_are_not_explained() -> None:
    assert causes_of(UNCALIBRATED, (1.0, 2.0)) == {}
    assert causes_of(UNCALIBRATED, ()) == {}


@given(VALUES)
def test_a_cause_moves_a_probability_by_no_more_than_there_is(values: list[float]) -> None:
    found = causes_of(UNCALIBRATED, values)
    assert set(found) == set(CAUSES)
    assert all(-1 <= moved <= 1 for moved in found.values())
