"""From the network's maps to baselines: crests of the baseline map, followed, cut at ends, joined over weak places.

Everything here is in pixels of the maps. numpy and OpenCV only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.engines.segmenters.ridges import Track, follow

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TracingOptions:
    """What counts as a line; chosen on the tune pages. Lengths are in units of the line's own rise."""

    crest: float = 0.25  # least chance of a baseline along its crest
    sure: float = 0.3  # least mean chance along a line
    plausible: float = 0.7  # least plausibility of a line, see ``plausibility``
    end: float = 0.4  # chance of an end from which on a baseline is cut
    gap: float = 1.5  # widest gap that is joined
    step: float = 0.4  # most two pieces may be out of line
    shortest: float = 0.5


@dataclass(frozen=True, slots=True)
class Maps:
    """The network's maps of one page, each (H, W): chances in [0, 1]; ``rise`` and ``fall`` in pixels of the maps."""

    baseline: Floats
    end: Floats
    body: Floats
    rise: Floats
    fall: Floats
    printed: Floats

    def transposed(self) -> Maps:
        """The page on its side: lines that climb become level."""
        return Maps(*(np.ascontiguousarray(np.rot90(getattr(self, name), -1)) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class TracedLine:
    """A baseline (N, 2), x and y, in the order of its reading, and how far its writing rises and falls.

    ``chance`` is the mean chance along it that it is a baseline, ``faint`` the tenth percentile of that, ``body`` the
    mean chance that there is writing above it, ``printed`` that this is print.
    """

    baseline: NDArray[np.float64]
    rise: float
    fall: float
    chance: float
    printed: float = 0.0
    faint: float = 1.0
    body: float = 1.0


def trace(maps: Maps, options: TracingOptions) -> list[TracedLine]:
    """The lines of a page: those that run level first, then what climbs the page, in no particular order."""
    level = _trace_level(maps, options)
    rest = maps.baseline.copy()
    for line in level:
        thickness = max(3, round(line.rise))
        cv2.polylines(rest, [np.rint(line.baseline).astype(np.int32)], False, 0.0, thickness)
    if float((rest > options.sure).mean()) < 1e-4:
        return level
    # A clockwise quarter turn brings what is read from bottom to top into the level.
    side = replace(maps, baseline=rest).transposed()
    height = maps.baseline.shape[0]
    climbing = [line for line in _trace_level(side, options) if np.ptp(line.baseline[:, 0]) > 3 * line.rise]
    turned = [
        replace(line, baseline=np.column_stack([line.baseline[:, 1], height - 1 - line.baseline[:, 0]]))
        for line in climbing
    ]
    return level + turned


def _trace_level(maps: Maps, options: TracingOptions) -> list[TracedLine]:
    smooth = cv2.GaussianBlur(maps.baseline, (0, 0), sigmaX=1.5, sigmaY=1.1).astype(np.float32)
    inner = np.where(maps.end > options.end, 0, smooth).astype(np.float32)
    crest = _crest(inner, options.crest)
    tracks = [_filled(track) for track in follow(crest, jump=1.6, patience=3)]
    pieces = [_piece(_to_its_ends(track, smooth, options), maps) for track in tracks]
    lines = _joined(pieces, maps, options)
    lines = [line for line in lines if _is_line(line, options)]
    return _without_doubles(lines)


def _crest(smooth: Floats, least: float) -> NDArray[np.bool_]:
    """Where a column has its local maxima: one pixel of each, and none along what runs up and down the page."""
    above = np.pad(smooth, ((1, 0), (0, 0)))[:-1]
    below = np.pad(smooth, ((0, 1), (0, 0)))[1:]
    around = cv2.erode(smooth, np.ones((9, 1), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0.0)
    crest: NDArray[np.bool_] = (smooth > above) & (smooth >= below) & (smooth > least) & (smooth > 2 * around)
    return crest


def _filled(track: Track) -> Track:
    columns = np.arange(int(track[0, 0]), int(track[-1, 0]) + 1)
    return np.column_stack([columns, np.interp(columns, track[:, 0], track[:, 1])]).astype(np.float64)


def _to_its_ends(track: Track, smooth: Floats, options: TracingOptions) -> Track:
    """Drawn out through the ends that were cut off, as far as there is a baseline, at most 6 columns each way."""
    rows, columns = smooth.shape
    reach = min(len(track), 8)
    first, last = track[:reach, 1].mean(), track[-reach:, 1].mean()
    before: list[tuple[float, float]] = []
    after: list[tuple[float, float]] = []
    for sign, start, row, added in ((-1, track[0, 0], first, before), (1, track[-1, 0], last, after)):
        for step in range(1, 7):
            column = int(start) + sign * step
            if not 0 <= column < columns or not 0 <= round(row) < rows:
                break
            near = smooth[max(0, round(row) - 1) : round(row) + 2, column]
            if near.max(initial=0.0) <= options.crest:
                break
            added.append((float(column), float(row)))
    parts = [np.array(before[::-1], np.float64).reshape(-1, 2), track, np.array(after, np.float64).reshape(-1, 2)]
    return np.concatenate(parts)


def _piece(track: Track, maps: Maps) -> TracedLine:
    """The line along a track: heights between the rows by the chances around it, then smoothed."""
    rows, columns = maps.baseline.shape
    xs = np.clip(track[:, 0].astype(int), 0, columns - 1)
    around = np.clip(np.rint(track[:, 1]).astype(int)[None, :] + np.arange(-2, 3)[:, None], 0, rows - 1)
    chance = maps.baseline[around, xs]  # (5, columns)
    weight = chance + 1e-4
    ys = (around * weight).sum(axis=0) / weight.sum(axis=0)
    on = np.clip(np.rint(ys).astype(int), 0, rows - 1)
    rise, fall = (float(np.median(each[on, xs])) for each in (maps.rise, maps.fall))
    upper, middle = (np.clip(np.rint(ys - rise * share).astype(int), 0, rows - 1) for share in (0.2, 0.5))
    along = chance[1:4].max(axis=0)
    return TracedLine(
        np.column_stack([xs.astype(np.float64), _smoothed(ys, round(rise))]),
        max(rise, 1.5),
        max(fall, 1.0),
        chance=float(along.mean()),
        printed=float(maps.printed[middle, xs].mean()),
        faint=float(np.percentile(along, 10)),
        body=float((maps.body[upper, xs].mean() + maps.body[middle, xs].mean()) / 2),
    )


def _smoothed(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """A running mean that keeps slopes at both ends."""
    reach = min(max(1, reach), (len(values) - 1) // 2)
    if reach < 1:
        return values
    wide = np.pad(values, reach, mode="reflect", reflect_type="odd")
    return np.convolve(wide, np.ones(2 * reach + 1) / (2 * reach + 1), mode="valid")


def _joined(pieces: Sequence[TracedLine], maps: Maps, options: TracingOptions) -> list[TracedLine]:
    """Pieces of one line made one, nearest first, but where the network sees an end on both sides of the gap."""
    if len(pieces) < 2:
        return list(pieces)
    ends = cv2.dilate(maps.end, np.ones((7, 7), np.uint8)).astype(np.float32, copy=False)
    lines: dict[int, TracedLine] = dict(enumerate(pieces))
    possible = sorted(
        (cost, i, j)
        for i, left in lines.items()
        for j, right in lines.items()
        if i != j and (cost := _gap_cost(left, right, ends, options)) is not None
    )
    into = {i: i for i in lines}  # where a piece has gone
    followed: set[int] = set()
    led: set[int] = set()
    for _, i, j in possible:
        if i in followed or j in led or into[i] == into[j]:
            continue
        followed.add(i)
        led.add(j)
        left, right = into[i], into[j]
        lines[left] = _merged(lines[left], lines.pop(right))
        into = {piece: left if place == right else place for piece, place in into.items()}
    return list(lines.values())


def _gap_cost(left: TracedLine, right: TracedLine, ends: Floats, options: TracingOptions) -> float | None:
    """Pixels between the end of one piece and the start of the next with their misalignment; None if not to join."""
    end, start = left.baseline[-1], right.baseline[0]
    rise = (left.rise + right.rise) / 2
    gap = start[0] - end[0]
    if not -0.5 * rise < gap < options.gap * rise or abs(start[1] - end[1]) > 4 * rise:
        return None
    reach = max(3, round(3 * rise))
    middle = (start[0] + end[0]) / 2
    here = end[1] + _slope(left.baseline[-reach:]) * (middle - end[0])
    there = start[1] + _slope(right.baseline[:reach]) * (middle - start[0])
    if abs(here - there) > options.step * rise or not 0.5 < left.rise / right.rise < 2:
        return None
    seen = min(_at(ends, end), _at(ends, start))
    if seen > options.end:
        return None
    return float(max(gap, 0) + 3 * abs(here - there))


def _slope(points: NDArray[np.float64]) -> float:
    x, y = (points - points.mean(axis=0)).T
    spread = float(x @ x)
    return float(np.clip(x @ y / spread, -0.3, 0.3)) if spread > 0 else 0.0


def _at(image: Floats, point: NDArray[np.float64]) -> float:
    rows, columns = image.shape
    return float(image[int(np.clip(point[1], 0, rows - 1)), int(np.clip(point[0], 0, columns - 1))])


def _merged(left: TracedLine, right: TracedLine) -> TracedLine:
    beyond = right.baseline[right.baseline[:, 0] > left.baseline[-1, 0]]
    share = len(left.baseline) / max(1, len(left.baseline) + len(right.baseline))

    def mean(name: str) -> float:
        return float(share * getattr(left, name) + (1 - share) * getattr(right, name))

    names = ("rise", "fall", "chance", "printed", "faint", "body")
    return TracedLine(np.concatenate([left.baseline, beyond]), **{name: mean(name) for name in names})


def _is_line(line: TracedLine, options: TracingOptions) -> bool:
    length = float(np.ptp(line.baseline[:, 0]))
    if length < max(4.0, options.shortest * line.rise) or line.chance < options.sure:
        return False
    return plausibility(line) >= options.plausible


# Fitted by ``training.traced_lines`` to what is traced on the tune pages, where a line counts as right when a true
# baseline covers more than half of it: bias, then a weight for each of ``measures``.
_BIAS = -3.235
_WEIGHTS = (4.517, 0.495, -0.922, 1.006)


def measures(line: TracedLine) -> NDArray[np.float64]:
    """What tells a line from a rule or the other side's writing (4,): the chances along it, whether the network
    sees writing above it, its length (logarithm, in its own rises)."""
    length = float(np.hypot(*np.diff(line.baseline, axis=0).T).sum())
    return np.array([line.chance, line.faint, line.body, np.log(max(length, 1.0) / line.rise)])


def plausibility(line: TracedLine) -> float:
    """How much a traced line looks like one, in [0, 1]; 1 where nothing was fitted."""
    if not any(_WEIGHTS):
        return 1.0
    return float(1 / (1 + np.exp(-(_BIAS + measures(line) @ np.array(_WEIGHTS)))))


def _without_doubles(lines: Sequence[TracedLine]) -> list[TracedLine]:
    """Of two tracks along one line the longer one."""
    kept: list[TracedLine] = []
    for line in sorted(lines, key=lambda each: -len(each.baseline)):
        x, y = line.baseline.T
        doubled = False
        for other in kept:
            ys = np.interp(x, other.baseline[:, 0], other.baseline[:, 1], left=np.inf, right=np.inf)
            doubled = doubled or float((np.abs(ys - y) < 0.35 * min(line.rise, other.rise)).mean()) > 0.5
        if not doubled:
            kept.append(line)
    return kept
