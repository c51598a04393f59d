"""A line image as a recogniser's network sees it: ink is high, paper is 0, contrast is the same for every scan."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.htr.histogram import count_levels, percentile
from transcription.htr.records import Gray

_LEVELS = np.arange(256, dtype=np.float32)
_WIDEST_STROKE = 0.25  # of the line's height
_STROKE_DEPTH = 18  # grey levels: faint pencil has 22, the grain of paper under 10


def ink(pixels: Gray) -> NDArray[np.float32]:
    """Grey (H, W), ink dark → float32 (H, W): 0 at the paper's level, about 1 in the darkest strokes.

    The paper is the 75th percentile and the stroke the 1st, so a faint pencil and a black pen look alike.
    """
    counts = count_levels(pixels)
    paper, stroke = percentile(counts, 75), percentile(counts, 1)
    contrast = max(paper - stroke, 24.0)  # on an empty line the paper's own noise must stay small
    # One value for each grey level, looked up: the arithmetic is done 256 times and not for every pixel.
    table = np.clip((paper - _LEVELS) / contrast, -0.25, 1.25)
    return cv2.LUT(pixels, table).astype(np.float32, copy=False)


def fit_height(pixels: Gray, height: int, max_width: int, *, wide_as: int = 0) -> Gray:
    """Resize to ``height`` keeping the aspect; wider than ``max_width`` (pixels after resizing) is squeezed. With
    ``wide_as`` the width is that which the line would have at such a height."""
    width = max(8, min(max_width, round(pixels.shape[1] * (wide_as or height) / pixels.shape[0])))
    if pixels.shape == (height, width):
        return pixels
    shrinks = (wide_as or height) < pixels.shape[0]
    resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return resized.astype(np.uint8)


def ink_share(pixels: Gray) -> float:
    """The share of a line's image, grey (H, W), that is strokes, in [0, 1].

    A stroke is narrower than a quarter of the line's height and darker than what is beside it (a black top-hat), by an
    absolute measure: relative to the darkest pixel, as ``ink`` has it, the grain of empty paper would be ink.
    """
    if not pixels.size:
        return 0.0
    size = max(3, round(pixels.shape[0] * _WIDEST_STROKE)) | 1
    smooth = cv2.GaussianBlur(pixels, (0, 0), 1.0)
    darker = cv2.morphologyEx(smooth, cv2.MORPH_BLACKHAT, np.ones((size, size), np.uint8))
    return float(np.count_nonzero(darker > _STROKE_DEPTH)) / pixels.size
