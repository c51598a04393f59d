from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.dividing_text import divide_text, join_texts, words_before
from transcription.htr.text import strict


@pytest.mark.parametrize(
    ("share", "first"),
    [
        (0.0, ""),
        (0.1, "the"),
        (0.33, "the old"),
        (0.5, "the old rector"),
        (0.75, "the old rector of"),
        (1.0, "the old rector of Whitcombe"),
    ],
)
def test_a_text_is_divided_at_the_nearest_gap_between_words(share: float, first: str) -> None:
    text = "the old rector of Whitcombe"
    before, after = divide_text(text, words_before(text, share))
    assert before == first
    assert join_texts([before, after]) == text


@given(st.text(max_size=80), st.floats(0, 1))
def test_nothing_is_lost_wherever_it_is_divided(text: str, share: float) -> None:
    assert join_texts(divide_text(text, words_before(text, share))) == strict(text)


def test_what_is_empty_leaves_no_gap() -> None:
    assert join_texts(["", "a  b", " ", "c"]) == "a b c"
    assert divide_text("", 3) == ("", "")
    assert divide_text("a b", 99) == ("a b", "")
