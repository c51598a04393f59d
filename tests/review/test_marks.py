"""Marks follow their words when a person changes others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from review.marks import mark_words
from tests.factories import word

VOTED = [word("this", 0.9), word("Marye", 0.4, "Mary", "Marie"), word("dauhter", 0.3, "daughter")]


def test_a_corrected_word_leaves_its_neighbours_in_doubt() -> None:
    marked = mark_words("this Mary dauhter", VOTED, {1})
    assert [(each["text"], each["confidence"], each["settled"]) for each in marked] == [
        ("this", 0.9, False),
        ("Mary", None, True),
        ("dauhter", 0.3, False),
    ]


def test_a_corrected_word_offers_the_machines_reading_for_the_way_back() -> None:
    marked = mark_words("this Mary dauhter", VOTED, ())[1]
    assert [each["text"] for each in marked["alternatives"]] == ["Marye", "Marie"]
    assert marked["passes"] == ["adaptive+starter"]


def test_words_put_in_between_share_the_ground_of_what_they_replace() -> None:
    voted = [
        word("a", 0.9) | {"span": [0.0, 0.2]},
        word("bc", 0.9) | {"span": [0.2, 0.6]},
        word("d") | {"span": [0.6, 1]},
    ]
    marked = mark_words("a b c d", voted, ())
    assert [each["span"] for each in marked] == [[0.0, 0.2], [0.2, 0.4], [0.4, 0.6], [0.6, 1]]


WORDS = st.lists(st.text("abc", min_size=1, max_size=2), max_size=8)


@given(WORDS, WORDS)
def test_the_marked_words_are_the_words_of_the_text(voted: list[str], text: list[str]) -> None:
    marked = mark_words(" ".join(text), [word(each) for each in voted], ())
    assert [each["text"] for each in marked] == text
    indexes = [each["index"] for each in marked if each["index"] is not None]
    assert indexes == sorted(set(indexes))
