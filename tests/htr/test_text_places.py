from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.text_places import spans_of


def middles(text: str, seen: str, columns: list[int], width: int) -> list[float]:
    return [(start + end) / 2 * width for start, end in spans_of(text, seen, columns, width)]


def test_the_same_text_stands_where_it_was_seen() -> None:
    assert middles("abc", "abc", [10, 20, 30], 40) == [10.5, 20.5, 30.5]


def test_a_character_in_anothers_place_takes_it() -> None:
    assert middles("axc", "abc", [10, 20, 30], 40) == [10.5, 20.5, 30.5]


def test_a_character_that_was_not_seen_stands_between() -> None:
    assert middles("abc", "ac", [10, 30], 40)[1] == 20.5


def test_a_character_left_out_leaves_a_gap() -> None:
    assert spans_of("ac", "abc", [10, 20, 30], 40)[0][1] == 20.5 / 40


def test_nothing_in_common_means_no_places() -> None:
    assert spans_of("abc", "", [], 40) == []
    assert spans_of("", "abc", [1, 2, 3], 40) == []


@given(st.text("abc", max_size=12), st.text("abc", max_size=12))
def test_spans_follow_one_another_within_the_line(text: str, seen: str) -> None:
    columns = list(range(3, 3 + 2 * len(seen), 2))
    spans = spans_of(text, seen, columns, 40)
    assert len(spans) in (0, len(text))
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert all(0 <= edge <= 1 for edge in edges)
