from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcription.htr.reading_order import reading_order, text_regions
from transcription.htr.records import LineGeometry

SIZE = (1000, 1400)


def line(left: int, right: int, y: int, *, fall: int = 0) -> LineGeometry:
    return LineGeometry(
        baseline=((left, y), (right, y + fall)),
        polygon=((left, y - 20), (right, y + fall - 20), (right, y + fall + 5), (left, y + 5)),
    )


def mirrored(geometry: LineGeometry) -> LineGeometry:
    def turned(points: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        return tuple((SIZE[0] - x, y) for x, y in reversed(points))

    return LineGeometry(turned(geometry.baseline), turned(geometry.polygon))


def in_order(lines: list[LineGeometry], **options: object) -> bool:
    """Whether lines given in the right order are put into it from any other one."""
    shuffled = sorted(range(len(lines)), key=lambda i: (i * 7919) % 101)
    found = reading_order([lines[i] for i in shuffled], **options)  # type: ignore[arg-type]
    return [shuffled[i] for i in found] == list(range(len(lines)))


COLUMN = [line(200, 800, y) for y in range(100, 900, 40)]


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
    storey = [[line(x, x + 300, y) for y in range(top, top + 160, 40)] for top in (100, 400) for x in (10, 350)]
    assert in_order([*storey[0], *storey[1], line(10, 650, 320), *storey[2], *storey[3]])


def test_pieces_of_one_line_are_read_from_left_to_right() -> None:
    assert reading_order([line(300, 500, 98), line(10, 250, 102)]) == [1, 0]


def test_the_hanging_end_of_a_paragraph_is_no_column_of_its_own() -> None:
    """Indented lines, the last word of a paragraph at the margin, indented lines."""
    lines = [line(250, 800, y) for y in range(100, 300, 40)] + [line(180, 240, 300)]
    lines += [line(250, 800, y) for y in range(340, 500, 40)]
    assert in_order(lines)


def test_lines_that_fall_do_not_change_their_order() -> None:
    left = [line(10, 400, y, fall=40) for y in range(100, 500, 50)]
    right = [line(450, 840, y + 45, fall=40) for y in range(100, 500, 50)]
    assert in_order(left + right)
    assert in_order([line(100 * n, 100 * n + 80, 100 + 10 * n, fall=8) for n in range(6)]), "pieces of one line"


def test_a_page_lying_on_its_side_is_read_along_its_lines() -> None:
    upright = [LineGeometry(tuple((600 - y, x) for x, y in each.baseline), each.polygon) for each in COLUMN[:8]]
    assert in_order(upright)


class TestMarginalia:
    NOTE = tuple(line(20, 150, y) for y in (110, 135, 160))

    def test_at_the_left_come_before_the_passage_beside_which_they_begin(self) -> None:
        assert in_order([*self.NOTE, *COLUMN])
        above = [line(200, 800, y) for y in range(100, 300, 40)]
        beside = [line(200, 800, y) for y in range(500, 800, 40)]
        assert in_order([*above, *(line(20, 150, y) for y in (510, 535, 560)), *beside])

    def test_at_the_left_of_the_end_of_a_passage_come_behind_it(self) -> None:
        assert in_order([*COLUMN, *(line(20, 150, y) for y in (700, 725, 750))])

    def test_at_the_right_come_behind_the_column(self) -> None:
        assert in_order([*COLUMN, *(line(830, 980, y) for y in (310, 335, 360))])

    def test_of_one_line_is_read_at_its_height(self) -> None:
        assert in_order([*COLUMN[:5], line(20, 150, 262), *COLUMN[5:]]) or in_order(
            [*COLUMN[:4], line(20, 150, 262), *COLUMN[4:]]
        )

    def test_is_a_region_of_its_own(self) -> None:
        regions, of_line = text_regions([*self.NOTE, *COLUMN], SIZE)
        assert [region.kind for region in regions] == ["marginalia", "paragraph"]
        assert of_line == ("r1",) * 3 + ("r2",) * len(COLUMN)


class TestInsertions:
    def test_are_read_behind_the_line_into_which_they_are_written(self) -> None:
        assert in_order([*COLUMN[:3], line(400, 560, 160), *COLUMN[3:]]), "above the third line"
        two = [line(300, 400, 162), line(500, 600, 160)]
        assert in_order([*COLUMN[:3], *two, *COLUMN[3:]])

    def test_are_short(self) -> None:
        lines = [*COLUMN[:2], line(200, 700, 160), *COLUMN[2:]]
        assert in_order(lines)

    def test_need_a_line_above(self) -> None:
        assert in_order([line(400, 560, 80), *COLUMN]), "a heading, however near"


class TestTables:
    def rows(self, count: int, *columns: tuple[int, int]) -> list[LineGeometry]:
        return [
            line(left, right, 100 + 40 * n + k % 2) for n in range(count) for k, (left, right) in enumerate(columns)
        ]

    def test_are_read_row_by_row(self) -> None:
        assert in_order(self.rows(6, (10, 60), (100, 260), (300, 420), (500, 900)))

    def test_of_two_columns_are_columns(self) -> None:
        rows = self.rows(6, (10, 300), (400, 700))
        assert in_order(rows[::2] + rows[1::2])

    def test_of_long_cells_are_columns(self) -> None:
        rows = self.rows(6, (10, 320), (330, 640), (650, 960))
        assert in_order(rows[::3] + rows[1::3] + rows[2::3]) or in_order(rows)
        wide = self.rows(6, (10, 400), (410, 800), (810, 1200))
        assert in_order(wide[::3] + wide[1::3] + wide[2::3]) or in_order(wide)

    def test_sums_beside_a_text_are_read_with_their_rows(self) -> None:
        assert in_order(
            [
                each
                for n, text in enumerate(COLUMN)
                for each in ([text, line(850, 940, 100 + 40 * n)] if n % 4 == 1 else [text])
            ]
        )

    def test_are_regions_without_a_kind(self) -> None:
        regions, _ = text_regions(self.rows(6, (10, 60), (100, 260), (300, 420), (500, 900)), SIZE)
        assert [region.kind for region in regions] == ["text"]


class TestSpreads:
    LEFT = tuple(line(50, 450, y) for y in range(100, 400, 40))
    RIGHT = tuple(line(550, 950, y) for y in range(60, 360, 40))

    def test_are_read_left_page_first_though_a_line_crosses(self) -> None:
        crossing = line(60, 530, 420)
        assert in_order([*self.LEFT, crossing, *self.RIGHT], gutter=500)

    def test_are_two_regions_at_least(self) -> None:
        regions, of_line = text_regions([*self.LEFT, *self.RIGHT], SIZE, gutter=500)
        assert len(regions) == 2
        assert of_line == ("r1",) * len(self.LEFT) + ("r2",) * len(self.RIGHT)

    def test_of_scripts_from_right_to_left_begin_at_the_right(self) -> None:
        assert in_order([*self.RIGHT, *self.LEFT], gutter=500, right_to_left=True)


def test_a_page_number_in_the_far_corner_is_read_last_and_is_told_apart() -> None:
    lines = [*COLUMN, line(880, 920, 60)]
    assert in_order(lines)
    regions, of_line = text_regions(lines, SIZE)
    assert [region.kind for region in regions] == ["paragraph", "page-number"]
    assert of_line[-1] == "r2"


def test_a_header_is_told_apart() -> None:
    regions, of_line = text_regions([line(350, 650, 40), *COLUMN], SIZE)
    assert [region.kind for region in regions] == ["header", "paragraph"]
    assert of_line[0] == "r1"


def test_passages_are_parted_by_paper_without_writing() -> None:
    lines = [*COLUMN[:5], *COLUMN[10:]]
    regions, of_line = text_regions(lines, SIZE)
    assert [region.kind for region in regions] == ["paragraph", "paragraph"]
    assert of_line == ("r1",) * 5 + ("r2",) * 10


def test_a_regions_outline_is_around_its_lines() -> None:
    (region,), _ = text_regions(COLUMN, SIZE)
    xs, ys = zip(*region.polygon, strict=True)
    assert (min(xs), max(xs), min(ys), max(ys)) == (200, 800, 80, 865)


def test_lines_without_a_baseline_come_last() -> None:
    assert reading_order([LineGeometry((), ()), line(0, 9, 9)]) == [1, 0]


def test_hundreds_of_cells_take_no_time() -> None:
    cells = [line(40 * k, 40 * k + 30, 20 * n) for n in range(60) for k in range(20)]
    assert in_order(cells)


extents = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900), st.integers(0, 900)), max_size=40)


