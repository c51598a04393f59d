import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr import geometry
from transcription.htr.records import LineGeometry

coordinates = st.integers(min_value=-500, max_value=5000)
chains = st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=30)

SQUARE = ((10, 10), (20, 10), (20, 20), (10, 20))


def test_area_of_a_square_is_its_side_squared() -> None:
    assert geometry.area(SQUARE) == 100
    assert geometry.area(SQUARE[::-1]) == 100


def test_fewer_than_three_points_enclose_nothing() -> None:
    assert geometry.area(SQUARE[:2]) == 0


def test_bounding_box_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no points"):
        geometry.bounding_box(())


@given(chains, st.floats(min_value=0.5, max_value=200))
def test_resampling_keeps_both_ends_and_its_step(points: list[tuple[int, int]], step: float) -> None:
    sampled = geometry.resample(points, step)
    assert tuple(sampled[0]) == points[0]
    if len(sampled) > 1:
        assert np.allclose(sampled[-1], points[-1])
        assert np.hypot(*np.diff(sampled, axis=0).T).max() <= step + 1e-6


@given(st.floats(min_value=-1.4, max_value=1.4))
def test_angle_is_that_of_the_drawn_line(radians: float) -> None:
    baseline = tuple((round(5000 * math.cos(radians) * t), round(5000 * math.sin(radians) * t)) for t in (0, 0.4, 1))
    assert geometry.angle(baseline) == pytest.approx(radians, abs=0.002)


def test_a_level_line_drawn_backwards_is_not_upside_down() -> None:
    assert geometry.angle(((900, 50), (100, 50))) == 0


def test_a_line_up_the_margin_is_turned_a_quarter() -> None:
    assert geometry.angle(((50, 900), (50, 100))) == pytest.approx(-math.pi / 2)


@given(chains, st.integers(min_value=2, max_value=12))
def test_simplified_polylines_keep_to_their_number_of_points(points: list[tuple[int, int]], most: int) -> None:
    kept = geometry.simplify(points, most=most, closed=False)
    assert 1 <= len(kept) <= most
    assert set(kept) <= set(points)


def test_dilating_grows_every_side_by_the_margin() -> None:
    assert geometry.bounding_box(geometry.dilate(SQUARE, 5)) == (5, 5, 25, 25)


@given(chains)
def test_clipped_points_lie_on_the_page(points: list[tuple[int, int]]) -> None:
    for x, y in geometry.clip_to_page(points, (640, 480)):
        assert 0 <= x < 640
        assert 0 <= y < 480


def test_scaling_scales_baseline_and_polygon_alike() -> None:
    doubled = geometry.scale(LineGeometry(baseline=((10, 18), (20, 18)), polygon=SQUARE, region="margin"), 2, 3)
    assert doubled.baseline == ((20, 54), (40, 54))
    assert doubled.polygon == ((20, 30), (40, 30), (40, 60), (20, 60))
    assert doubled.region == "margin"
