from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.training.grams import Counts, count, prune, smooth

ALPHABET = "ab "


def seen(counted: Counts, size: int) -> dict[tuple[int, ...], float]:
    """Counts by the n-gram's classes."""
    keys = [tuple(int(key).to_bytes(size, "big")) for key in counted.keys]
    return dict(zip(keys, counted.counts.tolist(), strict=True))


def test_ngrams_are_counted_within_lines_with_their_edges() -> None:
    ones, twos, threes = count(["ab", "b"], ALPHABET, 3)
    assert seen(ones, 1) == {(0,): 2, (1,): 1, (2,): 2}, "ends are predicted, beginnings are not"
    assert seen(twos, 2) == {(0, 1): 1, (1, 2): 1, (2, 0): 2, (0, 2): 1}
    assert seen(threes, 3) == {(0, 1, 2): 1, (1, 2, 0): 1, (0, 2, 0): 1}


def test_empty_lines_and_unknown_characters_do_no_harm() -> None:
    ones, twos = count(["", "axb"], ALPHABET, 2)
    assert seen(ones, 1) == {(0,): 2, (1,): 1, (2,): 1}
    assert seen(twos, 2) == {(0, 0): 1, (0, 1): 1, (1, 2): 1, (2, 0): 1}


@given(st.lists(st.text(ALPHABET, max_size=10), min_size=1, max_size=10), st.integers(1, 5))
def test_smoothed_probabilities_leave_something_for_the_unseen(lines: list[str], order: int) -> None:
    counted = count(lines, ALPHABET, order)
    for each, probability in zip(counted, smooth(counted, len(ALPHABET) + 1), strict=True):
        assert np.all((probability > 0) & (probability <= 1 + 1e-9))
        assert np.all(np.bincount(each.prefixes(), probability) <= 1 + 1e-9)


def test_pruning_keeps_what_matters_most_and_all_that_is_short() -> None:
    lines = ["abab"] * 50 + ["ba a", "bb b"]
    counted = count(lines, ALPHABET, 4)
    probabilities = smooth(counted, len(ALPHABET) + 1)
    whole, pruned = (prune(counted, probabilities, size) for size in (10_000, 14))
    assert [len(each.keys) for each in whole] == [len(each.keys) for each in counted]
    assert [len(each.keys) for each in pruned[:2]] == [len(each.keys) for each in counted[:2]]
    kept = sum(len(each.keys) for each in pruned)
    assert kept == pytest.approx(14, abs=2)
    assert kept < sum(len(each.keys) for each in whole)
