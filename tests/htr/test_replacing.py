from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcription.htr.replacing import Pattern, database_pattern, pieces, places, replaced, spoils_characters
from transcription.htr.text import clean, clusters

# Letters that are near each other: case, long s, marks, Korean parts, signs of patterns and of transcription.
LETTERS = "aAsSſfßẞσςΣiIİıʃn̄é각ᄀ\u0301\u0323%_\\.[]⟦⟧ '-0"
texts = st.text(alphabet=LETTERS, max_size=30).map(clean)
patterns = st.builds(
    Pattern,
    st.text(alphabet=LETTERS, min_size=1, max_size=3).map(clean).filter(bool),
    st.text(alphabet=LETTERS, max_size=3).map(clean).filter(lambda put: not spoils_characters(put)),
    st.booleans(),
    st.booleans(),
)


def test_long_s_becomes_f_wherever_it_stands() -> None:
    assert replaced("the ſirſt", Pattern("ſ", "f")) == ("the firft", 2)


def test_a_letter_with_a_mark_is_another_letter() -> None:
    assert places("n̄ n", Pattern("n", "m")) == [(3, 4)]
    assert replaced("an̄us", Pattern("n̄", "nn")) == ("annus", 1)


def test_without_case_long_s_is_still_no_s() -> None:
    assert replaced("S s ſ", Pattern("s", "z", match_case=False)) == ("z z ſ", 2)


def test_a_final_sigma_is_a_letter_of_its_own_in_pattern_and_text_alike() -> None:
    assert replaced("ΟΔΟΣ", Pattern("οδοσ", "x", match_case=False)) == ("x", 1)


def test_whole_words_end_where_letters_end() -> None:
    pattern = Pattern("ye", "the", whole_words=True)
    assert replaced("ye yeoman, ye⟦ye⟧ eye ye", pattern) == ("the yeoman, the⟦the⟧ eye the", 4)
    assert places("a&b &c.", Pattern("&c.", "etc.", whole_words=True)) == [(4, 7)]


def test_what_is_as_it_should_be_is_no_place() -> None:
    assert places("Smith smith SMITH", Pattern("smith", "Smith", match_case=False)) == [(6, 11), (12, 17)]


def test_single_places_are_left() -> None:
    assert replaced("ſo ſo ſo", Pattern("ſ", "f"), leave={1}) == ("fo ſo fo", 2)


def test_a_word_that_goes_leaves_one_space() -> None:
    assert replaced("of the the parish", Pattern("the the", "the")) == ("of the parish", 1)
    assert replaced("the said parish", Pattern("said", "")) == ("the parish", 1)


def test_marks_that_would_join_the_letter_before_are_told() -> None:
    assert spoils_characters("\u0304x")
    assert not spoils_characters("n̄")


def test_no_pattern_takes_longer_than_its_text_is_long() -> None:
    text = "a" * 5000
    assert len(places(text, Pattern("a" * 100 + "b", "x"))) == 0
    assert len(places(text, Pattern("a", "b"))) == 5000


@given(texts, patterns)
def test_pieces_are_the_text_and_places_are_whole_characters(text: str, pattern: Pattern) -> None:
    cut = pieces(text, pattern)
    assert "".join(piece.text for piece in cut) == text
    edges, at = {0}, 0
    for cluster in clusters(text):
        at += len(cluster)
        edges.add(at)
    for start, end in places(text, pattern):
        assert {start, end} <= edges
        assert text[start:end] != pattern.put


@given(texts, patterns)
def test_what_is_stored_is_clean_and_outside_of_places_nothing_changes(text: str, pattern: Pattern) -> None:
    after, count = replaced(text, pattern)
    assert after == clean(after)
    assert unicodedata.is_normalized("NFC", after)
    assert replaced(text, pattern, leave=range(len(places(text, pattern)))) == (text, 0)
    assert (count == 0) == (after == text)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None)
@given(st.lists(texts, min_size=1, max_size=5), patterns)
def test_the_database_leaves_out_no_text_that_has_a_place(lines: list[str], pattern: Pattern) -> None:
    from django.db import connection

    operator, right = database_pattern(pattern)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT text FROM unnest(%s::text[]) AS text WHERE text {operator} %s", [lines, right])
        kept = [row[0] for row in cursor.fetchall()]
    assert [text for text in lines if places(text, pattern)] == [text for text in kept if places(text, pattern)]
