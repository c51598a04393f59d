from __future__ import annotations

import pytest

from transcription.htr.transcript_alignment import words_of
from transcription.htr.typed_text import find_typed

WORDS = words_of(["Dear Sir and friend", "and", "I have your letter of the 4th", "and"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Dear Sir and friend", range(4)),
        ("dear Sir and  friend.", range(4)),  # nearly so
        ("and", range(4, 5)),  # the whole line, not a word of another
        ("your letter of", range(7, 10)),  # a part that is told by its words
        ("letter of", None),
        ("Yours truly", None),
        ("", None),
    ],
)
def test_a_persons_text_is_found_where_the_transcript_says_it(text: str, found: range | None) -> None:
    assert find_typed(text, WORDS, set()) == found


def test_what_is_placed_already_is_not_given_twice() -> None:
    assert find_typed("and", WORDS, {4}) == range(12, 13)
    assert find_typed("Dear Sir and friend", WORDS, {2}) is None


def test_a_part_counts_where_the_rest_of_its_line_is_placed() -> None:
    assert find_typed("of the 4th", WORDS, set()) == range(9, 12)
    assert find_typed("the 4th", WORDS, set()) is None
    assert find_typed("the 4th", WORDS, {5, 6, 7, 8, 9}) == range(10, 12)
