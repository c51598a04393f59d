"""Baselines and polygons of text lines, from their ridges: all lines of a page at once, as level strips of ink."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.engines.segmenters.page_ink import Mask
from transcription.engines.segmenters.ridges import STEP, Track

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OutlineOptions:
    """In line spacings, measured from the baseline; chosen to match polygons that people drew and corrected."""

    ascent: float = 0.88  # most a polygon rises
    rise: float = 0.5  # least it rises, where the line above leaves room
    core: float = 0.36  # no seam comes nearer than this from above
    descent: float = 0.43  # most it falls
    sink: float = 0.12  # least it falls
    pad: float = 0.08  # paper left around ink


@dataclass(frozen=True, slots=True)
class Outline:
    """One line in working pixels: (N, 2) baseline and polygon, not yet simplified."""

    baseline: NDArray[np.float64]
    polygon: NDArray[np.float64]
    ink: float  # inked share of the core


def outlines(ink: Mask, tracks: list[Track], spacing: float, options: OutlineOptions) -> list[Outline]:
    """Baseline and polygon of every ridge, in the same order."""
    if not tracks:
        return []
    columns = max(1, ink.shape[1] // STEP)
    resized = cv2.resize(ink.astype(np.float32), (columns, ink.shape[0]), interpolation=cv2.INTER_AREA)
    thin: Floats = resized.astype(np.float32)
    ridge = np.full((len(tracks), columns), np.nan, np.float32)
    for i, track in enumerate(tracks):
        ridge[i, track[:, 0].astype(int)] = track[:, 1]
    present = np.isfinite(ridge)
    ridge = _extended(ridge)
    base: Floats = ridge + _baseline_offsets(thin, ridge, present, spacing)
    above, below = _neighbours(base, present, spacing)
    scale = np.array([_own_spacing(above[i][present[i]], below[i][present[i]], spacing) for i in range(len(tracks))])
    upper, lower = _edges(thin, base, present, above, below, scale, options)
    return [_outline(thin, present[i], base[i], upper[i], lower[i], float(scale[i])) for i in range(len(tracks))]


def _extended(rows: Floats) -> Floats:
    """Every line drawn level to both edges of the page, so that all strips have one width."""
    every = np.arange(rows.shape[1])
    filled = [np.interp(every, np.flatnonzero(np.isfinite(line)), line[np.isfinite(line)]) for line in rows]
    return np.array(filled, np.float32)


def _strips(thin: Floats, rows: Floats, top: int, bottom: int) -> Floats:
    """Ink around each line, (lines, bottom - top + 1, columns): row k lies ``top + k`` pixels below ``rows``."""
    lines, columns = rows.shape
    offsets = np.arange(top, bottom + 1, dtype=np.float32)
    ys = (rows[:, None, :] + offsets[None, :, None]).reshape(-1, columns)
    xs = np.broadcast_to(np.arange(columns, dtype=np.float32), ys.shape)
    # remap takes no more than 32,767 rows
    parts = [
        cv2.remap(thin, np.ascontiguousarray(xs[k : k + 30000]), ys[k : k + 30000], cv2.INTER_LINEAR, borderValue=0)
        for k in range(0, len(ys), 30000)
    ]
    return np.concatenate(parts).reshape(lines, len(offsets), columns).astype(np.float32)


def _baseline_offsets(thin: Floats, ridge: Floats, present: NDArray[np.bool_], spacing: float) -> Floats:
    """Pixels from ridge to baseline: where ink falls off most steeply below the core, alike along the whole line."""
    half = max(2, round(0.16 * spacing))
    top, bottom = -half, round(0.48 * spacing) + half
    strip = _strips(thin, ridge, top, bottom) * present[:, None, :]
    window = 2 * max(1, round(1.5 * spacing / STEP)) + 1
    wide = np.stack([cv2.blur(line, (window, 1), borderType=cv2.BORDER_CONSTANT) for line in strip])
    total = np.concatenate([np.zeros_like(wide[:, :1]), np.cumsum(wide, axis=1)], axis=1)
    count = wide.shape[1] - 2 * half  # candidates: `half` rows above against `half` rows below
    fall = (total[:, half : half + count] - total[:, :count]) - (
        total[:, 2 * half : 2 * half + count] - total[:, half : half + count]
    )
    candidates = np.arange(count) + top + half  # pixels below the ridge
    whole = (fall * present[:, None, :]).sum(axis=2)  # (lines, candidates)
    common = whole.argmax(axis=1)
    near = np.abs(np.arange(count)[None, :] - common[:, None]) <= max(1, round(0.14 * spacing))
    local = candidates[np.where(near[:, :, None], fall, -np.inf).argmax(axis=1)].astype(np.float32)
    return np.stack([_steady(local[i], present[i], spacing) for i in range(len(ridge))])


def _steady(offsets: Floats, present: NDArray[np.bool_], spacing: float) -> Floats:
    """A line, parabola or constant through the offsets, by the line's length; outliers count less and less."""
    columns = np.flatnonzero(present).astype(np.float64)
    values = offsets[present].astype(np.float64)
    length = len(columns) * STEP / spacing
    degree = 0 if length < 4 else 1 if length < 10 else 3
    middle, span = columns.mean(), max(float(np.ptp(columns)), 1.0)
    design = np.vander((columns - middle) / span, degree + 1)
    weights = np.ones_like(values)
    for _ in range(3):
        solution, *_ = np.linalg.lstsq(design * weights[:, None], values * weights, rcond=None)
        residual = np.abs(values - design @ solution)
        weights = np.sqrt(1 / np.maximum(residual / max(1.0, 0.04 * spacing), 1.0))
    every = np.clip(np.arange(len(offsets)), columns[0], columns[-1])
    fitted: Floats = (np.vander((every - middle) / span, degree + 1) @ solution).astype(np.float32)
    return fitted


