"""Enhancement recipes: named, parameterised, pure functions from a grey image to a grey image of the same size.

Images are uint8, shape (H, W), ink dark on a light ground.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np

from transcription.htr.records import Gray

Recipe = Callable[..., Gray]


def plain(image: Gray) -> Gray:
    """The image as it is."""
    return image


def clahe(image: Gray, *, clip_limit: float = 2.0, tiles: int = 8) -> Gray:
    """Contrast-limited adaptive histogram equalisation. Zuiderveld, Graphics Gems IV, 1994."""
    return cv2.createCLAHE(clipLimit=clip_limit, tileGridSize=(tiles, tiles)).apply(image).astype(np.uint8, copy=False)


def adaptive(image: Gray, *, window: float = 0.6, offset: int = 12, denoise: float = 30.0) -> Gray:
    """Edge-preserving denoising, then an adaptive Gaussian threshold softened by one pixel: for degraded paper.

    ``window`` is in units of the image's height for line crops (an odd number of pixels, at least 15); ``denoise`` is
    the grey difference that the bilateral filter (Tomasi & Manduchi 1998) still takes for noise. Non-local means
    read no better and took as long as the recogniser itself.
    """
    size = max(15, int(min(image.shape[0], 120) * window) | 1)
    quiet = cv2.bilateralFilter(image, 5, denoise, 2.0)
    binary = cv2.adaptiveThreshold(quiet, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, size, offset)
    return cv2.GaussianBlur(binary, (3, 3), 0).astype(np.uint8)


def background(image: Gray, *, scale: float = 1.0) -> Gray:
    """Divide by the paper: a large median of the lightest pixels nearby, so that stains and shadows go."""
    size = max(3, int(25 * scale) | 1)
    paper = cv2.medianBlur(cv2.dilate(image, np.ones((size, size), np.uint8)), min(size, 255))
    return cv2.divide(image, np.maximum(paper, 1), scale=245).astype(np.uint8)


RECIPES: Mapping[str, Recipe] = {"plain": plain, "clahe": clahe, "adaptive": adaptive, "background": background}


def enhance(image: Gray, recipe: str, options: Mapping[str, Any] | None = None) -> Gray:
    """Apply a recipe by name; raises KeyError for a name that is not in ``RECIPES``."""
    return RECIPES[recipe](image, **(options or {}))
