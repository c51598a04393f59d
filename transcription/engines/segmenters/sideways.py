"""Lines that run up or down the page beside its other writing: notes in a margin, a letter's last words along its edge.

The network is taught what stands upright, so it looks at the page from both sides, with what it has found already
painted over. Of two marks for one line that from the side where it is clearer stands, since a line on its head is less
clear by all measures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.engines.segmenters.line_network import STRIDE
from transcription.engines.segmenters.polygons import PolygonOptions, outline_lines
from transcription.engines.segmenters.tracing import TracedLine
from transcription.htr.records import Gray

Finder = Callable[[Gray], Sequence[TracedLine]]
_SHORTEST = 2.5  # rises: shorter marks are letters of what was painted over
# Least mean chance of a baseline along such a line, its least tenth percentile, and its least rise beside the page's
# usual one: the frame of a page and the rules of a form look like lines from the side. Chosen on the tune pages.
_SURE, _NOWHERE_FAINT, _LEAST_RISE = 0.85, 0.6, 0.7
_SHARED = 0.25  # of a line's own outline: more of it under another one, and they are the same
_NEIGHBOURS = 0.3  # what the direction of the lines beside a line counts for, beside its own chances
_LEAST_INK = 0.02  # of the ink on the whole page: with less left over nobody has written along its side


def find_sideways(small: Gray, lines: Sequence[TracedLine], find: Finder, options: PolygonOptions) -> list[TracedLine]:
    """``lines``, with those that climb drawn in the direction of their reading and those that were missed added.

    ``lines`` were found on ``small``; they and what ``find`` gives are in its map pixels.
    """
    level = [line for line in lines if not _climbs(line)]
    rest, share = without_lines(small, level, options)
    if share < _LEAST_INK:
        return list(lines)
    shape = (-(-small.shape[0] // STRIDE), -(-small.shape[1] // STRIDE))
    usual = float(np.median([line.rise for line in level])) if level else 0.0
    candidates = [line for line in lines if _climbs(line)]
    for turn in (1, -1):
        seen = np.ascontiguousarray(np.rot90(rest, turn))
        candidates += [
            replace(line, baseline=_upright(line.baseline, turn, shape))
            for line in find(seen)
            if _is_writing(line, usual)
        ]
    return level + _clearest(candidates, shape, options)


def _is_writing(line: TracedLine, usual: float) -> bool:
    long = float(np.ptp(line.baseline[:, 0])) > _SHORTEST * line.rise
    return long and line.chance > _SURE and line.faint > _NOWHERE_FAINT and line.rise > _LEAST_RISE * usual


def _climbs(line: TracedLine) -> bool:
    across, down = np.abs(line.baseline[-1] - line.baseline[0])
    return bool(down > across)


def _upright(points: NDArray[np.float64], turn: int, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Points of a map that was turned by a quarter, counter-clockwise for 1, on the map (H, W) as it stood."""
    height, width = shape
    x, y = points.T
    return np.column_stack([width - 1 - y, x] if turn == 1 else [y, height - 1 - x])


def without_lines(small: Gray, lines: Sequence[TracedLine], options: PolygonOptions) -> tuple[Gray, float]:
    """The page with ``lines`` painted over by its paper, and the share of its ink that is left."""
    ground = cv2.medianBlur(cv2.resize(small, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA), 9)
    paper = cv2.resize(ground, small.shape[::-1], interpolation=cv2.INTER_LINEAR)
    cover: Gray = np.zeros(small.shape, np.uint8)
    for outline in outline_lines(lines, options):
        cv2.fillPoly(cover, [np.rint(outline * STRIDE).astype(np.int32)], 1)
    reach = 2 * round(np.median([line.rise for line in lines]) * STRIDE * 0.15) + 1 if lines else 1
    cover = cv2.dilate(cover, np.ones((reach, reach), np.uint8)).astype(np.uint8)
    ink = (paper.astype(np.int16) - small) > 24
    share = float((ink & (cover == 0)).sum() / max(1, ink.sum()))
    return np.where(cover > 0, paper, small).astype(np.uint8), share


def _clearest(lines: Sequence[TracedLine], shape: tuple[int, int], options: PolygonOptions) -> list[TracedLine]:
    """Of lines that lie over each other the clearest; asked again, now that their neighbours' direction is known."""
    outlines = [np.rint(each).astype(np.int32) for line in lines for each in outline_lines([line], options)]
    scores = [line.chance + line.faint for line in lines]
    first = _picked(scores, outlines, shape)
    for i, line in enumerate(lines):
        beside = [j for j in first if j != i and _apart(outlines[i], outlines[j]) < 3 * line.rise]
        agreed = sum(len(lines[j].baseline) * (1 if _rises(lines[j]) == _rises(line) else -1) for j in beside)
        scores[i] += _NEIGHBOURS * float(np.sign(agreed))
    return [lines[i] for i in _picked(scores, outlines, shape)]


def _picked(scores: Sequence[float], outlines: Sequence[NDArray[np.int32]], shape: tuple[int, int]) -> list[int]:
    taken = np.zeros(shape, np.uint8)
    kept = []
    for i in np.argsort(scores)[::-1]:
        own = np.zeros(shape, np.uint8)
        cv2.fillPoly(own, [outlines[i]], 1)
        if own.any() and float(taken[own > 0].mean()) <= _SHARED:
            taken |= own
            kept.append(int(i))
    return kept


def _rises(line: TracedLine) -> bool:
    return bool(line.baseline[-1, 1] < line.baseline[0, 1])


def _apart(one: NDArray[np.int32], other: NDArray[np.int32]) -> float:
    """Pixels between the boxes of two outlines."""
    gaps = np.maximum(one.min(axis=0) - other.max(axis=0), other.min(axis=0) - one.max(axis=0))
    return float(np.hypot(*np.maximum(gaps, 0)))