def _neighbours(base: Floats, present: NDArray[np.bool_], spacing: float) -> tuple[Floats, Floats]:
    """Distance to the next baseline above and below at every column, inf where there is none."""
    grown = cv2.dilate(present.astype(np.uint8), np.ones((1, 2 * max(1, round(spacing / STEP)) + 1), np.uint8)) > 0
    standing = np.where(grown, base, np.inf)
    above, below = np.full_like(base, np.inf), np.full_like(base, np.inf)
    for i in range(len(base)):
        distance = standing - base[i]
        distance[i] = np.inf
        distance[np.abs(distance) < 0.3 * spacing] = np.inf  # a piece of the same line
        below[i] = np.where(distance > 0, distance, np.inf).min(axis=0)
        above[i] = np.where((distance < 0), -distance, np.inf).min(axis=0)
    return above, below


def _own_spacing(above: Floats, below: Floats, spacing: float) -> float:
    """The line's own spacing: that to its nearer neighbour, within 0.7 and 1.4 of the page's."""
    gaps = [float(np.median(gap[np.isfinite(gap)])) for gap in (above, below) if np.isfinite(gap).mean() > 0.3]
    return float(np.clip(min(gaps, default=spacing), 0.7 * spacing, 1.4 * spacing))


def _edges(
    thin: Floats,
    base: Floats,
    present: NDArray[np.bool_],
    above: Floats,
    below: Floats,
    scale: NDArray[np.float64],
    options: OutlineOptions,
) -> tuple[Floats, Floats]:
    """Pixels by which each polygon rises above and falls below its baseline, both positive, (lines, columns)."""
    tallest = float(scale.max())
    top, bottom = -int(np.ceil(options.ascent * tallest)) - 1, int(np.ceil(options.descent * tallest)) + 1
    strip = _strips(thin, base, top, bottom)
    own = scale[:, None].astype(np.float32)
    # the seam to the line above lies between this line's core and that line's baseline
    most_up = np.minimum(options.ascent * own, np.maximum(above - options.sink * own, options.core * own))
    most_down = np.minimum(options.descent * own, np.maximum(below - options.core * own * 1.2, options.sink * own))
    up_strip, down_strip = strip[:, : -top + 1][:, ::-1], strip[:, -top:]  # row k lies k pixels from the baseline
    seam_up = _seams(up_strip, options.core * own, most_up)
    seam_down = _seams(down_strip, options.sink * own, most_down)
    rise = _inked_height(up_strip, seam_up, present, options.rise * own, options.pad * own)
    fall = _inked_height(down_strip, seam_down, present, options.sink * own, options.pad * own)
    return np.minimum(rise, most_up + 1), np.minimum(fall, most_down + 1)


