from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.alignment import align, align_words, match_lines

LINES = st.lists(st.text("abcd ", max_size=12), max_size=7)

LETTER = [
    "Dear Sir, I received yours of the",
    "14th instant and am glad to hear",
    "that the family are all in health",
    "Your obedient servant",
]


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_alignment_uses_each_item_once_and_in_order(left: list[str], right: list[str]) -> None:
    for pairs in (align(left, right), align_words(left, right)):
        assert [i for i, _ in pairs if i is not None] == list(range(len(left)))
        assert [j for _, j in pairs if j is not None] == list(range(len(right)))
        assert (None, None) not in pairs


def test_words_pair_by_their_spelling() -> None:
    assert align_words(["the", "old", "house"], ["the", "hause"]) == [(0, 0), (1, None), (2, 1)]
    assert align_words(["a", "to", "day"], ["a", "xx", "too", "dav"]) == [(0, 0), (None, 1), (1, 2), (2, 3)]


@given(LINES, LINES)
def test_every_line_is_accounted_for_once(reference: list[str], hypothesis: list[str]) -> None:
    pairs = match_lines(reference, hypothesis)
    assert sorted(j for _, j in pairs if j is not None) == list(range(len(hypothesis)))
    assert {i for i, _ in pairs if i is not None} == set(range(len(reference)))
    alone = [i for i, j in pairs if j is None]
    assert len(alone) == len(set(alone))
    assert not set(alone) & {i for i, j in pairs if j is not None}


@given(st.permutations(range(4)))
def test_lines_in_any_order_find_their_own(order: list[int]) -> None:
    found = [LETTER[k].replace("e", "c") for k in order]
    assert match_lines(LETTER, found) == [(i, order.index(i)) for i in range(4)]


def test_a_line_found_in_two_pieces_is_joined() -> None:
    found = [LETTER[0], LETTER[1][:15], LETTER[1][16:], LETTER[2], LETTER[3]]
    assert match_lines(LETTER, found) == [(0, 0), (1, 1), (1, 2), (2, 3), (3, 4)]


def test_a_missed_line_and_an_invented_line_stand_alone() -> None:
    assert match_lines(LETTER, [LETTER[0], LETTER[2], LETTER[3]]) == [(0, 0), (1, None), (2, 1), (3, 2)]
    assert match_lines(LETTER[:2], [LETTER[0], "~~", LETTER[1]]) == [(0, 0), (1, 2), (None, 1)]


def test_two_columns_read_in_the_wrong_order_still_match() -> None:
    left = ["John Smith 42", "Mary Brown 37", "Wm Carter 12"]
    right = ["farmer, Ohio", "none given", "laborer, Va."]
    reference = [line for pair in zip(left, right, strict=True) for line in pair]
    found = left + right
    assert [(i, j) for i, j in match_lines(reference, found) if i is None or j is None] == []
    assert all(reference[i] == found[j] for i, j in match_lines(reference, found) if i is not None and j is not None)


def test_empty_pages_match_nothing() -> None:
    assert match_lines([], []) == []
    assert match_lines(["a"], []) == [(0, None)]
    assert match_lines([], ["a"]) == [(None, 0)]
