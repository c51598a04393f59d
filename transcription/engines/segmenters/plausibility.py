"""Whether a ridge of ink is a line of writing: a logistic model on a dozen measures of each candidate.

It drops page edges, rules, folds, stains and writing that shines through. The weights were fitted by ridge
logistic regression to candidates on 317 published page layouts of eleven French archival collections, each collection
weighing the same; a candidate was right when the cBAD coverage by some true baseline was over a half.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.engines.segmenters.outlines import Outline
from transcription.engines.segmenters.page_ink import Mask
from transcription.engines.segmenters.ridges import STEP
from transcription.htr.records import Gray

Floats = NDArray[np.float64]

MEASURES = (
    "length",  # logarithm, in line spacings
    "share",  # inked share of the core
    "contrast",  # logarithm of the ink's darkness relative to the page's usual line
    "fall",  # how much less ink there is below the baseline than above
    "strokes",  # upright edges per inked pixel of the core: many in writing, few in rules and shadows
    "dash",  # share of the ink in level runs of half a spacing or more
    "slope",  # against the page's usual, absolute
    "border",  # distance from the sheet's edge, in spacings, at most 3
    "rows",  # how many of the places one spacing above and below hold another line
    "tall",  # ink just above the core relative to the core's
    "darkness",  # of the ink, absolute, against its paper
)


def measure(outlines: list[Outline], gray: Gray, ink: Mask, page: Mask, spacing: float) -> Floats:
    """(lines, measures), in the order of ``MEASURES``; all images are the levelled working image."""
    if not outlines:
        return np.empty((0, len(MEASURES)))
    size = (max(1, ink.shape[1] // STEP), ink.shape[0])

    def thin(image: NDArray[Any]) -> Floats:
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float64)

    grown = cv2.dilate(gray, np.ones((round(spacing) | 1, round(spacing) | 1), np.uint8))
    dark = 1 - gray.astype(np.float32) / np.maximum(grown, 1).astype(np.float32)
    run = np.ones((1, max(5, round(0.5 * spacing))), np.uint8)
    images = {
        "ink": thin(ink.astype(np.float32)),
        "dark": thin(dark * ink),
        "edge": thin(np.pad(np.abs(np.diff(ink.astype(np.float32), axis=1)), ((0, 0), (0, 1)))),
        "dash": thin(cv2.morphologyEx(ink, cv2.MORPH_OPEN, run).astype(np.float32)),
    }
    sheet = cv2.copyMakeBorder(page, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    distance = cv2.distanceTransform(sheet, cv2.DIST_L2, 3)[1:-1, 1:-1]
    rows = [_one(outline, images, distance, spacing) for outline in outlines]
    table = np.array(rows, np.float64)
    lengths = np.exp(table[:, 0])
    table[:, 2] = np.log(table[:, 10] / max(_weighted_median(table[:, 10], lengths), 1e-3) + 1e-2)
    table[:, 6] = np.abs(table[:, 6] - _weighted_median(table[:, 6], lengths))
    table[:, 8] = _rows_beside(outlines, spacing)
    return table


def _one(outline: Outline, images: dict[str, Floats], distance: NDArray[Any], spacing: float) -> list[float]:
    xs, rows = outline.baseline.T
    columns = np.clip((xs / STEP).astype(int), 0, images["ink"].shape[1] - 1)

    def total(name: str, above: float, below: float) -> float:
        offsets = np.arange(round(-above * spacing), round(below * spacing) + 1)[:, None]
        return float(images[name][np.clip(rows + offsets, 0, len(images[name]) - 1).astype(int), columns].mean())

    core = total("ink", 0.35, 0.0)
    some = max(core, 1e-4)
    under = total("ink", -0.08, 0.35)
    slope = float(np.polyfit(xs, rows, 1)[0]) if len(xs) > 2 else 0.0
    middle = np.clip(rows - 0.2 * spacing, 0, len(distance) - 1).astype(int)
    border = float(distance[middle, np.clip(xs, 0, distance.shape[1] - 1).astype(int)].min()) / spacing
    return [
        float(np.log(max(np.ptp(xs), 1.0) / spacing)),
        core,
        0.0,
        (core - under) / (core + under + 1e-4),
        total("edge", 0.35, 0.0) / some,
        total("dash", 0.35, 0.08) / some,
        slope,
        min(border, 3.0),
        0.0,
        min(total("ink", 0.7, -0.4) / some, 3.0),
        total("dark", 0.35, 0.0) / some,
    ]


def _weighted_median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values)
    passed = np.cumsum(weights[order])
    return float(values[order][int(np.searchsorted(passed, passed[-1] / 2))])


def _rows_beside(outlines: list[Outline], spacing: float) -> Floats:
    """0, 1 or 2 per line: other lines between 0.7 and 1.4 spacings above and below, over at least half its length."""
    count = np.zeros(len(outlines))
    for i, one in enumerate(outlines):
        x, y = one.baseline.T
        above, below = np.zeros(len(x), bool), np.zeros(len(x), bool)
        for j, other in enumerate(outlines):
            if i == j or other.baseline[-1, 0] < x[0] or other.baseline[0, 0] > x[-1]:
                continue
            gap = (np.interp(x, other.baseline[:, 0], other.baseline[:, 1], left=np.inf, right=np.inf) - y) / spacing
            below |= (gap > 0.7) & (gap < 1.4)
            above |= (gap < -0.7) & (gap > -1.4)
        count[i] = float(above.mean() > 0.5) + float(below.mean() > 0.5)
    return count


_BIAS = 3.350
_WEIGHTS: dict[str, tuple[float, float, float]] = {  # measure: centre, spread, weight per spread
    "length": (2.539, 1.066, 1.179),
    "share": (0.260, 0.081, 0.042),
    "contrast": (0.005, 0.370, 0.104),
    "fall": (0.810, 0.238, 0.587),
    "strokes": (0.633, 0.233, 0.268),
    "dash": (0.036, 0.179, -0.971),
    "slope": (0.009, 0.033, -0.655),
    "border": (1.995, 1.132, 0.639),
    "rows": (2.000, 0.762, 0.181),
    "tall": (0.194, 0.292, -0.010),
    "darkness": (0.422, 0.169, 0.666),
}


def plausibility(table: Floats) -> Floats:
    """(lines,) in [0, 1] from what ``measure`` gave: how much each candidate looks like a line of writing."""
    centre, spread, weight = np.array([_WEIGHTS[name] for name in MEASURES]).T
    scaled = np.clip((table - centre) / spread, -3, 3)
    return np.asarray(1 / (1 + np.exp(-(_BIAS + scaled @ weight))), np.float64)
