import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.layout_metrics import line_tolerances, score_baselines, score_order

PAGE = [((100, y), (900, y)) for y in (100, 200, 300, 400)]


def moved(dy: int) -> list[tuple[tuple[int, int], ...]]:
    return [tuple((x, y + dy) for x, y in line) for line in PAGE]


def test_the_truth_scores_one() -> None:
    score = score_baselines(PAGE, PAGE)
    assert (score.precision, score.recall, score.f1, score.line_error) == (1, 1, 1, 0)


def test_the_tolerance_is_a_quarter_of_the_spacing() -> None:
    assert line_tolerances(PAGE) == [25, 25, 25, 25]
    assert score_baselines(moved(25), PAGE).f1 == 1
    assert score_baselines(moved(50), PAGE).f1 == pytest.approx(0.5)


def test_the_nearest_place_of_two_lines_is_their_spacing() -> None:
    slanted = [((100, 100), (900, 100)), ((100, 140), (900, 220))]
    assert line_tolerances(slanted) == pytest.approx([10, 10], abs=1)


def test_a_line_far_from_the_others_is_allowed_no_more_than_the_pages_mean() -> None:
    far = [*PAGE[:3], ((100, 540), (900, 540))]
    assert line_tolerances(far) == pytest.approx([25, 25, 25, 33.75])
    beside = [*PAGE, ((1200, 150), (1500, 150))]
    assert line_tolerances(beside)[-1] == 25
    assert line_tolerances(PAGE[:1]) == [62.5]


def test_lines_are_turned_before_their_spacing_is_measured() -> None:
    upright = [tuple((y, x) for x, y in line) for line in PAGE]
    assert line_tolerances(upright) == pytest.approx([25] * 4)


def test_lines_found_in_another_order_are_the_same_lines() -> None:
    score = score_baselines([PAGE[2], PAGE[0], PAGE[1]], PAGE)
    assert score.matches == ((0, 2), (1, 0), (2, 1))
    order = score_order(score.matches)
    assert (order.kendall, order.moves, order.lines) == (pytest.approx(2 / 3), pytest.approx(1 / 3), 3)


def test_orders_are_compared_by_what_is_found_on_both_sides() -> None:
    assert score_order([(0, 0), (1, 3), (2, 7)]).kendall == 0
    reversed_ = score_order([(0, 7), (1, 3), (2, 0)])
    assert (reversed_.kendall, reversed_.moves) == (1, pytest.approx(2 / 3))
    assert score_order([]).moves == score_order([(4, 2)]).moves == 0


@given(st.permutations(range(8)))
def test_order_distances_are_shares_and_none_only_for_the_same_order(order: list[int]) -> None:
    score = score_order(list(enumerate(order)))
    assert 0 <= score.kendall <= 1
    assert 0 <= score.moves < 1
    assert (score.kendall == 0) == (score.moves == 0) == (order == sorted(order))


def test_an_invented_line_costs_precision_only() -> None:
    score = score_baselines([*PAGE, ((100, 900), (900, 900))], PAGE)
    assert score.recall == 1
    assert score.precision == pytest.approx(0.8)
    assert score.line_error == pytest.approx(0.25)


def test_a_missed_line_costs_recall_only() -> None:
    score = score_baselines(PAGE[:3], PAGE)
    assert score.precision == 1
    assert score.recall == pytest.approx(0.75)


def test_a_line_found_in_two_pieces_costs_precision_only() -> None:
    score = score_baselines([((100, 100), (500, 100)), ((500, 100), (900, 100)), *PAGE[1:]], PAGE)
    assert score.recall == 1
    assert score.precision == pytest.approx(0.8)


def test_an_empty_page_found_empty_is_right_and_nothing_found_on_a_full_one_is_wrong() -> None:
    assert score_baselines([], []).f1 == 1
    assert score_baselines([], PAGE).f1 == 0
    assert score_baselines(PAGE, []).f1 == 0


points = st.tuples(st.integers(0, 500), st.integers(0, 500))
layouts = st.lists(st.lists(points, min_size=1, max_size=4), max_size=6)


@given(layouts, layouts)
def test_scores_are_shares(found: list[list[tuple[int, int]]], true: list[list[tuple[int, int]]]) -> None:
    score = score_baselines(found, true)
    assert 0 <= score.precision <= 1
    assert 0 <= score.recall <= 1
    assert 0 <= score.f1 <= 1
