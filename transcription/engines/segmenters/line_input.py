"""A page as the line network wants it: at a working size, paper at zero, sides in whole grains."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.htr.records import Gray

Floats = NDArray[np.float32]


def network_input(image: Gray) -> Floats:
    """Grey (H, W) to floats, 0 = paper and ink positive: the median is the paper, twice the deviation the unit."""
    values = image.astype(np.float32)
    spread = max(float(values.std()), 8.0)
    result: Floats = (float(np.median(values)) - values) / (2 * spread)
    return result


def at_working_size(image: Gray, long_side: int) -> Gray:
    """The page with its long side at ``long_side`` pixels; smaller pages are enlarged, at most threefold."""
    factor = min(long_side / max(image.shape), 3.0)
    if factor == 1:
        return image
    size = (max(8, round(image.shape[1] * factor)), max(8, round(image.shape[0] * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=how).astype(np.uint8, copy=False)


def padded(values: Floats, grain: int) -> Floats:
    """With paper to the right and below, so that both sides are multiples of ``grain``."""
    rows, columns = values.shape
    return np.pad(values, ((0, -rows % grain), (0, -columns % grain)))
