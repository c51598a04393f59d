"""Shapes that a person's hand makes: whatever is drawn, what comes out is a line on its page, or a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.errors import BadInput
from transcription.htr.geometry import area, bounding_box, length
from transcription.htr.line_shapes import (
    Reach,
    checked,
    contains,
    cut,
    hull,
    join,
    joining_order,
    outline,
    place_in_order,
    usual_reach,
)
from transcription.htr.records import LineGeometry, Point

SIZE = (1200, 900)


def line(left: int, right: int, bottom: int, *, rise: int = 46, fall: int = 14) -> LineGeometry:
    ring = ((left, bottom - rise), (right, bottom - rise), (right, bottom + fall), (left, bottom + fall))
    return LineGeometry(baseline=((left, bottom), (right, bottom)), polygon=ring)


def turned(geometry: LineGeometry, by: float) -> LineGeometry:
    cos, sin = np.cos(by), np.sin(by)

    def turn(points: tuple[Point, ...]) -> tuple[Point, ...]:
        return tuple((round(500 + x * cos - y * sin), round(200 + x * sin + y * cos)) for x, y in points)

    return LineGeometry(turn(geometry.baseline), turn(geometry.polygon))


def test_the_usual_reach_is_the_pages_median() -> None:
    lines = [line(100, 1000, 200), line(100, 1000, 300), line(100, 900, 400, rise=300, fall=90)]
    assert usual_reach(lines, 900) == Reach(46, 14)


def test_the_usual_reach_of_slanting_lines_is_measured_along_them() -> None:
    reach = usual_reach([turned(line(0, 400, 100), 0.3)], 900)
    assert reach.rise == pytest.approx(46, abs=2)
    assert reach.fall == pytest.approx(14, abs=2)


def test_a_new_line_reaches_as_far_as_the_others_where_there_is_room() -> None:
    left, top, right, bottom = bounding_box(outline([(100, 500), (900, 500)], [line(100, 900, 200)], SIZE))
    assert (top, bottom) == (454, 514)
    assert left < 100
    assert right > 900


def test_a_new_line_between_two_is_bounded_by_their_baselines() -> None:
    ring = outline([(100, 200), (900, 200)], [line(100, 900, 160), line(100, 900, 230)], SIZE)
    _left, top, _right, bottom = bounding_box(ring)
    assert top == 200 - 28  # 0.7 of the way up
    assert bottom == 200 + 12  # 0.4 of the way down


def test_a_neighbour_bounds_a_new_line_only_where_it_stands() -> None:
    ring = outline([(100, 200), (900, 200)], [line(100, 300, 180)], SIZE, reach=Reach(46, 14))
    tops = {x: y for x, y in ring if y < 200}
    assert min(y for x, y in tops.items() if x < 340) >= 200 - 14 - 1
    assert min(y for x, y in tops.items() if x > 420) == 154


@given(
    st.lists(st.tuples(st.integers(0, 1199), st.integers(0, 899)), min_size=2, max_size=12),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 300), st.integers(50, 850)), max_size=6),
)
def test_an_outline_is_always_on_the_page_and_encloses_something(
    baseline: list[Point], others: list[tuple[int, int, int]]
) -> None:
    neighbours = [line(left, left + width + 10, bottom) for left, width, bottom in others]
    ring = outline(baseline, neighbours, SIZE)
    if length(baseline) == 0:
        assert ring == ()
        return
    assert all(0 <= x < 1200 and 0 <= y < 900 for x, y in ring)
    if length(baseline) > 40 and all(40 < y < 860 and 20 < x < 1180 for x, y in baseline):
        assert len(ring) >= 3
        assert area(ring) > 0


def test_a_cut_divides_baseline_and_outline_across() -> None:
    left, right = cut(line(100, 500, 200), 0.25)
    assert left.baseline == ((100, 200), (200, 200))
    assert right.baseline == ((200, 200), (500, 200))
    assert bounding_box(left.polygon) == (100, 154, 200, 214)
    assert bounding_box(right.polygon) == (200, 154, 500, 214)


def test_a_slanting_line_is_cut_at_a_right_angle() -> None:
    whole = turned(line(0, 400, 100), 0.3)
    left, right = cut(whole, 0.5)
    assert area(left.polygon) == pytest.approx(area(whole.polygon) / 2, rel=0.03)
    assert area(left.polygon) + area(right.polygon) == pytest.approx(area(whole.polygon), rel=0.02)


@given(st.floats(0.1, 0.9), st.floats(-1.2, 1.2), st.integers(60, 400))
def test_the_parts_of_a_cut_make_up_the_line(share: float, slant: float, width: int) -> None:
    whole = turned(line(0, width, 100), slant)
    left, right = cut(whole, share)
    assert length(left.baseline) + length(right.baseline) == pytest.approx(length(whole.baseline), abs=4)
    assert area(left.polygon) + area(right.polygon) == pytest.approx(area(whole.polygon), rel=0.1, abs=200)
    assert left.baseline[-1] == right.baseline[0]


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_a_cut_that_leaves_nothing_is_refused(share: float) -> None:
    with pytest.raises(BadInput, match="further inside"):
        cut(line(100, 500, 200), share)


def test_pieces_are_joined_from_left_to_right() -> None:
    pieces = [line(500, 900, 204), line(100, 400, 200)]
    assert joining_order(pieces) == [1, 0]
    whole = join([pieces[1], pieces[0]])
    assert whole.baseline[0] == (100, 200)
    assert whole.baseline[-1] == (900, 204)
    assert contains(whole.polygon, pieces[0].polygon, slack=2)
    assert contains(whole.polygon, pieces[1].polygon, slack=2)
    assert contains(whole.polygon, [(450, 190)]), "the gap is bridged"
    assert area(whole.polygon) < 1.2 * 60 * 800


def test_pieces_that_lie_over_one_another_keep_their_order() -> None:
    assert joining_order([line(150, 900, 260), line(100, 900, 200)]) == [0, 1]
    whole = join([line(100, 900, 200), line(150, 900, 260)])
    xs = [x for x, _y in whole.baseline]
    assert xs == sorted(xs)


@given(st.lists(st.tuples(st.integers(0, 700), st.integers(20, 400), st.integers(100, 300)), min_size=2, max_size=5))
def test_whatever_is_joined_is_one_line_round_its_parts(pieces: list[tuple[int, int, int]]) -> None:
    lines = [line(left, left + width, bottom) for left, width, bottom in pieces]
    whole = checked(join([lines[i] for i in joining_order(lines)]), SIZE)
    for piece in lines:
        assert contains(whole.polygon, piece.polygon, slack=4)


def test_one_line_is_not_joined() -> None:
    with pytest.raises(BadInput, match="two or more"):
        join([line(100, 500, 200)])


@pytest.mark.parametrize(
    ("geometry", "code"),
    [
        (LineGeometry(((5, 5),), ((0, 0), (90, 0), (90, 90))), "no-baseline"),
        (LineGeometry(((5, 5), (6, 5)), ((0, 0), (90, 0), (90, 90))), "no-baseline"),
        (LineGeometry(((9000, 5), (9900, 5)), ((0, 0), (90, 0), (90, 90))), "no-baseline"),
        (LineGeometry(((5, 5), (95, 5)), ((0, 0), (90, 0))), "no-outline"),
        (LineGeometry(((5, 5), (95, 5)), ((0, 0), (50, 0), (90, 0))), "no-outline"),
        (LineGeometry(((5, 5), (95, 5)), ((-900, 0), (-50, 0), (-90, 70))), "no-outline"),
        (LineGeometry(tuple((n, 5) for n in range(201)), ((0, 0), (90, 0), (90, 90))), "too-many-points"),
        (LineGeometry(((5, 5), (95, 5)), tuple((n, n * n % 97) for n in range(401))), "too-many-points"),
    ],
)
def test_what_is_no_line_is_refused_with_a_code(geometry: LineGeometry, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        checked(geometry, SIZE)
    assert refused.value.code == code
    assert refused.value.message.endswith(".")


def test_what_stands_out_is_clipped_to_the_page() -> None:
    made = checked(LineGeometry(((-50, 100), (5000, 100)), ((-50, 60), (5000, 60), (5000, 110), (-50, 110))), SIZE)
    assert made.baseline == ((0, 100), (1199, 100))
    assert bounding_box(made.polygon) == (0, 60, 1199, 110)


COLUMNS = [line(100, 500, 200), line(100, 500, 300), line(700, 1100, 200), line(700, 1100, 300)]


@pytest.mark.parametrize(
    ("new", "place"),
    [
        (line(100, 500, 250), 1),
        (line(100, 500, 100), 0),
        (line(100, 500, 400), 2),
        (line(700, 1100, 250), 3),
        (line(700, 1100, 400), 4),
        (line(520, 640, 302), 2),  # the end of the line on its left
    ],
)
def test_a_new_line_finds_its_place_in_its_column(new: LineGeometry, place: int) -> None:
    assert place_in_order(new, COLUMNS) == place


def test_the_first_line_of_a_page_is_first() -> None:
    assert place_in_order(line(100, 500, 200), []) == 0


def test_a_hull_goes_round_everything() -> None:
    around = hull([COLUMNS[0].polygon, COLUMNS[3].polygon])
    assert contains(around, COLUMNS[0].polygon, slack=0.5)
    assert contains(around, COLUMNS[3].polygon, slack=0.5)
    assert hull([]) == ()
    assert not contains((), [(1, 1)])
