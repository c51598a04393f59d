from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.calibration import Calibration, auroc, expected_calibration_error, fit, word_labels

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


def test_calibration_error_measures_the_gap() -> None:
    assert expected_calibration_error([0.8] * 10, [True] * 8 + [False] * 2) == pytest.approx(0)
    assert expected_calibration_error([1.0] * 10, [True] * 8 + [False] * 2) == pytest.approx(0.2)
    assert expected_calibration_error([], []) == 0


def test_auroc_is_the_share_of_pairs_in_order() -> None:
    assert auroc([0.1, 0.9], [True, False]) == 1
    assert auroc([0.9, 0.1], [True, False]) == 0
    assert auroc([0.5, 0.5, 0.5], [True, False, False]) == 0.5
    assert math.isnan(auroc([0.5], [False]))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30))
def test_auroc_equals_counting_pairs(rows: list[tuple[int, bool]]) -> None:
    pairs = [(r < s) + (r == s) / 2 for r, wrong in rows if wrong for s, other in rows if not other]
    found = auroc([row[0] for row in rows], [row[1] for row in rows])
    assert math.isnan(found) if not pairs else found == pytest.approx(sum(pairs) / len(pairs))


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
