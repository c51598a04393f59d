"""Cutting one line out of its page: the same function in training and in the product.

The page is turned so that the baseline's least-squares fit is level; the bounding box of the polygon plus 8 % of its
height is taken; what lies outside the polygon, dilated by a twelfth of the line's height, becomes paper (the 75th
percentile of the inside) with a soft edge; the result is 64 pixels high.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.htr.geometry import angle, area, chain
from transcription.htr.histogram import count_levels, percentile
from transcription.htr.records import Gray, LineGeometry

LINE_HEIGHT = 64
MAX_WIDTH = 8192  # pixels; wider lines are squeezed, so that an absurd polygon cannot exhaust memory
_MARGIN = 0.08  # of the polygon's height, on every side
_DILATION = LINE_HEIGHT / 12  # pixels: 8 at a height of 96
_SOFTNESS = 1.5  # pixels, sigma of the mask's edge


def blank_line() -> Gray:
    """White paper, (64, 64): what is read where a geometry holds nothing."""
    return np.full((LINE_HEIGHT, LINE_HEIGHT), 255, np.uint8)


def cut_line(page: Gray, geometry: LineGeometry) -> Gray:
    """The line as grey (64, W), ink dark, W <= ``MAX_WIDTH``.

    A geometry that holds nothing (no area, outside the page, a single pixel) gives ``blank_line()``, never an error.
    """
    if page.size == 0 or area(geometry.polygon) < 4:
        return blank_line()
    polygon = chain(geometry.polygon)
    turn = angle(geometry.baseline)
    cos, sin = np.cos(turn), np.sin(turn)
    level = polygon @ np.array([[cos, -sin], [sin, cos]])  # turned by -angle about the origin
    low, high = level.min(axis=0), level.max(axis=0)
    margin = _MARGIN * max(high[1] - low[1], 1.0)
    low, high = low - margin, high + margin
    width, height = high - low
    factor_y = LINE_HEIGHT / height
    target_width = int(np.clip(round(width * factor_y), 8, MAX_WIDTH))
    factor_x = target_width / width

    # level + offset -> target; its inverse says where each target pixel lies on the page
    corners = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
    on_page = corners @ np.array([[cos, sin], [-sin, cos]])
    window = _window(on_page, page.shape)
    if window is None:
        return blank_line()
    left, top, right, bottom = window
    patch, shrink = _shrunk(page[top:bottom, left:right], factor_x, factor_y)
    to_target = np.array([[cos * factor_x, sin * factor_x], [-sin * factor_y, cos * factor_y]])
    shift = to_target @ np.array([left, top], np.float64) - low * (factor_x, factor_y)
    # pixel centres: the centre of pixel i lies at i + 0.5, on the page, in the patch and in the target alike
    patch_to_target = to_target / shrink
    centred = np.column_stack([patch_to_target, shift + patch_to_target @ np.array([0.5, 0.5]) - 0.5])
    pixels = cv2.warpAffine(
        patch, centred, (target_width, LINE_HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.uint8)

    inside = _soft_inside((level - low) * (factor_x, factor_y), pixels.shape)
    counts = count_levels(pixels, (inside > 127).astype(np.uint8))
    if not counts.any():
        return blank_line()
    return _on_paper(pixels, inside, percentile(counts, 75))


def extent(geometry: LineGeometry) -> tuple[int, int, int, int] | None:
    """The part of a page that ``cut_line`` looks at, (left, top, right, bottom) exclusive, page or not; None for none.

    Cut out of that part alone, moved there, a line looks the same.
    """
    if area(geometry.polygon) < 4:
        return None
    turn = angle(geometry.baseline)
    cos, sin = np.cos(turn), np.sin(turn)
    level = chain(geometry.polygon) @ np.array([[cos, -sin], [sin, cos]])
    low, high = level.min(axis=0), level.max(axis=0)
    margin = _MARGIN * max(high[1] - low[1], 1.0)
    (left, top), (right, bottom) = low - margin, high + margin
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    on_page = corners @ np.array([[cos, sin], [-sin, cos]])
    first, last = np.floor(on_page.min(axis=0)).astype(int) - 2, np.ceil(on_page.max(axis=0)).astype(int) + 3
    return int(first[0]), int(first[1]), int(last[0]), int(last[1])


def _on_paper(pixels: Gray, inside: Gray, paper: float) -> Gray:
    """``pixels`` where ``inside`` is 255, the level ``paper`` where it is 0, mixed in proportion between."""
    share = inside.astype(np.float32) / np.float32(255)
    mixed = pixels * share
    mixed += paper * (1 - share)
    return np.rint(mixed, out=mixed).astype(np.uint8)


def _window(corners: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """The part of the page that holds the turned rectangle, (left, top, right, bottom) exclusive; None outside."""
    left, top = np.floor(corners.min(axis=0)).astype(int) - 2
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 3
    left, top = max(int(left), 0), max(int(top), 0)
    right, bottom = min(int(right), shape[1]), min(int(bottom), shape[0])
    return (left, top, right, bottom) if right > left and bottom > top else None


def _shrunk(patch: Gray, factor_x: float, factor_y: float) -> tuple[Gray, NDArray[np.float64]]:
    """The patch averaged down to the target's scale, so that bilinear sampling drops no strokes; and its factors."""
    wanted = max(factor_x, factor_y)
    if wanted > 0.9:
        return patch, np.ones(2)
    size = (max(1, round(patch.shape[1] * wanted)), max(1, round(patch.shape[0] * wanted)))
    small = cv2.resize(patch, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return small, np.array([size[0] / patch.shape[1], size[1] / patch.shape[0]])


def _soft_inside(polygon: NDArray[np.float64], shape: tuple[int, ...]) -> Gray:
    """255 inside the dilated polygon (target pixels), 0 outside, a soft edge between."""
    filled = np.zeros(shape, np.uint8)
    cv2.fillPoly(filled, [np.rint(polygon - 0.5).astype(np.int32)], 255)
    size = 2 * round(_DILATION) + 1
    grown = cv2.dilate(filled, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    return cv2.GaussianBlur(grown, (0, 0), _SOFTNESS).astype(np.uint8, copy=False)
