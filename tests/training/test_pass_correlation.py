from __future__ import annotations

import json

import numpy as np
import pytest

from transcription.htr.electorate import effective_votes
from transcription.training.evaluation import Pass
from transcription.training.pass_correlation import Misreadings, correlation, report


class Nothing:
    def recognize(self, crops: object, hints: object) -> object:
        raise AssertionError("nothing is read here")


def errors(rho: float, *, passes: int = 4, words: int = 20_000, share: float = 0.3) -> np.ndarray:
    """Errors of passes that all copy one of their own with probability √ρ, and else err by themselves."""
    rng = np.random.default_rng(3)
    common = rng.random(words) < share
    copies = rng.random((passes, words)) < np.sqrt(rho)
    return np.where(copies, common, rng.random((passes, words)) < share)


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.8, 1.0])
def test_the_correlation_that_was_put_in_is_found(rho: float) -> None:
    assert correlation(errors(rho)) == pytest.approx(rho, abs=0.02)


def test_two_passes_that_never_err_together_are_correlated_negatively() -> None:
    assert correlation(np.array([[True, False] * 50, [False, True] * 50])) == pytest.approx(-1.0)


def test_where_nothing_is_wrong_nothing_is_known() -> None:
    assert correlation(np.zeros((3, 10), dtype=bool)) == 0.0


def test_a_voice_of_several_passes_is_worth_as_many_votes_as_its_errors_allow() -> None:
    passes = [Pass(f"{k}+a", "a", Nothing(), voice="A") for k in range(3)] + [Pass("plain+b", "b", Nothing())]  # type: ignore[arg-type]
    wrong = np.concatenate([errors(0.8, passes=3), ~errors(0.0, passes=1)])
    found = report(Misreadings(wrong, np.repeat(np.arange(40), 500)), passes)
    assert json.loads(json.dumps(found)) == found
    [voice] = found["voices"]
    assert voice["passes"] == ["0+a", "1+a", "2+a"]
    assert voice["correlation_low"] < voice["correlation"] < voice["correlation_high"]
    assert voice["effective_votes"] == pytest.approx(effective_votes(3, 0.8), abs=0.03)
    assert [pair["same_voice"] for pair in found["pairs"]] == [True, True, False, True, False, False]
    assert found["documents"] == 40