def _seams(strip: Floats, least: Floats, most: Floats) -> NDArray[np.intp]:
    """For each line the path of least ink through its strip, (lines, columns) of rows, between ``least`` and ``most``.

    Dynamic programming from column to column, at most two rows up or down each (Avidan and Shamir, 2007); ties go to
    the path farther from the baseline.
    """
    lines, rows, columns = strip.shape
    row = np.arange(rows, dtype=np.float32)[None, :, None]
    cost = strip + 0.02 * (most[:, None, :] - row) / np.maximum(most[:, None, :], 1)
    cost = np.where((row < np.floor(least)[:, None, :]) | (row > np.ceil(most)[:, None, :]), cost + 50, cost)
    best = cost[:, :, 0]
    came = np.zeros((columns, lines, rows), np.int8)
    for column in range(1, columns):
        padded = np.pad(best, ((0, 0), (2, 2)), constant_values=1e9)
        choices = np.stack([padded[:, k : k + rows] + 0.05 * abs(k - 2) for k in range(5)])
        step = choices.argmin(axis=0)
        came[column] = step - 2
        best = cost[:, :, column] + np.take_along_axis(choices, step[None], axis=0)[0]
    path = np.empty((lines, columns), np.intp)
    at = best.argmin(axis=1)
    every = np.arange(lines)
    for column in range(columns - 1, -1, -1):
        path[:, column] = at
        at = np.clip(at + came[column, every, at], 0, rows - 1)
    return path


def _inked_height(
    strip: Floats, seam: NDArray[np.intp], present: NDArray[np.bool_], least: Floats, pad: Floats
) -> Floats:
    """How far the line's own ink reaches from the baseline, smoothed outwards, never less than ``least``."""
    row = np.arange(strip.shape[1])[None, :, None]
    own = (strip > 0.2) & (row <= seam[:, None, :]) & present[:, None, :]
    reach = np.where(own, row, 0).max(axis=1).astype(np.float32) + pad
    reach = np.maximum(reach, least)
    width = 2 * max(1, round(float(np.median(pad)) * 5 / STEP)) + 1
    farthest = cv2.dilate(reach, np.ones((1, width), np.uint8))
    smooth: Floats = cv2.blur(farthest, (width, 1)).astype(np.float32)
    return smooth


def _outline(
    thin: Floats, present: NDArray[np.bool_], base: Floats, rise: Floats, fall: Floats, scale: float
) -> Outline:
    columns = np.flatnonzero(present)
    xs = (columns + 0.5) * STEP
    rows = base[columns].astype(np.float64)
    band = rows[None, :] - np.arange(round(0.35 * scale))[:, None]
    core = thin[np.clip(band, 0, thin.shape[0] - 1).astype(int), columns]
    side = 0.02 * scale + STEP / 2
    wide = np.concatenate([[xs[0] - side], xs, [xs[-1] + side]])
    upper = np.pad(rows - rise[columns], 1, "edge")
    lower = np.pad(rows + fall[columns], 1, "edge")
    polygon = np.concatenate([np.column_stack([wide, lower]), np.column_stack([wide, upper])[::-1]])
    return Outline(baseline=np.column_stack([xs, rows]), polygon=polygon, ink=float(core.mean()))
