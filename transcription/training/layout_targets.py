"""What a segmenter is taught about a page: maps drawn from its lines, at the network's resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.engines.segmenters.line_network import MAPS, STRIDE
from transcription.htr.geometry import Chain, chain, resample
from transcription.htr.records import LineGeometry

Floats = NDArray[np.float32]

_BASELINE = 3  # map pixels: the stroke a baseline is drawn with
_SIDES = 7  # map pixels: where rise and fall are taught, wider than the stroke, so that a pixel beside it knows too
_SHIFT = 4  # OpenCV's fixed point: sixteenths of a pixel


@dataclass(frozen=True, slots=True)
class TaughtLine:
    """A line in pixels of the network's input. ``rise`` and ``fall`` are how far its outline stands above and below its
    baseline, one figure a line; ``printed`` is None where nobody said. Whether a mark that is ``passed_over`` is a line
    is not taught, only how it was written."""

    baseline: Chain
    polygon: Chain
    rise: float
    fall: float
    printed: bool | None
    passed_over: bool = False


def taught(line: LineGeometry) -> TaughtLine | None:
    """The line as it is taught; None for one without a baseline or an outline."""
    baseline, polygon = chain(line.baseline), chain(line.polygon)
    if len(baseline) < 2 or len(polygon) < 3 or not np.ptp(baseline, axis=0).any():
        return None
    rise, fall = _reach(baseline, polygon)
    printed = None if not line.production else line.production != "handwritten"
    return TaughtLine(baseline, polygon, rise, fall, printed)


def _reach(baseline: Chain, polygon: Chain) -> tuple[float, float]:
    """The upper quartile of the outline's distances above and below the baseline, at least 2 pixels each.

    The quartile, not the most: one tall letter is no measure for a line.
    """
    direction = baseline[-1] - baseline[0]
    direction = direction / max(float(np.hypot(*direction)), 1e-6)
    turn = np.array([[direction[0], -direction[1]], [direction[1], direction[0]]])
    level, outline = baseline @ turn, resample(np.vstack([polygon, polygon[:1]]), 2.0) @ turn
    order = np.argsort(level[:, 0], kind="stable")
    height = np.interp(outline[:, 0], level[order, 0], level[order, 1]) - outline[:, 1]  # positive above
    above, below = height[height > 0], -height[height < 0]
    rise = float(np.percentile(above, 75)) if len(above) else 2.0
    fall = float(np.percentile(below, 75)) if len(below) else 2.0
    return max(rise, 2.0), max(fall, 2.0)


def draw_targets(lines: Sequence[TaughtLine], shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Targets and weights, both (len(MAPS), H / 2, W / 2), for an input of ``shape`` (H, W).

    A weight of 0 says that nothing is known: of heights away from baselines, of print where nobody said.
    """
    rows, columns = shape[0] // STRIDE, shape[1] // STRIDE
    target = np.zeros((len(MAPS), rows, columns), np.float32)
    weight = np.zeros_like(target)
    weight[[MAPS.index(name) for name in ("baseline", "end", "body")]] = 1
    baselines, ends, bodies, rises, falls, printed = target  # in the order of MAPS
    for line in lines:
        outline = [_fixed(line.polygon)]
        if line.passed_over:
            for name in ("baseline", "end", "body"):
                cv2.fillPoly(weight[MAPS.index(name)], outline, 0.0, cv2.LINE_8, _SHIFT)
        else:
            cv2.fillPoly(bodies, outline, 1.0, cv2.LINE_8, _SHIFT)
        if line.printed is not None:
            cv2.fillPoly(printed, outline, float(line.printed), cv2.LINE_8, _SHIFT)
            cv2.fillPoly(weight[MAPS.index("printed")], outline, 1.0, cv2.LINE_8, _SHIFT)
    lines = [line for line in lines if not line.passed_over]
    for line in lines:
        course = [_fixed(line.baseline)]
        for drawn, value in ((rises, line.rise), (falls, line.fall)):
            cv2.polylines(drawn, course, False, float(np.log2(value)), _SIDES, cv2.LINE_8, _SHIFT)
        for name in ("rise", "fall"):
            cv2.polylines(weight[MAPS.index(name)], course, False, 1.0, _SIDES, cv2.LINE_8, _SHIFT)
        cv2.polylines(baselines, course, False, 1.0, _BASELINE, cv2.LINE_8, _SHIFT)
    for line in lines:
        radius = float(np.clip(0.15 * line.rise / STRIDE, 1.5, 4.0))
        for point in (line.baseline[0], line.baseline[-1]):
            centre = _fixed(point[None])[0, 0]
            cv2.circle(ends, (int(centre[0]), int(centre[1])), round(radius * 2**_SHIFT), 1.0, -1, cv2.LINE_8, _SHIFT)
    return target, weight


def _fixed(points: Chain) -> NDArray[np.int32]:
    """Points of the input in fixed-point map pixels, (N, 1, 2)."""
    # The centre of map pixel i lies at STRIDE * i + (STRIDE - 1) / 2 of the input.
    on_map = (points - (STRIDE - 1) / 2) / STRIDE
    fixed: NDArray[np.int32] = np.rint(np.clip(on_map, -4096, 8192) * 2**_SHIFT).astype(np.int32).reshape(-1, 1, 2)
    return fixed
