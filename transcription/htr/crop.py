"""Cutting one line out of its page: the same function in training and in the product.

The page is turned so that the baseline's least-squares fit is level; a baseline that bends is straightened, every
column shifted by as much as the baseline there stands off that fit; the bounding box of the polygon plus 8 % of its
height is taken; what lies outside the polygon, dilated by a twelfth of the line's height, becomes paper (the 75th
percentile of the inside) with a soft edge; the result is 64 pixels high.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.htr.geometry import Chain, angle, area, chain, resample
from transcription.htr.histogram import count_levels, percentile
from transcription.htr.records import Gray, LineGeometry, Point

Floats = NDArray[np.float64]

LINE_HEIGHT = 64
MAX_WIDTH = 8192  # pixels; wider lines are squeezed, so that an absurd polygon cannot exhaust memory
_MARGIN = 0.08  # of the polygon's height, on every side
_DILATION = LINE_HEIGHT / 12  # pixels: 8 at a height of 96
_SOFTNESS = 1.5  # pixels, sigma of the mask's edge
# A line bends when its baseline stands off its fit by this share of the polygon's height. Below it the recogniser,
# which was trained on lines cut straight, sees the very same pixels.
_BENT = 0.12


def blank_line() -> Gray:
    """White paper, (64, 64): what is read where a geometry holds nothing."""
    return np.full((LINE_HEIGHT, LINE_HEIGHT), 255, np.uint8)


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a line stands: ``levelling`` (2, 2) turns it level, ``bend`` says how far its baseline then stands below
    its fit, ``outline`` is the polygon after both, ``low`` and ``high`` the corners of its box with the margin."""

    levelling: Floats
    bend: Callable[[Floats], Floats] | None
    outline: Chain
    low: Floats
    high: Floats

    def on_page(self) -> Floats:
        """The corners (4, 2) on the page of what is looked at."""
        (left, top), (right, bottom) = self.low, self.high
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        if self.bend is not None:  # what is straightened reaches above and below its own box
            shifts = self.bend(np.linspace(left, right, 64))
            corners[:2, 1] += min(0.0, float(shifts.min()))
            corners[2:, 1] += max(0.0, float(shifts.max()))
        found: Floats = corners @ self.levelling.T
        return found


def _frame(geometry: LineGeometry) -> _Frame | None:
    """None for a polygon that holds nothing."""
    if area(geometry.polygon) < 4:
        return None
    turn = angle(geometry.baseline)
    cos, sin = np.cos(turn), np.sin(turn)
    levelling = np.array([[cos, -sin], [sin, cos]])  # turns by -angle about the origin
    outline = chain(geometry.polygon) @ levelling
    bend = _bend(chain(geometry.baseline) @ levelling, float(np.ptp(outline[:, 1])))
    if bend is not None:
        outline = resample(np.vstack([outline, outline[:1]]), 4.0)[:-1]  # its straight sides bend, too
        outline[:, 1] -= bend(outline[:, 0])
    low, high = outline.min(axis=0), outline.max(axis=0)
    margin = _MARGIN * max(high[1] - low[1], 1.0)
    return _Frame(levelling, bend, outline, low - margin, high + margin)


def cut_line(page: Gray, geometry: LineGeometry) -> Gray:
    """The line as grey (64, W), ink dark, W <= ``MAX_WIDTH``.

    A geometry that holds nothing (no area, outside the page, a single pixel) gives ``blank_line()``, never an error.
    """
    frame = _frame(geometry)
    if page.size == 0 or frame is None:
        return blank_line()
    low, (width, height) = frame.low, frame.high - frame.low
    factor_y = LINE_HEIGHT / height
    target_width = int(np.clip(round(width * factor_y), 8, MAX_WIDTH))
    factor_x = target_width / width

    # level + offset -> target; its inverse says where each target pixel lies on the page
    window = _window(frame.on_page(), page.shape)
    if window is None:
        return blank_line()
    left, top, right, bottom = window
    patch, shrink = _shrunk(page[top:bottom, left:right], factor_x, factor_y)
    to_target = frame.levelling.T * np.array([[factor_x], [factor_y]])
    shift = to_target @ np.array([left, top], np.float64) - low * (factor_x, factor_y)
    # pixel centres: the centre of pixel i lies at i + 0.5, on the page, in the patch and in the target alike
    patch_to_target = to_target / shrink
    centred = np.column_stack([patch_to_target, shift + patch_to_target @ np.array([0.5, 0.5]) - 0.5])
    size = (target_width, LINE_HEIGHT)
    if frame.bend is None:
        flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
        pixels = cv2.warpAffine(patch, centred, size, flags=flags, borderMode=border).astype(np.uint8, copy=False)
    else:
        shifts = frame.bend(low[0] + (np.arange(target_width) + 0.5) / factor_x)
        pixels = _straightened(patch, centred, size, shifts * factor_y)

    inside = _soft_inside((frame.outline - low) * (factor_x, factor_y), pixels.shape)
    counts = count_levels(pixels, (inside > 127).astype(np.uint8))
    if not counts.any():
        return blank_line()
    return _on_paper(pixels, inside, percentile(counts, 75))


