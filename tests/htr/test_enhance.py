from __future__ import annotations

import cv2
import numpy as np
import pytest

from transcription.htr.enhance import RECIPES, background, enhance
from transcription.htr.records import Gray


def line(paper: int = 220, stroke: int = 40, size: tuple[int, int] = (64, 400)) -> Gray:
    """A noisy line of dark text."""
    noise = np.random.default_rng(1).normal(0, 4, size)
    image = np.clip(paper + noise, 0, 255).astype(np.uint8)
    cv2.putText(image, "longhand", (10, 44), cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.2, stroke, 2)
    return image


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.parametrize("size", [(64, 400), (64, 8), (12, 300), (1, 1), (300, 200)])
def test_every_recipe_keeps_size_and_type(recipe: str, size: tuple[int, int]) -> None:
    out = enhance(line(size=size), recipe)
    assert out.shape == size
    assert out.dtype == np.uint8


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_ink_stays_darker_than_paper_and_the_input_is_not_changed(recipe: str) -> None:
    image = line()
    before = image.copy()
    out = enhance(image, recipe)
    assert (image == before).all()
    text = before < 100
    assert out[text].mean() + 40 < out[~text].mean()


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_flat_image_stays_flat(recipe: str, value: int) -> None:
    out = enhance(np.full((64, 100), value, np.uint8), recipe)
    assert out.std() < 1


def test_clahe_lifts_faint_ink() -> None:
    faint = line(paper=200, stroke=170)
    assert float(enhance(faint, "clahe").std()) > float(faint.std())


def test_background_evens_out_a_shadow() -> None:
    shadow = np.linspace(90, 240, 400)[None, :].repeat(64, axis=0).astype(np.uint8)
    evened = background(shadow)
    assert int(evened.max()) - int(evened.min()) < 40


def test_options_reach_the_recipe() -> None:
    weak, strong = (enhance(line(), "clahe", {"clip_limit": limit}) for limit in (1.0, 20.0))
    assert (weak != strong).any()


def test_an_unknown_recipe_is_refused() -> None:
    with pytest.raises(KeyError):
        enhance(line(), "sharpen-all")
