from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.expected_errors import ErrorModel, characters, page_cer

MODEL = ErrorModel(word=1.5, character=0.1, missed=0.01, good=0.3, good_rate=0.8)
CLAIMS = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 20)), min_size=1, max_size=12)


def test_wrong_words_cost_characters_and_some_are_missed() -> None:
    assert characters([(1.0, 3), (0.5, 6)]) == 10
    assert MODEL.edits([(1.0, 3), (0.5, 6)]) == pytest.approx(0.5 * (1.5 + 0.6) + 0.01 * 10)


@given(CLAIMS, st.integers(0, 11), st.floats(0, 1))
def test_a_surer_word_never_makes_a_line_worse(words: list[tuple[float, int]], at: int, share: float) -> None:
    at %= len(words)
    p, length = words[at]
    surer = [*words[:at], (p + (1 - p) * share, length), *words[at + 1 :]]
    assert MODEL.edits(surer) <= MODEL.edits(words) + 1e-9
    assert MODEL.good_line(surer) >= MODEL.good_line(words) - 1e-9
    assert 0 <= MODEL.good_line(words) <= 1


def test_a_line_in_which_nothing_was_read_is_wholly_wrong() -> None:
    assert MODEL.edits([]) == characters([])
    assert MODEL.good_line([]) == 0


def test_a_page_adds_up_its_lines_and_is_silent_where_one_is() -> None:
    assert page_cer([(1.0, 40), (3.0, 60)]) == pytest.approx(0.04)
    assert page_cer([(1.0, 40), (None, 60)]) is None
    assert page_cer([]) is None
    assert page_cer([(9.0, 5)]) == 1
