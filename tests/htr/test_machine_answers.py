from __future__ import annotations

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.machine_answers import (
    UNCLEAR_SCORE,
    ScoredText,
    answered_line,
    answered_lines,
    joined_tokens,
    repeats,
)
from transcription.htr.text import clean


def said(text: str, score: float = 0.9) -> ScoredText:
    return ScoredText(text, (score,) * len(text))


def test_each_character_has_the_probability_of_its_token_and_none_is_divided() -> None:
    text = joined_tokens([(b"Whit", math.log(0.9)), (b"combe", math.log(0.5))])
    assert text.text == "Whitcombe"
    assert text.chars == pytest.approx((0.9,) * 4 + (0.5,) * 5)


def test_a_character_of_several_tokens_has_the_product_of_theirs() -> None:
    first, second = "é".encode()[:1], "é".encode()[1:]
    text = joined_tokens([(b"n", 0.0), (first, math.log(0.5)), (second, math.log(0.8)), (b"e", math.log(0.7))])
    assert text.text == "née"
    assert text.chars == pytest.approx((1.0, 0.4, 0.7))


def test_bytes_that_are_no_text_become_signs_of_it_and_end_nothing() -> None:
    text = joined_tokens([(b"ab\xff", math.log(0.5)), (b"\xe2\x82", math.log(0.5))])
    assert text.text == "ab��"
    assert len(text.chars) == 4


def test_the_marker_makes_its_word_unclear_and_no_other() -> None:
    line = answered_line(said("to Mary Whitcomb[UNCLEAR] of Hale"))
    assert line.text == "to Mary Whitcomb[?] of Hale"
    scores = dict(zip(line.text.split(), line.text.split(), strict=True))
    assert scores  # words are unique, so they can be found by their text
    start = line.text.index("Whitcomb")
    assert set(line.chars[start : start + len("Whitcomb[?]")]) == {UNCLEAR_SCORE}
    assert set(line.chars[:start]) == {0.9}
    assert set(line.chars[start + len("Whitcomb[?]") :]) == {0.9}


@pytest.mark.parametrize("written", ["[unclear]", "[ UNCLEAR ]", "[?]"])
def test_a_marker_by_itself_stands_for_a_word_that_nobody_read(written: str) -> None:
    line = answered_line(said(f"paid {written} shillings"))
    assert line.text == "paid [?] shillings"
    assert line.chars[:4] == (0.9,) * 4
    assert line.chars[5:8] == (UNCLEAR_SCORE,) * 3


def test_a_fence_around_the_whole_answer_is_taken_off_and_nothing_else_is() -> None:
    assert answered_line(said("```text\nthe old rector\n```")).text == "the old rector"
    kept = "Here is the transcription: “the old rector”"
    assert answered_line(said(kept)).text == kept, "the vote weighs it; we cannot prove that the page does not say so"
    assert answered_line(said("``` the old rector")).text == "``` the old rector"


def test_a_page_is_its_lines_and_a_line_is_one() -> None:
    answer = said("Baptisms\n\n  Mary daughter of John \r\nThomas\n")
    assert [line.text for line in answered_lines(answer)] == ["Baptisms", "Mary daughter of John", "Thomas"]
    assert answered_line(answer).text == "Baptisms Mary daughter of John Thomas"


def test_composing_a_character_keeps_the_least_of_its_scores() -> None:
    line = answered_line(ScoredText("ne\u0301e", (0.9, 0.8, 0.3, 0.7)))
    assert line.text == "née"
    assert line.chars == (0.9, 0.3, 0.7)


@given(st.text(max_size=60), st.floats(0, 1))
def test_whatever_is_answered_can_be_stored_with_a_score_for_each_character(text: str, score: float) -> None:
    line = answered_line(said(text, score))
    assert len(line.text) == len(line.chars)
    assert line.text == clean(line.text)
    assert unicodedata.is_normalized("NFC", line.text)
    assert all(0 <= each <= 1 for each in line.chars)
    for row in answered_lines(said(text, score)):
        assert row.text == clean(row.text) != ""


def test_going_round_in_circles_is_noticed_and_what_only_repeats_counted() -> None:
    circle = [5, 6, 7, 8]
    assert repeats([1, 2, *circle], 4) == 0
    assert repeats([1, 2, *circle * 5], 4) == 0, "too short to be sure"
    assert repeats([1, 2, *circle * 6], 4) == 20
    assert repeats([1, 2, *range(100, 120)] + list(range(100, 120)) * 3, 4) == 60
    assert repeats([9] * 23, 4) == 0, "a row of dots is writing"
    assert repeats([9] * 24, 4) == 23
    assert repeats([], 4) == 0


@given(st.lists(st.integers(0, 3), max_size=40))
def test_what_is_called_repetition_says_again_what_stands_before_it(tokens: list[int]) -> None:
    count = repeats(tokens, 4, least=8)
    if count:
        kept, rest = tokens[:-count], tokens[-count:]
        assert any(
            rest == (kept[-length:] * count)[:count] and count % length == 0 for length in range(1, len(kept) + 1)
        )
