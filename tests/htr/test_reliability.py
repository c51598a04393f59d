from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.reliability import (
    auroc,
    errors_found,
    expected_calibration_error,
    log_losses,
    reliability,
    wilson,
)


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


def test_each_bin_says_what_was_claimed_and_what_came_true() -> None:
    bins = reliability([0.05, 0.81, 0.89, 1.0], [False, True, False, True])
    assert [(each.n, each.low) for each in bins if each.n] == [(1, 0.0), (2, 0.8), (1, 0.9)]
    eighth = bins[8]
    assert (eighth.predicted, eighth.observed) == (pytest.approx(0.85), 0.5)
    assert eighth.lowest < 0.5 < eighth.highest
    assert bins[9].predicted == 1
    assert math.isnan(bins[4].predicted)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_bins_hold_every_word_once(rows: list[tuple[float, bool]]) -> None:
    bins = [each for each in reliability([p for p, _ in rows], [right for _, right in rows]) if each.n]
    assert sum(each.n for each in bins) == len(rows)
    assert sum(each.n * each.observed for each in bins) == pytest.approx(sum(right for _, right in rows))
    assert all(each.low - 1e-9 <= each.predicted <= each.high + 1e-9 for each in bins)
    assert all(each.lowest - 1e-9 <= each.observed <= each.highest + 1e-9 for each in bins)


def test_an_interval_is_that_of_the_textbook() -> None:
    assert wilson(8, 10) == (pytest.approx(0.490, abs=1e-3), pytest.approx(0.943, abs=1e-3))
    assert wilson(0, 10)[0] == 0
    assert all(map(math.isnan, wilson(0, 0)))


def test_errors_found_compares_with_the_best_of_rankings() -> None:
    wrong = [True, True, False, False, False, False, False, False, False, False]
    assert errors_found(range(10), wrong) == 1
    assert errors_found(range(10, 0, -1), wrong) == 0
    # Three are wrong, two are looked at: two is all that any ranking could find.
    assert errors_found(range(10), [True, False, True, True, *[False] * 6]) == 0.5
    assert errors_found([0.5] * 10, wrong) == pytest.approx(0.2)
    assert math.isnan(errors_found(range(10), [False] * 10))


def test_log_losses_punish_certainty_that_fails() -> None:
    assert log_losses([0.5], [True])[0] == pytest.approx(math.log(2))
    assert np.isfinite(log_losses([1.0, 0.0], [False, True])).all()
