from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.reading_order import reading_order
from transcription.htr.records import LineGeometry


def line(left: int, right: int, y: int) -> LineGeometry:
    return LineGeometry(
        baseline=((left, y), (right, y)), polygon=((left, y - 20), (right, y - 20), (right, y + 5), (left, y + 5))
    )


def test_one_column_is_read_from_top_to_bottom() -> None:
    assert reading_order([line(10, 500, 300), line(10, 200, 100), line(40, 500, 200)]) == [1, 2, 0]


def test_the_left_column_is_read_before_the_right_one() -> None:
    left = [line(10, 300, y) for y in (100, 200, 300)]
    right = [line(350, 700, y) for y in (90, 190, 290)]
    assert reading_order([right[0], left[0], right[1], left[1], right[2], left[2]]) == [1, 3, 5, 0, 2, 4]


def test_a_heading_over_both_columns_comes_first_and_a_footer_last() -> None:
    lines = [line(10, 700, 500), line(350, 700, 200), line(10, 300, 210), line(10, 700, 50)]
    assert reading_order(lines) == [3, 2, 1, 0]


def test_a_line_through_the_middle_divides_the_columns_into_two_storeys() -> None:
    lines = [line(10, 300, 100), line(350, 700, 100), line(10, 700, 200), line(10, 300, 300), line(350, 700, 300)]
    assert reading_order(lines[::-1]) == [4, 3, 2, 1, 0]


def test_pieces_of_one_line_are_read_from_left_to_right() -> None:
    assert reading_order([line(300, 500, 98), line(10, 250, 102)]) == [1, 0]


def test_lines_without_a_baseline_come_last() -> None:
    assert reading_order([LineGeometry((), ()), line(0, 9, 9)]) == [1, 0]


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900), st.integers(0, 900)), max_size=40))
def test_every_line_is_read_once(extents: list[tuple[int, int, int]]) -> None:
    lines = [line(min(a, b), max(a, b), y) for a, b, y in extents]
    assert sorted(reading_order(lines)) == list(range(len(lines)))
