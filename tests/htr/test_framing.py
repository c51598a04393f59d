from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.frame_cut import columns_at, turned_size
from transcription.htr.framing import (
    Framing,
    part_of,
    reframe,
    reframe_region,
    region_part_of,
    stands_left,
    whole_of,
    whole_region_of,
)
from transcription.htr.geometry import turn_points
from transcription.htr.records import LineGeometry, RegionGeometry

sizes = st.tuples(st.integers(2, 4000), st.integers(2, 4000))
turns = st.integers(0, 3)


@st.composite
def lines_on(draw: st.DrawFn, size: tuple[int, int]) -> LineGeometry:
    points = st.tuples(st.integers(0, size[0] - 1), st.integers(0, size[1] - 1))
    baseline = draw(st.lists(points, min_size=2, max_size=8))
    polygon = draw(st.lists(points, min_size=3, max_size=12))
    return LineGeometry(tuple(baseline), tuple(polygon), region="r1", production="handwritten")


@st.composite
def framings(draw: st.DrawFn) -> Framing:
    size, frame_turn = draw(sizes), draw(turns)
    width = turned_size(size, frame_turn)[0]
    columns = draw(st.none() | st.builds(columns_at, st.just(width), st.floats(0, 1), right=st.booleans()))
    return Framing(size, frame_turn, columns, draw(turns))


@given(st.data(), sizes, turns)
def test_four_quarter_turns_change_nothing_and_every_turn_stays_on_the_page(
    data: st.DataObject, size: tuple[int, int], by: int
) -> None:
    line = data.draw(lines_on(size))
    width, height = turned_size(size, by)
    turned = turn_points(line.polygon, size, by)
    assert all(0 <= x < width and 0 <= y < height for x, y in turned)
    assert turn_points(turned, (width, height), 4 - by) == line.polygon


def test_a_quarter_turn_clockwise_brings_the_upper_left_corner_to_the_upper_right() -> None:
    assert turn_points([(0, 0), (9, 0)], (10, 4), 1) == ((3, 0), (3, 9))


@given(st.data(), framings())
def test_what_is_put_on_the_frame_and_back_stands_where_it_stood(data: st.DataObject, framing: Framing) -> None:
    line = data.draw(lines_on(framing.image_size))
    framed = framing.to_frame(line.baseline)
    assert all(0 <= x < framing.size[0] and 0 <= y < framing.size[1] for x, y in framed)
    assert framing.to_image(framed) == line.baseline
    assert Framing.from_json(framing.to_json(), (1, 1)) == framing


@given(st.data(), framings(), turns)
def test_a_page_turned_and_turned_back_has_its_lines_where_they_were(
    data: st.DataObject, framing: Framing, by: int
) -> None:
    line = data.draw(lines_on(framing.image_size))
    other = replace(framing, turn=(framing.turn + by) % 4)
    assert reframe(reframe(line, framing, other), other, framing) == line


def test_a_layout_of_before_there_were_framings_is_of_its_whole_frame() -> None:
    assert Framing.from_json({"rotation": 90}, (300, 400)) == Framing((300, 400))


@given(st.data(), st.tuples(st.integers(8, 4000), st.integers(2, 3000)), st.floats(0, 1))
def test_a_spread_that_is_split_and_joined_has_every_line_and_region_where_it_was(
    data: st.DataObject, size: tuple[int, int], gutter: float
) -> None:
    for line in data.draw(st.lists(lines_on(size), max_size=6)):
        columns = columns_at(size[0], gutter, right=not stands_left(line, columns_at(size[0], gutter, right=False)[1]))
        half = part_of(line, columns)
        width = columns[1] - columns[0]
        assert all(0 <= x < width and 0 <= y < size[1] for x, y in half.baseline + half.polygon)
        assert half.baseline
        assert len(half.polygon) >= 3
        assert (half.region, half.production) == (line.region, line.production)
        assert whole_of(half, columns, line) == line
        region = RegionGeometry("r1", "text", line.polygon)
        assert whole_region_of(region_part_of(region, columns), columns, region) == region


@given(st.data(), st.tuples(st.integers(8, 4000), st.integers(2, 3000)), st.floats(0, 1), st.booleans())
def test_two_pages_that_are_joined_and_split_have_their_lines_where_they_were(
    data: st.DataObject, size: tuple[int, int], gutter: float, right: bool
) -> None:
    columns = columns_at(size[0], gutter, right=right)
    line = data.draw(lines_on((columns[1] - columns[0], size[1])))
    whole = whole_of(line, columns)
    at = columns[0] if right else columns[1]
    if len({x for x, _ in line.baseline}) > 1:
        assert stands_left(whole, at) is not right
    assert part_of(whole, columns) == line


def test_a_line_that_a_person_moved_on_its_page_is_not_put_back_where_it_stood_before() -> None:
    before = LineGeometry(((10, 50), (120, 50)), ((10, 30), (120, 30), (120, 60)))
    moved = replace(part_of(before, (0, 100)), baseline=((10, 55), (99, 55)))
    assert whole_of(moved, (0, 100), before).baseline == ((10, 55), (99, 55))


def test_a_line_over_the_gutter_is_cut_where_it_crosses() -> None:
    line = LineGeometry(((0, 0), (200, 100)), ((0, 0), (200, 0), (200, 40), (0, 40)))
    assert stands_left(line, 150)
    half = part_of(line, (0, 151))
    assert half.baseline == ((0, 0), (150, 75))
    assert set(half.polygon) == {(0, 0), (150, 0), (150, 40), (0, 40)}


@pytest.mark.parametrize(("gutter", "columns"), [(0.0, (0, 1)), (1.0, (0, 99)), (0.5, (0, 50))])
def test_no_page_of_a_spread_is_empty(gutter: float, columns: tuple[int, int]) -> None:
    assert columns_at(100, gutter, right=False) == columns
    assert columns_at(100, gutter, right=True) == (columns[1], 100)


def test_regions_are_turned_with_their_page() -> None:
    region = RegionGeometry("r1", "text", ((0, 0), (9, 0), (9, 3)))
    turned = reframe_region(region, Framing((10, 4)), Framing((10, 4), turn=1))
    assert turned.polygon == ((3, 0), (3, 9), (0, 9))
