"""Text lines as ridges of smoothed ink: peaks of upright strips, followed from strip to strip and joined over gaps."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.engines.segmenters.page_ink import Mask

Floats = NDArray[np.float64]
Strip = NDArray[np.floating]  # (H, columns)
STEP = 4  # working pixels between two columns of every strip image


@dataclass(frozen=True, slots=True)
class RidgeOptions:
    """Lengths are in line spacings."""

    along: float = 0.8  # smoothing along the line
    across: float = 0.2  # and across it
    threshold: float = 0.3  # of the page's usual ridge
    jump: float = 0.22  # most a ridge may move between two columns
    gap: float = 1.6  # widest gap within a line
    shortest: float = 0.7


Track = Floats  # (N, 2): column (of STEP pixels) and height in working pixels, columns increasing by one or more


def find_ridges(ink: Mask, rules: Mask, spacing: float, options: RidgeOptions) -> list[Track]:
    """Ridges of the page's lines, left to right each; in no particular order."""
    columns = max(1, ink.shape[1] // STEP)
    resized = cv2.resize(ink.astype(np.float32), (columns, ink.shape[0]), interpolation=cv2.INTER_AREA)
    thin = resized.astype(np.float32)
    smooth = cv2.GaussianBlur(
        thin, (0, 0), sigmaX=max(0.8, options.along * spacing / STEP), sigmaY=max(1.0, options.across * spacing)
    )
    reach = max(1, round(0.25 * spacing))
    highest = cv2.dilate(smooth, np.ones((2 * reach + 1, 1), np.uint8))
    crest = (smooth >= highest) & (smooth > 1e-3)
    if not crest.any():
        return []
    usual = float(np.percentile(smooth[crest], 75))
    crest &= smooth > options.threshold * usual
    patience = max(1, round(0.4 * spacing / STEP))
    tracks = follow(crest, jump=options.jump * spacing, patience=patience)
    pieces = [piece for track in tracks for piece in _inked_pieces(track, thin, spacing, min(options.gap, 1.0))]
    tracks = [_smoothed(track, spacing) for track in _join(pieces, thin, rules, spacing, options)]
    return [track for track in tracks if len(track) > 1 and np.ptp(track[:, 0]) * STEP >= options.shortest * spacing]


def follow(crest: NDArray[np.bool_], *, jump: float, patience: int) -> list[Track]:
    """Crest points of neighbouring columns that are each other's nearest within ``jump`` rows are one ridge, which may
    vanish for ``patience`` columns."""
    live: list[list[tuple[int, float]]] = []
    done: list[list[tuple[int, float]]] = []
    column_of, row_of = np.nonzero(crest.T)
    starts = np.searchsorted(column_of, np.arange(crest.shape[1] + 1))
    for column in range(crest.shape[1]):
        rows = row_of[starts[column] : starts[column + 1]].astype(np.float64)
        ended = [track for track in live if column - track[-1][0] > patience]
        if ended:
            done += ended
            live = [track for track in live if column - track[-1][0] <= patience]
        taken = np.zeros(len(rows), bool)
        if live and len(rows):
            last = np.array([track[-1][1] for track in live])
            distance = np.abs(last[:, None] - rows)
            for i, j in enumerate(distance.argmin(axis=1)):
                if distance[i, j] <= jump and distance[:, j].argmin() == i and not taken[j]:
                    live[i].append((column, float(rows[j])))
                    taken[j] = True
        live += [[(column, float(row))] for row in rows[~taken]]
    return [np.array(track, np.float64) for track in done + live if len(track) > 2]


def _join(tracks: list[Track], thin: Strip, rules: Mask, spacing: float, options: RidgeOptions) -> list[Track]:
    """Joins pieces of one line over gaps, nearest first, never across an upright rule."""
    if len(tracks) < 2:
        return tracks
    reach = max(3, round(0.8 * spacing / STEP))
    starts = np.array([_end(track[: 2 * reach], first=True) for track in tracks])  # (n, 3): column, row, slope
    ends = np.array([_end(track[-2 * reach :], first=False) for track in tracks])
    gap = (starts[None, :, 0] - ends[:, None, 0]) * STEP  # i's end to j's start
    middle = (starts[None, :, 0] + ends[:, None, 0]) / 2
    from_left = ends[:, None, 1] + ends[:, None, 2] * (middle - ends[:, None, 0])
    from_right = starts[None, :, 1] + starts[None, :, 2] * (middle - starts[None, :, 0])
    step = np.abs(from_left - from_right)
    possible = (gap > -0.8 * spacing) & (gap < options.gap * spacing) & (step < 0.35 * spacing)
    np.fill_diagonal(possible, False)
    cost = np.maximum(gap, 0) + 3 * step
    after: dict[int, int] = {}
    before: dict[int, int] = {}
    pairs = np.argwhere(possible)
    for i, j in sorted(((int(i), int(j)) for i, j in pairs), key=lambda pair: float(cost[pair])):
        if (
            i in after
            or j in before
            or _barred(rules, ends[i], starts[j], spacing)
            or _gutter(thin, ends[i], starts[j], spacing)
            or _chain_end(after, j) == i
        ):
            continue
        after[i], before[j] = j, i
    joined: list[Track] = []
    for first in range(len(tracks)):
        if first in before:
            continue
        pieces, at = [tracks[first]], first
        while at in after:
            at = after[at]
            beyond = tracks[at][tracks[at][:, 0] > pieces[-1][-1, 0]]
            if len(beyond):  # pieces may overlap by a little, or one lie within the other's length
                pieces.append(beyond)
        joined.append(np.concatenate(pieces))
    return joined


def _end(points: Track, *, first: bool) -> tuple[float, float, float]:
    """Column, row and slope (rows per column, at most 0.15 pixels per pixel) at one end of a ridge."""
    columns, rows = points.T
    slope = 0.0
    if np.ptp(columns) >= 4:
        centred = columns - columns.mean()
        slope = float(np.clip((centred @ rows) / (centred @ centred), -0.15 * STEP, 0.15 * STEP))
    column = columns[0] if first else columns[-1]
    return float(column), float(rows.mean() + slope * (column - columns.mean())), slope


def _chain_end(after: dict[int, int], at: int) -> int:
    while at in after:
        at = after[at]
    return at


def _barred(rules: Mask, end: Floats, start: Floats, spacing: float) -> bool:
    """Whether an upright rule stands between two pieces, over at least a line's height."""
    left, right = sorted((int(end[0] * STEP), int(start[0] * STEP)))
    row, half = (end[1] + start[1]) / 2, 0.5 * spacing
    between = rules[max(0, int(row - half)) : int(row + half) + 1, max(0, left - 2) : right + 3]
    return bool(between.size and between.max(axis=1).mean() > 0.8)


def _gutter(thin: Strip, end: Floats, start: Floats, spacing: float) -> bool:
    """Whether the gap lies in a white corridor between columns: clear over several lines, with ink on both sides."""
    left, right = int(end[0]) + 1, int(start[0])
    if (right - left) * STEP < 0.8 * spacing:
        return False
    row, side = round((end[1] + start[1]) / 2), max(2, round(2 * spacing / STEP))
    for sign in (-1, 1):
        first, last = sorted((row + sign * round(0.5 * spacing), row + sign * round(2.6 * spacing)))
        rows = thin[max(0, first) : max(0, last)]
        if not rows.size:
            return False
        clear = rows[:, left:right].sum(axis=0) < 0.3
        longest = max((len(run) for run in np.split(clear, np.flatnonzero(~clear))), default=0)
        beside = min(rows[:, max(0, left - side) : left].mean(), rows[:, right : right + side].mean())
        if longest * STEP < 0.6 * spacing or beside < 0.02:
            return False
    return True


def _inked_pieces(track: Track, thin: Strip, spacing: float, gap: float) -> list[Track]:
    """Without the ends that smoothing drew out beyond the writing, and parted where it bridged too wide a gap."""
    columns = np.arange(int(track[0, 0]), int(track[-1, 0]) + 1)
    rows = np.interp(columns, track[:, 0], track[:, 1])
    band = np.arange(-round(0.3 * spacing), round(0.35 * spacing) + 1)
    sampled = thin[np.clip(rows[None, :] + band[:, None], 0, thin.shape[0] - 1).astype(int), columns]
    inked = np.flatnonzero(sampled.sum(axis=0) > 0.75)
    parts = np.split(inked, np.flatnonzero(np.diff(inked) * STEP > gap * spacing) + 1)
    filled = np.column_stack([columns, rows]).astype(np.float64)
    return [filled[part[0] : part[-1] + 1] for part in parts if len(part) > 1]


def _smoothed(track: Track, spacing: float) -> Track:
    """Every column filled, heights averaged over two spacings and more."""
    columns = np.arange(int(track[0, 0]), int(track[-1, 0]) + 1)
    rows = np.interp(columns, track[:, 0], track[:, 1])
    width = max(1, round(1.2 * spacing / STEP))
    padded = (
        np.pad(rows, width, mode="reflect", reflect_type="odd")
        if len(rows) > width
        else np.pad(rows, width, mode="edge")
    )
    rows = np.convolve(padded, np.ones(2 * width + 1) / (2 * width + 1), mode="valid")
    return np.column_stack([columns, rows]).astype(np.float64)
