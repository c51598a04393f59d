from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.calibration import Calibration, fit, refit, word_labels
from transcription.htr.expected_errors import ErrorModel
from transcription.htr.reliability import expected_calibration_error, log_losses

NAMES = ("a", "b")


def drawn(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Words whose P(right) is truly logistic in two features."""
    rng = np.random.default_rng(seed)
    values = rng.normal((1.0, -3.0), (2.0, 0.5), (count, 2))
    p = 1 / (1 + np.exp(-(0.5 + 0.8 * values[:, 0] + 1.0 * (values[:, 1] + 3))))
    return values, rng.random(count) < p


def test_a_fit_recovers_the_truth_and_is_calibrated_on_unseen_words() -> None:
    calibration = fit(*drawn(20_000), NAMES)
    slopes = np.array(calibration.weights) / calibration.scales
    assert slopes == pytest.approx([0.8, 1.0], abs=0.08)
    unseen, right = drawn(20_000, seed=1)
    assert expected_calibration_error(calibration.apply(unseen), right) < 0.02


def test_json_gives_the_same_calibration_back() -> None:
    calibration = fit(*drawn(200), NAMES)
    assert Calibration.from_json(calibration.to_json()) == calibration
    assert len(calibration.id) == 16


@pytest.mark.parametrize("text", ["[]", "{}", '{"id": "x"}', "not json"])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Calibration.from_json(text)


def test_one_word_and_many_words_get_the_same_probability() -> None:
    values, right = drawn(50)
    calibration = fit(values, right, NAMES)
    singly = [calibration.probability(row) for row in values.tolist()]
    assert calibration.apply(values) == pytest.approx(singly)


@pytest.mark.parametrize("label", [True, False])
def test_a_set_of_one_kind_promises_no_certainty(label: bool) -> None:
    values, _ = drawn(50)
    p = fit(values, [label] * 50, NAMES).apply(values)
    assert ((p > 0.9) if label else (p < 0.1)).all()
    assert ((p > 0.001) & (p < 0.999)).all()


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.booleans()), min_size=1, max_size=20))
def test_a_fit_never_fails_on_finite_values(rows: list[tuple[float, float, bool]]) -> None:
    calibration = fit([row[:2] for row in rows], [row[2] for row in rows], NAMES)
    assert np.isfinite(calibration.weights).all()
    assert (calibration.apply([row[:2] for row in rows]) >= 0).all()
    assert math.isfinite(calibration.bias)


def test_separable_and_constant_features_converge() -> None:
    calibration = fit([[0.0, 5.0]] * 20 + [[1.0, 5.0]] * 20, [False] * 20 + [True] * 20, NAMES)
    low, high = calibration.apply([[0.0, 5.0], [1.0, 5.0]])
    assert low < 0.2
    assert high > 0.8


def test_no_words_and_infinite_values_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        fit(np.zeros((0, 2)), [], NAMES)
    with pytest.raises(ValueError, match="finite"):
        fit([[math.inf, 0.0]], [True], NAMES)


def test_what_nothing_is_known_of_speaks_neither_for_nor_against() -> None:
    values, right = drawn(400)
    calibration = fit(values, right, NAMES)
    average = [calibration.means[0], values[0, 1]]
    assert calibration.probability([None, values[0, 1]]) == pytest.approx(calibration.probability(average))
    assert calibration.apply([[math.nan, values[0, 1]]])[0] == pytest.approx(calibration.probability(average))
    assert calibration.contributions([None, None]) == (0, 0)
    half = values.copy()
    half[::2, 0] = math.nan
    assert fit(half, right, NAMES).weights[0] > 0


def test_contributions_add_up_to_the_verdict() -> None:
    values, right = drawn(400)
    calibration = fit(values, right, NAMES)
    logit = calibration.bias + sum(calibration.contributions(values[0].tolist()))
    assert calibration.probability(values[0].tolist()) == pytest.approx(1 / (1 + math.exp(-logit)))


def test_a_feature_may_be_held_to_one_direction() -> None:
    values, right = drawn(2000)
    assert fit(values, right, NAMES).weights[1] > 0
    held = fit(values, right, NAMES, directions={"b": -1})
    assert held.weights[1] == 0
    assert held.weights[0] == pytest.approx(fit(values, right, NAMES).weights[0], abs=0.2)
    prior = fit(*drawn(2000, seed=3), NAMES, directions={"b": -1})
    assert refit(values, right, prior, strength=1, directions={"b": -1}).weights[1] == 0


def test_a_refit_stays_near_its_prior_with_few_words_and_leaves_it_with_many() -> None:
    prior = fit(*drawn(5000), NAMES)
    values, _ = drawn(4000, seed=1)
    rng = np.random.default_rng(2)
    right = rng.random(4000) < 1 / (1 + np.exp(-(2.0 - 0.5 * values[:, 0])))  # another hand: the first feature misleads
    few, many = (refit(values[:n], right[:n], prior, strength=20) for n in (10, 4000))
    truth = np.array([-0.5, 0.0])

    def distance(calibration: Calibration) -> float:
        return float(np.abs(np.array(calibration.weights) / calibration.scales - truth).sum())

    assert distance(many) < 0.1 < distance(few) < distance(prior)
    assert log_losses(many.apply(values), right).mean() < log_losses(prior.apply(values), right).mean()
    assert (many.means, many.scales) == (prior.means, prior.scales)
    assert many.id != prior.id


def test_a_refit_on_what_the_prior_already_says_changes_little() -> None:
    prior = fit(*drawn(5000), NAMES)
    again = refit(*drawn(5000, seed=9), prior, strength=20)
    assert again.weights == pytest.approx(prior.weights, abs=0.15)


def test_calibrations_of_earlier_versions_say_nothing_of_characters() -> None:
    old = json.loads(fit(*drawn(200), NAMES).to_json())
    del old["errors"]
    assert Calibration.from_json(json.dumps(old)).errors is None
    model = ErrorModel(1.5, 0.1, 0.0, 0.3, 0.8)
    whole = replace(fit(*drawn(200), NAMES), errors=model).named()
    assert Calibration.from_json(whole.to_json()) == whole


def test_words_are_right_where_the_reference_has_them() -> None:
    assert word_labels(["the", "o1d", "house"], "the old house") == [True, False, True]
    assert word_labels(["the", "big", "old", "house"], "the old house") == [True, False, True, True]
    assert word_labels(["old", "house"], "the old house") == [True, True]
    assert word_labels([], "the old house") == []
    assert word_labels(["the"], "") == [False]


def test_labels_fold_marks_and_hold_units_of_two_words_together() -> None:
    assert word_labels(["the", "⟦old⟧", "houſe"], "the old house") == [True, True, True]
    assert word_labels(["to day", "we"], "to day we") == [True, True]
    assert word_labels(["to day", "we"], "today we") == [False, True]
    assert word_labels(["[?]", "we"], "we") == [True, True]
