"""Smooth random fields, the one ingredient that paper, ink and unsteady hands share."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]  # (H, W)


def smooth_noise(rng: np.random.Generator, size: tuple[int, int], grain: float) -> Field:
    """Noise of about unit variance over ``size`` (width, height) that changes over about ``grain`` pixels; (H, W)."""
    width, height = size
    coarse = rng.standard_normal((int(height / grain) + 3, int(width / grain) + 3), dtype=np.float32)
    shift = rng.random(2)  # so that the grid's knots do not lie on the image's corner
    scale = np.array([[1 / grain, 0, shift[0]], [0, 1 / grain, shift[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    field = cv2.warpAffine(coarse, scale, size, flags=flags, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(field, dtype=np.float32)
