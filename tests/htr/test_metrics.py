from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.metrics import LineScore, cer, edit_counts, score_line, summarise
from transcription.htr.text import normalised, strict

TEXT = st.text("ab é", max_size=12)


@given(TEXT, TEXT)
def test_edits_do_not_depend_on_direction(one: str, other: str) -> None:
    assert edit_counts(one, other) == edit_counts(other, one)
    assert cer(one, other) * len(strict(one)) == pytest.approx(cer(other, one) * len(strict(other))) or not (
        strict(one) and strict(other)
    )


@given(TEXT, TEXT, TEXT)
def test_edits_obey_the_triangle_inequality(one: str, other: str, third: str) -> None:
    assert edit_counts(one, third) <= edit_counts(one, other) + edit_counts(other, third)


@given(st.text(max_size=20))
def test_a_text_has_no_errors_against_itself_in_any_normal_form(text: str) -> None:
    assert cer(text, unicodedata.normalize("NFD", text)) == 0
    assert cer(text, text, normalised) == 0


def test_cer_of_empty_texts() -> None:
    assert cer("", "") == 0
    assert cer("", "abc") == 1
    assert cer("abc", "") == 1


def test_cer_may_exceed_one() -> None:
    assert cer("ab", "abcdefgh") == 3


def test_both_foldings_are_counted() -> None:
    score = score_line("d", "the ⟦old⟧ houſe", "the old house")
    assert (score.edits, score.edits_normalised) == (3, 0)
    assert (score.word_edits, score.word_edits_normalised) == (2, 0)
    assert (score.chars, score.chars_normalised) == (15, 13)


def test_rates_are_summed_before_dividing() -> None:
    scores = [score_line("a", "ab", "xy"), score_line("b", "abcdefgh", "abcdefgh")]
    rates = summarise(scores)
    assert rates["cer_strict"] == pytest.approx(0.2)
    assert rates["wer_strict"] == pytest.approx(0.5)
    assert rates["lines"] == 2


def test_the_interval_holds_the_rate_and_closes_on_one_document() -> None:
    scores = [score_line(str(k), "abcdefghij", "abcdefghij" if k % 3 else "abcdefghxx") for k in range(30)]
    rates = summarise(scores)
    assert rates["cer_normalised_low"] <= rates["cer_normalised"] <= rates["cer_normalised_high"]
    assert rates["cer_normalised_low"] < rates["cer_normalised_high"]
    one = summarise([LineScore("d", 10, 10, 2, 2, 1, 1, 1, 1)])
    assert one["cer_normalised_low"] == one["cer_normalised_high"] == pytest.approx(0.1)


def test_an_empty_set_has_no_errors() -> None:
    assert summarise([])["cer_normalised"] == 0
