from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from transcription.htr.page_alignment import LayoutText, PageAlignment, align_page

READ = ["Baptisms in the parish", "Mary daughter of John Carter", "Thomas son of William Hale", "Witness my hand"]
# As another engine reads the same lines: some letters off.
OTHER = ["Baptifms in the parifh", "Mary daughtor of John Cartar", "Tbomas son of Wm Hale", "Witnefs my hand"]


def layout(texts: list[str], width: float = 20.0) -> list[LayoutText]:
    return [LayoutText(text, width) for text in texts]


def texts(alignment: PageAlignment, answer: list[str]) -> dict[int, str]:
    return {
        each.line: " ".join(answer[piece.row][piece.start : piece.end] for piece in each.stretches)
        for each in alignment.placed
    }


def test_lines_stand_where_other_passes_read_something_like_them() -> None:
    found = align_page(layout(OTHER), READ)
    assert texts(found, READ) == dict(enumerate(READ))
    assert all(0 < each.cost < 0.3 for each in found.placed)
    assert found.unplaced == ()


def test_what_the_page_does_not_bear_is_kept_aside() -> None:
    answer = ["Here is the transcription:", *READ, "I hope this helps!"]
    found = align_page(layout(OTHER), answer)
    assert texts(found, answer) == dict(enumerate(READ))
    assert [(each.row, each.near) for each in found.unplaced] == [(0, None), (5, 3)]


def test_a_line_that_the_reader_left_out_stays_empty() -> None:
    answer = [READ[0], READ[1], READ[3]]
    assert texts(align_page(layout(OTHER), answer), answer) == {0: READ[0], 1: READ[1], 3: READ[3]}


def test_two_lines_that_the_reader_wrote_as_one_are_parted_between_words() -> None:
    answer = [READ[0], f"{READ[1]} {READ[2]}", READ[3]]
    assert texts(align_page(layout(OTHER), answer), answer) == dict(enumerate(READ))


def test_a_line_that_the_reader_broke_is_joined() -> None:
    answer = [READ[0], "Mary daughter", "of John Carter", READ[2], READ[3]]
    assert texts(align_page(layout(OTHER), answer), answer) == dict(enumerate(READ))


def test_between_placed_lines_order_decides_about_what_others_misread() -> None:
    found = align_page(layout([OTHER[0], "x1 zz qq", OTHER[2], OTHER[3]]), READ)
    assert texts(found, READ) == dict(enumerate(READ))
    assert found.placed[1].cost == 1.0


def test_what_others_misread_finds_no_place_where_order_does_not_tell() -> None:
    answer = [READ[0], "quite another thing", READ[1], READ[2], READ[3]]
    found = align_page(layout([OTHER[0], OTHER[1], OTHER[2], OTHER[3]]), answer)
    assert [(each.row, each.near) for each in found.unplaced] == [(1, 0)]


def test_without_other_readings_lines_are_told_by_their_lengths() -> None:
    widths = [5.0, 20.0, 21.0, 8.0, 20.0]
    answer = [
        "Page 12",
        "Mary the daughter of John Carter",
        "Thomas the son of William Hales",
        "Isaac and Jane Brown, x",
    ]
    found = align_page([LayoutText("", width) for width in widths], answer)
    assert texts(found, answer) == {0: answer[0], 1: answer[1], 2: answer[2], 4: answer[3]}
    assert {each.cost for each in found.placed} == {1.0}


def test_an_empty_side_places_nothing_and_loses_nothing() -> None:
    assert align_page([], READ).placed == ()
    assert [each.row for each in align_page([], READ).unplaced] == [0, 1, 2, 3]
    assert align_page(layout(OTHER), []) == PageAlignment((), ())


LINES = st.lists(st.text("abc xyz", max_size=12), max_size=6)


@settings(deadline=None)
@given(LINES, LINES)
def test_every_character_of_the_answer_has_one_place_or_none_and_order_is_kept(
    read: list[str], answer: list[str]
) -> None:
    found = align_page(layout(read), answer)
    pieces = [(piece.row, piece.start, piece.end) for each in found.placed for piece in each.stretches]
    assert pieces == sorted(pieces), "in the order of the layout, so in the order of the answer"
    for (row, _, end), (next_row, start, _) in itertools.pairwise(pieces):
        assert row < next_row or end <= start
    rows = {row for row, _, _ in pieces} | {each.row for each in found.unplaced}
    assert rows >= {row for row, text in enumerate(answer) if text.strip()}
    assert len({each.line for each in found.placed}) == len(found.placed)
    assert all(0 <= each.cost <= 1 for each in found.placed)
