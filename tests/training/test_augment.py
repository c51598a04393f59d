from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.line_sets import draw_line
from transcription.training.augment import hide, warp, weather

LINE = np.asarray(draw_line("Mary daughter of John"))


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_any_draw_gives_a_grey_line_of_the_wanted_height_with_its_ink(seed: int) -> None:
    rng = np.random.default_rng(seed)
    warped = warp(LINE, 48, 1600, rng)
    assert warped.dtype == np.uint8
    assert warped.shape[0] == 48
    assert 16 <= warped.shape[1] <= 1600
    weathered = weather(warped, rng)
    assert weathered.shape == warped.shape
    assert weathered.dtype == np.uint8
    assert int(weathered.max()) - int(weathered.min()) > 40, "the writing can still be seen"


@pytest.mark.parametrize("shape", [(1, 1), (64, 3), (8, 4000), (400, 20)])
def test_odd_sizes_are_no_error(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    assert weather(warp(np.full(shape, 220, np.uint8), 48, 1600, rng), rng).shape[0] == 48


def test_the_same_seed_gives_the_same_line() -> None:
    first, second = (weather(warp(LINE, 48, 1600, np.random.default_rng(9)), np.random.default_rng(9)) for _ in "ab")
    assert np.array_equal(first, second)


def test_hidden_stripes_are_paper_narrow_and_not_in_every_line() -> None:
    image = np.ones((48, 400), np.float32)
    shares = [float((hide(image.copy(), np.random.default_rng(seed)) == 0).mean()) for seed in range(60)]
    assert max(shares) < 0.2
    assert 0 < sum(share > 0 for share in shares) < 40
