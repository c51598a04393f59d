"""Recipes that work on the paper: even it out, quiet it, take the other side's writing from it, add some."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.htr.histogram import count_levels, percentile
from transcription.htr.records import Gray

_VISIBLE = 16  # grey levels under the paper at which anything counts as written
_PAPER_WINDOW = 25  # pixels; wider than any stroke of a line 64 pixels high


def background(image: Gray, *, scale: float = 1.0) -> Gray:
    """Divide by the paper: a large median of the lightest pixels nearby, so that stains and shadows go.

    The neighborhood is 25 · ``scale`` pixels wide: more than a stroke, less than a stain.
    """
    size = max(3, int(25 * scale) | 1)
    paper = cv2.medianBlur(cv2.dilate(image, np.ones((size, size), np.uint8)), min(size, 255))
    return cv2.divide(image, np.maximum(paper, 1), scale=245).astype(np.uint8)


def denoise(image: Gray, *, strength: float = 5.0, search: int = 15) -> Gray:
    """Non-local means: each 5 × 5 patch becomes the mean of those like it. Buades, Coll & Morel, CVPR 2005.

    ``strength`` is the grey difference still taken for noise; patches are looked for within ``search`` pixels (odd).
    The cost grows with the square of ``search``: at 15 about 20 ms a line, several times what reading takes.
    """
    return cv2.fastNlMeansDenoising(image, None, float(strength), 5, search | 1).astype(np.uint8, copy=False)


def show_through(image: Gray, *, weak: float = 0.25, strong: float = 0.4) -> Gray:
    """Paper in the place of pale strokes that touch no dark ink: the other side's writing, seen through.

    Needs no scan of the other side. Two thresholds with hysteresis, after Estrada & Tomasi, ICDAR 2009: what is at
    least ``weak`` as dark as the ink, measured from the paper around, is a stroke; a stroke of which no pixel is
    ``strong`` goes. The ink's darkness is the upper quartile of all that is visible. Pale ends of dark strokes stay,
    and so does show-through that runs into ink.
    """
    paper = _paper(image)
    # Grain must not join strokes to one another.
    depth = cv2.subtract(paper, cv2.GaussianBlur(image, (3, 3), 0)).astype(np.uint8)
    counts = count_levels(depth)
    counts[:_VISIBLE] = 0
    if not counts.any():
        return image
    # The upper quartile: a nib's shaded strokes are so dark that beside them its hairlines would pass for the verso.
    ink = percentile(counts, 75)
    strokes = (depth >= max(_VISIBLE / 2, weak * ink)).astype(np.uint8)
    count, labels = cv2.connectedComponents(strokes, connectivity=8)
    kept = np.zeros(count, bool)
    kept[labels[depth >= strong * ink]] = True
    kept[0] = True  # what is no stroke at all
    gone = (~kept[labels]).astype(np.uint8) * 255
    if not gone.any():
        return image
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    ours = ((strokes > 0) & kept[labels]).astype(np.uint8) * 255
    edge = cv2.subtract(cv2.dilate(gone, kernel), cv2.dilate(ours, np.ones((3, 3), np.uint8)))
    return _mixed(image, paper, cv2.GaussianBlur(edge, (3, 3), 0).astype(np.uint8))


def pad(image: Gray, *, above: float = 0.05, below: float = 0.05) -> Gray:
    """Paper added ``above`` and ``below``, in heights of the line, and the whole made as high as the line was.

    For lines cut too narrowly, and as a view in which the writing is smaller. Nothing is added at the sides, and the
    width shrinks as the height does: where a character stands, as a share of the width, stays the same.
    """
    height, width = image.shape
    top, bottom = round(above * height), round(below * height)
    if not top + bottom:
        return image
    level = float(round(percentile(count_levels(image), 75)))
    padded = cv2.copyMakeBorder(image, top, bottom, 0, 0, cv2.BORDER_CONSTANT, value=level)
    size = (max(1, round(width * height / (height + top + bottom))), height)
    return cv2.resize(padded, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _paper(image: Gray) -> Gray:
    """The level of the paper around each pixel: strokes closed over, then smoothed; its grain is averaged first."""
    even = cv2.blur(image, (5, 5))
    closed = cv2.morphologyEx(even, cv2.MORPH_CLOSE, np.ones((_PAPER_WINDOW, _PAPER_WINDOW), np.uint8))
    return cv2.blur(closed, (_PAPER_WINDOW, _PAPER_WINDOW)).astype(np.uint8)


def _mixed(image: Gray, other: Gray, share: Gray) -> Gray:
    """``other`` where ``share`` is 255, ``image`` where it is 0, in proportion between."""
    part: NDArray[np.float32] = share.astype(np.float32) / np.float32(255)
    return np.rint(image * (1 - part) + other * part).astype(np.uint8)