def extent(geometry: LineGeometry) -> tuple[int, int, int, int] | None:
    """The part of a page that ``cut_line`` looks at, (left, top, right, bottom) exclusive, page or not; None for none.

    Cut out of that part alone, moved there, a line looks the same.
    """
    frame = _frame(geometry)
    return None if frame is None else _around(frame.on_page())


def proportion(geometry: LineGeometry) -> float | None:
    """Length of what ``cut_line`` cuts divided by its height; None where there is nothing to cut."""
    frame = _frame(geometry)
    if frame is None:
        return None
    width, height = frame.high - frame.low
    return float(width / height)


def word_outlines(geometry: LineGeometry, spans: Sequence[tuple[float, float]]) -> list[tuple[Point, ...]]:
    """Where parts of the line stand on its page: four corners for each span, (start, end) as shares of the width that
    ``cut_line`` shows. They are as high as the line's polygon; none where there is nothing to cut."""
    frame = _frame(geometry)
    if frame is None or not spans:
        return []
    (left, _), (right, _) = frame.low, frame.high
    top, bottom = frame.outline[:, 1].min(), frame.outline[:, 1].max()
    across = left + np.asarray(spans, np.float64) * (right - left)  # (N, 2)
    xs = across[:, [0, 1, 1, 0]]  # (N, 4)
    ys = np.broadcast_to([top, top, bottom, bottom], xs.shape)
    if frame.bend is not None:
        ys = ys + frame.bend(xs)
    on_page = np.rint(np.stack([xs, ys], axis=-1) @ frame.levelling.T).astype(int)  # (N, 4, 2)
    return [tuple((x, y) for x, y in corners) for corners in on_page.tolist()]


def is_bent(geometry: LineGeometry) -> bool:
    """Whether ``cut_line`` straightens the line, rather than cutting it as it stands."""
    frame = _frame(geometry)
    return frame is not None and frame.bend is not None


def _bend(baseline: Chain, height: float) -> Callable[[Floats], Floats] | None:
    """How far a levelled baseline stands below its fit at any x, in pixels; None for one that is as good as straight.

    Beyond its ends it stays where it ended. A baseline that doubles back is left as it is.
    """
    if len(baseline) < 3 or np.ptp(baseline[:, 0]) < 2 * np.ptp(baseline[:, 1]):
        return None
    if np.ptp(baseline[:, 1]) < _BENT * height:  # no point can stand further off their mean
        return None
    xs, ys = resample(baseline, max(2.0, height / 8)).T
    if float(np.abs(np.diff(xs)).sum()) > 1.2 * float(np.ptp(xs)):
        return None
    order = np.argsort(xs, kind="stable")
    xs, ys = xs[order], ys[order] - float(ys.mean())
    if float(np.abs(ys).max()) < _BENT * height:
        return None
    return lambda at: np.interp(at, xs, ys)


def _straightened(patch: Gray, to_target: Floats, size: tuple[int, int], shifts: Floats) -> Gray:
    """As ``cv2.warpAffine`` by ``to_target`` (2, 3), with column x taken from ``shifts[x]`` target pixels below."""
    across, down = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
    down = down + shifts.astype(np.float32)[None, :]
    back = cv2.invertAffineTransform(to_target).astype(np.float32)
    xs, ys = (back[k, 0] * across + back[k, 1] * down + back[k, 2] for k in (0, 1))
    return cv2.remap(patch, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)


def _on_paper(pixels: Gray, inside: Gray, paper: float) -> Gray:
    """``pixels`` where ``inside`` is 255, the level ``paper`` where it is 0, mixed in proportion between."""
    share = inside.astype(np.float32) / np.float32(255)
    mixed = pixels * share
    mixed += paper * (1 - share)
    return np.rint(mixed, out=mixed).astype(np.uint8)


def _around(corners: Floats) -> tuple[int, int, int, int]:
    """The whole pixels around a turned rectangle and a little more, (left, top, right, bottom) exclusive."""
    first, last = np.floor(corners.min(axis=0)).astype(int) - 2, np.ceil(corners.max(axis=0)).astype(int) + 3
    return int(first[0]), int(first[1]), int(last[0]), int(last[1])


def _window(corners: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """The part of the page that holds the turned rectangle, (left, top, right, bottom) exclusive; None outside."""
    left, top, right, bottom = _around(corners)
    left, top = max(left, 0), max(top, 0)
    right, bottom = min(right, shape[1]), min(bottom, shape[0])
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
