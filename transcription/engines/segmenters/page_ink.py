"""From a grey page to the ink of its writing: background, page border, ruled lines, skew and line spacing.

All images here are the reduced working image; ink is uint8, 1 where there is ink.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.htr.records import Gray

Mask = NDArray[np.uint8]  # (H, W) of 0 and 1

_LEAST_CONTRAST = 5  # standard deviation in a window, of 255: below, it is paper's texture whatever the page
_SHORTEST_RULE = 1 / 14  # of the long side: horizontal strokes of writing are shorter
_SHORTEST_UPRIGHT_RULE = 1 / 16  # of the long side


def page_area(gray: Gray) -> Mask:
    """1 on the sheet, 0 on the dark surroundings (scanner bed, microfilm frame) that touch the image's border."""
    shrink = max(1, max(gray.shape) // 256)
    small = cv2.resize(
        gray, (max(1, gray.shape[1] // shrink), max(1, gray.shape[0] // shrink)), interpolation=cv2.INTER_AREA
    )
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))  # writing goes, frames stay
    _, light = cv2.threshold(closed, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    dark = (1 - light).astype(np.uint8)
    if not dark.any() or not light.any() or closed[light > 0].mean() - closed[dark > 0].mean() < 60:
        return np.ones(gray.shape, np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=4)
    height, width = dark.shape
    outside = np.zeros(count, np.uint8)
    for label in range(1, count):
        left, top, w, h, size = stats[label]
        touches = left == 0 or top == 0 or left + w == width or top + h == height
        outside[label] = touches and size > 0.002 * dark.size
    surroundings = cv2.dilate(outside[labels], np.ones((5, 5), np.uint8))
    if surroundings.mean() > 0.9:
        return np.ones(gray.shape, np.uint8)
    return (1 - cv2.resize(surroundings, gray.shape[::-1], interpolation=cv2.INTER_NEAREST)).astype(np.uint8)


def binarize(gray: Gray, page: Mask, *, sensitivity: float) -> Mask:
    """Ink where the page, divided by its background, is darker than a surrounding that varies more than bare paper."""
    size = max(9, (max(gray.shape) // 60) | 1)
    quarter = cv2.resize(gray, (max(1, gray.shape[1] // 4), max(1, gray.shape[0] // 4)), interpolation=cv2.INTER_AREA)
    grown = cv2.dilate(quarter, np.ones((max(3, size // 4) | 1,) * 2, np.uint8))
    paper = cv2.resize(cv2.medianBlur(grown, min(max(3, size // 2) | 1, 255)), gray.shape[::-1])
    even = cv2.divide(gray, np.maximum(paper, 1).astype(np.uint8), scale=250).astype(np.float32)
    even[page == 0] = 250
    window = (2 * size + 1, 2 * size + 1)
    mean = cv2.blur(even, window)
    deviation = np.sqrt(np.maximum(cv2.blur(even * even, window) - mean * mean, 0))
    inner = cv2.erode(page, np.ones(window, np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    gate = np.maximum(_prevailing(deviation * inner) * (1 - sensitivity), _LEAST_CONTRAST)
    ink = (even < mean - 0.8 * deviation) & (deviation > gate) & (page > 0)
    return np.asarray(ink, np.uint8)


def _prevailing(deviation: NDArray[np.floating]) -> NDArray[np.float32]:
    """The contrast of the writing round about: beside it, writing that shines through from the back is no ink."""
    height, width = deviation.shape
    coarse = cv2.resize(deviation, (max(1, width // 16), max(1, height // 16)), interpolation=cv2.INTER_AREA)
    reach = max(1, max(coarse.shape) // 12)
    grown = cv2.blur(cv2.dilate(coarse, np.ones((2 * reach + 1,) * 2, np.uint8)), (2 * reach + 1,) * 2)
    return cv2.resize(grown, (width, height)).astype(np.float32)


def without_rules(ink: Mask) -> tuple[Mask, Mask]:
    """The ink without long straight horizontal and vertical strokes; and the vertical ones on their own."""
    long_side = max(ink.shape)
    run = max(12, round(long_side * _SHORTEST_RULE))
    thick = cv2.dilate(ink, np.ones((3, 1), np.uint8))
    level = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, run), np.uint8))
    run = max(12, round(long_side * _SHORTEST_UPRIGHT_RULE))
    thick = cv2.dilate(ink, np.ones((1, 3), np.uint8))
    upright = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((run, 1), np.uint8))
    return np.asarray(ink * ((level == 0) & (upright == 0)), np.uint8), upright.astype(np.uint8)


def without_specks_and_blots(ink: Mask) -> Mask:
    """Drops what cannot be writing: single pixels, and components larger than a quarter of the page in a direction."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    if count <= 1:
        return ink
    width, height, size = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_AREA]
    solid = (size > 0.6 * width * height) & (np.minimum(width, height) > max(ink.shape) / 60)
    keep = (size > 4) & (height < ink.shape[0] / 4) & ~solid
    keep[0] = False
    return np.asarray(keep.astype(np.uint8)[labels], np.uint8)


def skew(ink: Mask, *, most: float = 5.0) -> float:
    """Degrees by which text lines fall to the right, by the sharpest projection profile within ±``most`` degrees."""
    ys, xs = np.nonzero(ink)
    if len(ys) < 200:
        return 0.0
    chosen = np.random.default_rng(0).choice(len(ys), min(len(ys), 20000), replace=False)
    xs, ys = xs[chosen] - ink.shape[1] / 2, ys[chosen].astype(np.float64)

    def sharpness(degrees: float) -> float:
        rows = (ys - xs * np.tan(np.radians(degrees))) / 2
        profile = np.bincount((rows - rows.min()).astype(np.intp)).astype(np.float64)
        return float((np.diff(profile) ** 2).sum())

    coarse = max(np.arange(-most, most + 0.1, 0.5), key=sharpness)
    best = float(max(np.arange(coarse - 0.4, coarse + 0.41, 0.1), key=sharpness))
    return best if sharpness(best) > 1.15 * sharpness(0.0) else 0.0


def line_spacing(ink: Mask) -> float:
    """Usual distance between baselines in pixels, by the autocorrelation of projections of narrow upright strips.

    Where the strips show no period (few lines), from the height of connected components.
    """
    height = ink.shape[0]
    longest = max(8, min(height // 2, max(ink.shape) // 8))
    strips = cv2.resize(ink.astype(np.float32), (12, height), interpolation=cv2.INTER_AREA)  # (H, 12)
    wide = cv2.blur(strips, (1, 2 * longest + 1))
    weight = (strips.sum(axis=0) > 0).astype(np.float32)
    centred = (cv2.GaussianBlur(strips, (1, 0), sigmaX=0.1, sigmaY=1.5) - wide) * weight
    spectrum = np.abs(np.fft.rfft(centred, n=2 * height, axis=0)) ** 2
    correlation = np.fft.irfft(spectrum, axis=0)[: longest + 1].sum(axis=1)
    fallback = _height_of_components(ink) * 2.4
    if correlation[0] <= 0 or longest < 10:
        return fallback
    correlation = correlation / correlation[0]
    shortest = max(7, max(ink.shape) // 130)
    inner = correlation[shortest:-1]
    peaks = np.flatnonzero((inner > correlation[shortest - 1 : -2]) & (inner >= correlation[shortest + 1 :])) + shortest
    if not len(peaks) or correlation[peaks].max() < 0.08:
        return fallback
    good = peaks[correlation[peaks] > 0.7 * correlation[peaks].max()]
    return float(good[0])


def _height_of_components(ink: Mask) -> float:
    """Median height of letters and words, in pixels, weighted by their width."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    wide, high = stats[1:, cv2.CC_STAT_WIDTH].astype(np.intp), stats[1:, cv2.CC_STAT_HEIGHT].astype(np.intp)
    keep = (high > 4) & (wide > 2)
    if not keep.any():
        return 12.0
    return float(np.clip(np.median(np.repeat(high[keep], wide[keep])), 6, 80))
