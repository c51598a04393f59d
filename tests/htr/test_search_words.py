from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.factories import word
from transcription.htr.search_words import quoted, tsvector, vectors, words_of_line


def test_alternatives_stand_in_the_place_of_their_word() -> None:
    found = vectors(words_of_line("John Smlth", [word("John"), word("Smlth", 0.4, "Smith")]))
    assert found.said == {"john": [1], "smlth": [2]}
    assert found.other == {"smith": [2]}
    assert found.every == {"john": [1], "smith": [2], "smlth": [2]}


def test_an_alternative_of_two_words_takes_two_places() -> None:
    found = vectors(words_of_line("today is", [word("today", 0.4, "to day"), word("is")]))
    assert found.other == {"to": [1], "day": [2]}


def test_an_alternative_that_the_text_has_elsewhere_counts_at_its_own_place() -> None:
    found = vectors(words_of_line("Smlth and Smith", [word("Smlth", 0.4, "Smith"), word("and"), word("Smith")]))
    assert found.other == {"smith": [1]}
    assert found.every["smith"] == [1, 3]


def test_a_text_that_was_changed_since_is_aligned_with_its_vote() -> None:
    voted = [word("Iohn"), word("the"), word("Smlth", 0.4, "Smith")]
    assert vectors(words_of_line("John Smlth", voted)).other == {"smith": [2]}


def test_a_word_that_goes_on_in_the_next_line_is_found_whole_where_it_begins() -> None:
    words = words_of_line("was bap-", (), ("tised here", ()))
    assert vectors(words).said == {"was": [1], "bap": [2], "baptised": [2]}
    assert "baptised" not in vectors(words_of_line("tised here")).said


def test_a_broken_word_is_found_in_every_spelling_that_was_read() -> None:
    voted, after = [word("was"), word("hap-", 0.4, "bap-")], [word("tifed", 0.4, "tised")]
    words = words_of_line("was hap-", voted, ("tifed", after))
    assert {"haptifed"} <= set(vectors(words).said)
    assert {"baptised", "haptised", "baptifed"} <= set(vectors(words).other)


def test_no_alternative_means_nothing_read_otherwise() -> None:
    assert vectors(words_of_line("the old", [word("the", 0.4, ""), word("old")])).other == {}
    assert vectors(words_of_line("", [word("the", 0.4, "a")])).every == {}


def test_quotes_in_a_lexeme_are_doubled() -> None:
    assert quoted("o'b\\c") == "'o''b\\\\c'"
    assert tsvector({"b": [2, 5], "a": [1]}) == "'a':1 'b':2,5"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
WORDS: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.builds(lambda text, others: word(text, 0.4, *others), TEXTS, st.lists(TEXTS, max_size=3)), max_size=6
)


@given(TEXTS, WORDS, TEXTS, WORDS)
def test_any_line_has_vectors_and_what_is_other_is_never_said_at_that_place(
    text: str, voted: list[dict[str, Any]], after: str, voted_after: list[dict[str, Any]]
) -> None:
    found = vectors(words_of_line(text, voted, (after, voted_after)))
    for lexeme, places in found.other.items():
        assert not set(places) & set(found.said.get(lexeme, ()))
    assert set(found.every) == {*found.said, *found.other}
