"""Recipes that give grey levels other values and leave every stroke where it is."""

from __future__ import annotations

import cv2
import numpy as np

from transcription.htr.records import Gray

_LEVELS = np.arange(256, dtype=np.float64) / 255


def plain(image: Gray) -> Gray:
    """The image as it is."""
    return image


def clahe(image: Gray, *, clip_limit: float = 2.0, tiles: int = 8) -> Gray:
    """Contrast-limited adaptive histogram equalisation. Zuiderveld, Graphics Gems IV, 1994.

    ``clip_limit`` (at least 1) bounds how much a level may be spread, in multiples of an even histogram's bin; the
    image is cut into ``tiles`` × ``tiles``.
    """
    return cv2.createCLAHE(clipLimit=clip_limit, tileGridSize=(tiles, tiles)).apply(image).astype(np.uint8, copy=False)


def gamma(image: Gray, *, exponent: float = 1.6) -> Gray:
    """255 · (level / 255) ^ ``exponent``: above 1 pale ink grows darker, below 1 a dark scan grows lighter."""
    return cv2.LUT(image, np.rint(255 * _LEVELS**exponent).astype(np.uint8)).astype(np.uint8, copy=False)


def invert(image: Gray) -> Gray:
    """The negative's positive: for film negatives and white ink on black, which recognisers were never shown."""
    return cv2.bitwise_not(image).astype(np.uint8, copy=False)
