"""Recipes that change a line's shape: wider, higher, leaning. Another look at the same hand."""

from __future__ import annotations

import cv2
import numpy as np

from transcription.htr.histogram import count_levels, percentile
from transcription.htr.records import Gray

_WIDEST = 32_000  # pixels: OpenCV's warping ends at 32,767


def stretch(image: Gray, *, width: float = 1.25, height: float = 1.0, slant: float = 0.0) -> Gray:
    """The writing ``width`` times as wide, ``height`` times as high about the line's middle, and leaning by ``slant``.

    ``slant`` is by how many heights of the line its top moves to the right against its foot; the middle stays. The
    image is as high as it was and wider in proportion, so where a character stands, as a share of the width, stays the
    same on the middle of the line. A hand that writes closely gives a recogniser too few columns for a character.
    """
    rows, columns = image.shape
    size = (max(1, min(_WIDEST, round(columns * width))), rows)
    if (height == 1 and slant == 0) or columns > _WIDEST:
        return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR if width >= 1 else cv2.INTER_AREA).astype(
            np.uint8
        )
    # Centers of pixels lie at halves; the matrix takes a pixel of the result to where it is looked up.
    across, middle = columns / size[0], (rows - 1) / 2
    where = np.array([[across, slant, (across - 1) / 2 - slant * middle], [0, 1 / height, middle - middle / height]])
    level = float(round(percentile(count_levels(image), 75)))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, where, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=level).astype(
        np.uint8
    )