@settings(deadline=None)
@pytest.mark.parametrize("gutter", [None, 450])
@pytest.mark.parametrize("right_to_left", [False, True])
@given(extents=extents)
def test_every_line_is_read_once_and_is_in_one_region(
    gutter: int | None, right_to_left: bool, extents: list[tuple[int, int, int]]
) -> None:
    lines = [line(min(a, b), max(a, b), y) for a, b, y in extents]
    order = reading_order(lines, gutter=gutter, right_to_left=right_to_left)
    assert sorted(order) == list(range(len(lines)))
    regions, of_line = text_regions(lines, SIZE, gutter=gutter, right_to_left=right_to_left)
    assert len(of_line) == len(lines)
    assert {region.id for region in regions} == set(of_line)
    places = [int(of_line[i][1:]) for i in order]
    assert places == sorted(places), "regions come in reading order and are read one after the other"
    for region in regions:
        assert len(region.polygon) == 0 or len(region.polygon) > 2


@settings(deadline=None)
@given(extents)
def test_a_page_in_a_mirror_is_read_the_other_way(extents: list[tuple[int, int, int]]) -> None:
    lines = [line(min(a, b), max(a, b), y) for a, b, y in extents if abs(a - b) > 20]
    there = reading_order(lines)
    back = reading_order([mirrored(each) for each in lines], right_to_left=True)
    assert back == there
