from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from transcription.htr.histogram import count_levels, percentile
from transcription.htr.records import Gray

images = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40))


@given(images, st.floats(0, 100))
def test_a_percentile_of_counts_is_that_of_the_pixels_to_the_last_bit(pixels: Gray, percent: float) -> None:
    assert percentile(count_levels(pixels), percent) == np.percentile(pixels, percent)


@given(images, st.integers(0, 2**32 - 1))
def test_only_pixels_under_the_mask_are_counted(pixels: Gray, seed: int) -> None:
    mask = np.random.default_rng(seed).integers(0, 2, pixels.shape).astype(np.uint8) * np.uint8(255)
    counts = count_levels(pixels, mask)
    assert counts.tolist() == np.bincount(pixels[mask > 0], minlength=256).tolist()


def test_more_pixels_than_single_precision_can_count_are_counted_exactly() -> None:
    pixels = np.zeros((4_097, 4_100), np.uint8)  # 2**24 is 4,096 x 4,096
    pixels[-1, -1] = 9
    counts = count_levels(pixels)
    assert counts[0] == pixels.size - 1
    assert counts[9] == 1


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no pixels"):
        percentile(np.zeros(256, np.int64), 50)
