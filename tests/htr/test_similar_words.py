from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.similar_words import distance, most_edits


@pytest.mark.parametrize(
    ("word", "other"),
    [("smith", "smythe"), ("katharyne", "catharine"), ("john", "iohn"), ("philip", "phillipp"), ("vaughan", "uaughan")],
)
def test_free_spelling_is_one_edit(word: str, other: str) -> None:
    assert distance(word, other) == 1


def test_a_swap_of_neighbours_is_one_edit() -> None:
    assert distance("marten", "matren") == 1


def test_short_words_and_numbers_have_no_similar_spellings() -> None:
    assert most_edits("of") == 0
    assert most_edits("1702") == 0
    assert most_edits("ann") == 1
    assert most_edits("whitcombe") == 3


@given(st.text(max_size=12), st.text(max_size=12))
def test_distance_is_the_same_both_ways_and_nought_only_for_the_same(word: str, other: str) -> None:
    assert distance(word, other) == distance(other, word)
    assert (distance(word, other) == 0) == (word == other)
