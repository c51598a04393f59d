from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.drift import drifted, ks_p_value

values = st.lists(st.floats(-100, 100), min_size=1, max_size=60)


@given(values, values)
def test_a_p_value_lies_between_0_and_1_whichever_sample_is_first(first: list[float], second: list[float]) -> None:
    p = ks_p_value(first, second)
    assert 0 <= p <= 1
    assert p == ks_p_value(second, first)


@given(values)
def test_a_sample_is_like_itself(sample: list[float]) -> None:
    assert ks_p_value(sample, sample) == 1.0


def test_samples_of_one_distribution_are_called_different_as_often_as_the_level_says() -> None:
    rng = np.random.default_rng(1)
    low = [ks_p_value(rng.normal(size=200).tolist(), rng.normal(size=50).tolist()) < 0.05 for _ in range(600)]
    assert 0.02 <= np.mean(low) <= 0.07


def test_counts_with_many_ties_are_called_different_no_more_often() -> None:
    rng = np.random.default_rng(2)
    low = [
        ks_p_value(rng.poisson(4, 200).astype(float).tolist(), rng.poisson(4, 50).astype(float).tolist()) < 0.05
        for _ in range(400)
    ]
    assert np.mean(low) <= 0.06


def test_a_hundred_blocks_of_the_same_material_hardly_ever_raise_an_alarm() -> None:
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(60):
        reference = {"confidence": rng.beta(8, 2, 300).tolist(), "lines": rng.poisson(25, 300).astype(float).tolist()}
        alarms += any(
            drifted(
                reference,
                {"confidence": rng.beta(8, 2, 50).tolist(), "lines": rng.poisson(25, 50).astype(float).tolist()},
                number=number,
            )
            for number in range(1, 101)
        )
    assert alarms <= 3


def test_other_material_is_noticed_by_the_feature_that_tells() -> None:
    rng = np.random.default_rng(4)
    reference = {"confidence": rng.beta(8, 2, 300).tolist(), "lines": rng.normal(25, 3, 300).tolist()}
    other = {"confidence": rng.beta(8, 2, 50).tolist(), "lines": rng.normal(34, 3, 50).tolist()}
    assert drifted(reference, other, number=3) == "lines"


def test_nothing_is_said_of_a_handful_of_pages_or_of_features_that_one_side_lacks() -> None:
    assert drifted({"ink": [0.1] * 100}, {"ink": [0.9] * 5}, number=1) is None
    assert drifted({"ink": [0.1] * 100}, {"lines": [0.9] * 50}, number=1) is None
