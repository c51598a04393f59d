"""Recipes that work on the ink: tell it from the paper, give its strokes another width or another edge."""

from __future__ import annotations

import cv2
import numpy as np

from transcription.htr.records import Gray

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_DEVIATION = 128.0  # R of Sauvola's formula: the largest standard deviation of 8-bit levels


def adaptive(image: Gray, *, window: float = 0.6, offset: int = 12, denoise: float = 30.0) -> Gray:
    """Edge-preserving denoising, then an adaptive Gaussian threshold softened by one pixel: for degraded paper.

    ``window`` is in units of the image's height for line crops (an odd number of pixels, at least 15); a pixel is ink
    where it is ``offset`` levels darker than those around; ``denoise`` is the grey difference that the bilateral
    filter (Tomasi & Manduchi 1998) still takes for noise. Non-local means read no better and took as long as the
    recogniser itself.
    """
    size = _window(image, window)
    quiet = cv2.bilateralFilter(image, 5, denoise, 2.0)
    binary = cv2.adaptiveThreshold(quiet, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, size, offset)
    return cv2.GaussianBlur(binary, (3, 3), 0).astype(np.uint8)


def sauvola(image: Gray, *, window: float = 0.6, k: float = 0.1) -> Gray:
    """Ink is what is darker than m · (1 + k · (s / 128 - 1)), softened by one pixel. Sauvola & Pietikäinen, 2000.

    m and s are mean and standard deviation of the levels within ``window`` (units as for ``adaptive``), by box filters,
    whose cost does not grow with it. The larger ``k``, the less is ink: of 0.05 to 0.5, 0.1 read best on
    the tune split (0.2 to 0.5 is the paper's, for print).
    """
    size = _window(image, window)
    mean = cv2.boxFilter(image, cv2.CV_64F, (size, size))
    square = cv2.sqrBoxFilter(image, cv2.CV_64F, (size, size))
    deviation = np.sqrt(np.maximum(square - mean * mean, 0))
    paper = image >= mean * (1 + k * (deviation / _DEVIATION - 1))
    return cv2.GaussianBlur(paper.astype(np.uint8) * 255, (3, 3), 0).astype(np.uint8)


def thicken(image: Gray, *, amount: float = 0.5) -> Gray:
    """Strokes wider by ``amount`` pixels on every side, fractions too: grey erosion (Serra 1982). For thin pens."""
    return _stepped(image, amount, darker=True)


def thin(image: Gray, *, amount: float = 0.5) -> Gray:
    """Strokes narrower by ``amount`` pixels on every side: grey dilation. For blotted ink; fine strokes may vanish."""
    return _stepped(image, amount, darker=False)


def blur(image: Gray, *, sigma: float = 0.8) -> Gray:
    """Gaussian blur of ``sigma`` pixels: another look at a grainy or over-sharpened scan."""
    return cv2.GaussianBlur(image, (0, 0), sigma).astype(np.uint8, copy=False)


def sharpen(image: Gray, *, amount: float = 1.0, sigma: float = 1.2) -> Gray:
    """Unsharp mask: ``amount`` times what a blur of ``sigma`` pixels takes away is added. For soft scans and film."""
    soft = cv2.GaussianBlur(image, (0, 0), sigma)
    return cv2.addWeighted(image, 1 + amount, soft, -amount, 0).astype(np.uint8, copy=False)


def _window(image: Gray, share: float) -> int:
    """``share`` of the image's height as an odd number of pixels, at least 15; a page counts as a line of 120."""
    return max(15, int(min(image.shape[0], 120) * share) | 1)


def _stepped(image: Gray, amount: float, *, darker: bool) -> Gray:
    """Morphology by whole pixels, and a mixture of two of them for the fraction."""
    apply = cv2.erode if darker else cv2.dilate
    whole, part = int(amount), amount % 1
    near = apply(image, _CROSS, iterations=whole) if whole else image
    if not part:
        return near.astype(np.uint8, copy=False)
    return cv2.addWeighted(near, 1 - part, apply(near, _CROSS), part, 0).astype(np.uint8, copy=False)
