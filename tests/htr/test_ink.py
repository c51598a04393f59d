from __future__ import annotations

import numpy as np
import pytest

from transcription.htr.ink import fit_height, ink
from transcription.htr.records import Gray


def strokes(paper: int, stroke: int) -> Gray:
    image = np.full((64, 200), paper, np.uint8)
    image[20:44, 20:180:10] = stroke
    return image


@pytest.mark.parametrize(("paper", "stroke"), [(240, 20), (200, 150), (120, 60)])
def test_ink_is_one_and_paper_zero_whatever_the_contrast(paper: int, stroke: int) -> None:
    out = ink(strokes(paper, stroke))
    assert out.dtype == np.float32
    assert out[0, 0] == pytest.approx(0)
    assert out[30, 20] == pytest.approx(1)


def test_an_empty_line_stays_quiet() -> None:
    noise = np.random.default_rng(0).normal(200, 2, (64, 300)).astype(np.uint8)
    assert np.abs(ink(noise)).max() < 0.5


def test_ink_is_bounded() -> None:
    rough = np.random.default_rng(0).integers(0, 256, (64, 300)).astype(np.uint8)
    assert ink(rough).min() >= -0.25
    assert ink(rough).max() <= 1.25


@pytest.mark.parametrize(("shape", "expected"), [((128, 400), (64, 200)), ((32, 100), (64, 200)), ((64, 90), (64, 90))])
def test_fit_height_keeps_the_aspect(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fit_height(np.zeros(shape, np.uint8), 64, 2000).shape == expected


def test_fit_height_squeezes_what_is_too_wide_and_widens_what_is_too_thin() -> None:
    assert fit_height(np.zeros((64, 5000), np.uint8), 64, 1000).shape == (64, 1000)
    assert fit_height(np.zeros((640, 10), np.uint8), 64, 1000).shape == (64, 8)
