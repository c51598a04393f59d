from __future__ import annotations

import pytest

from transcription.htr.metrics import LineScore, score_line
from transcription.training.gain import gain_over_best

REFERENCE = "abcdefghij"


def lines(*wrong: int, documents: int = 5) -> list[LineScore]:
    """One line for each number of wrong characters, spread over documents."""
    return [score_line(f"d{n % documents}", REFERENCE, "#" * bad + REFERENCE[bad:]) for n, bad in enumerate(wrong)]


def test_the_gain_is_over_the_pass_that_is_best_on_the_mean_over_sets() -> None:
    voted = {"a": lines(1, 1, 1, 1, 1), "b": lines(4, 4, 4, 4, 4)}
    good = {"a": lines(2, 2, 2, 2, 2), "b": lines(4, 4, 4, 4, 4)}
    poor = {"a": lines(1, 1, 1, 1, 1), "b": lines(6, 6, 6, 6, 6)}
    found = gain_over_best(voted, {"poor": poor, "good": good})
    assert found["over"] == "good"
    assert found["sets"]["a"]["gain"] == pytest.approx(0.5)
    assert found["sets"]["b"]["gain"] == 0
    assert found["mean"]["gain"] == pytest.approx(1 - 0.25 / 0.3)


def test_pairs_make_the_interval_narrow_where_both_fail_on_the_same_documents() -> None:
    hard = (1, 8, 2, 9, 1, 7)
    single = {"a": lines(*hard, documents=6)}
    voted = {"a": lines(*(bad - 1 for bad in hard), documents=6)}
    mean = gain_over_best(voted, {"only": single})["mean"]
    assert mean["gain"] == pytest.approx(6 / 28)
    assert 0.1 < mean["gain_low"] < mean["gain"] < mean["gain_high"] < 0.6


def test_a_vote_that_loses_has_a_gain_below_nothing_and_perfect_passes_leave_none() -> None:
    right, wrong = {"a": lines(0, 0)}, {"a": lines(1, 1)}
    assert gain_over_best({"a": lines(2, 2)}, {"one": wrong})["mean"]["gain"] == pytest.approx(-1)
    assert gain_over_best(right, {"one": right})["mean"] == {"gain": 0, "gain_low": 0, "gain_high": 0}
