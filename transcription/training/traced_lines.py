"""Fit what tells a traced line from other marks: `python -m transcription.training.traced_lines LAYOUTS --weights W`.

Lines are traced on the tune pages of a layout.jsonl, nearly all that the maps give, and a logistic regression with a
little ridge learns which of them a true baseline covers by more than half. Each set weighs the same. Prints JSON:
the bias and weights for ``engines/segmenters/tracing.py``, and baselines' F1 for a choice of thresholds.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcription.engines.segmenters.learned import LearnedSegmenter
from transcription.engines.segmenters.line_input import at_working_size
from transcription.engines.segmenters.line_network import STRIDE
from transcription.engines.segmenters.tracing import TracedLine, measures, trace
from transcription.htr.geometry import to_points
from transcription.htr.layout_metrics import score_baselines
from transcription.htr.records import Point
from transcription.training.layout_pages import LayoutPage, load_layouts

THRESHOLDS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TracedPage:
    """A page's candidates with their baselines in its own pixels, and whether each is a line."""

    page: LayoutPage
    lines: list[TracedLine]
    baselines: list[tuple[Point, ...]]
    right: list[bool]


def traced(page: LayoutPage, segmenter: LearnedSegmenter) -> TracedPage:
    small = at_working_size(page.image, segmenter.options.long_side)
    maps, _ = segmenter.maps(small)
    lines = trace(maps, replace(segmenter.options.tracing, plausible=0.0))
    factor = small.shape[1] / page.image.shape[1] / STRIDE
    baselines = [to_points((line.baseline + 0.5) / factor - 0.5) for line in lines]
    true = [line.baseline for line in page.lines]
    # The precision of a single line is the share of it that a true one covers.
    right = [score_baselines([baseline], true).precision > 0.5 for baseline in baselines]
    return TracedPage(page, lines, baselines, right)


def fit(values: Floats, right: NDArray[np.bool_], weights: Floats, *, ridge: float = 1e-4) -> Floats:
    """Bias and weights (1 + n,) of a logistic regression by Newton's method."""
    design = np.column_stack([np.ones(len(values)), values])
    penalty = ridge * np.diag([0.0, *np.ones(values.shape[1])])
    solution = np.zeros(design.shape[1])
    weights = weights / weights.sum()
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(design @ solution, -30, 30)))
        gradient = design.T @ (weights * (chance - right)) + penalty @ solution
        curvature = (design * (weights * chance * (1 - chance))[:, None]).T @ design + penalty
        step = np.linalg.solve(curvature + 1e-9 * np.eye(len(solution)), gradient)
        solution = solution - step
        if float(np.abs(step).max()) < 1e-8:
            break
    return solution


def f1_at(pages: list[TracedPage], solution: Floats, threshold: float) -> float:
    """Mean over sets of the mean F1 of their pages, with lines under the threshold left out."""
    scores: dict[str, list[float]] = defaultdict(list)
    for each in pages:
        chance = [1 / (1 + np.exp(-(solution[0] + measures(line) @ solution[1:]))) for line in each.lines]
        kept = [baseline for baseline, c in zip(each.baselines, chance, strict=True) if c >= threshold]
        scores[each.page.set].append(score_baselines(kept, [line.baseline for line in each.page.lines]).f1)
    return float(np.mean([np.mean(found) for found in scores.values()]))


def report(pages: list[TracedPage]) -> dict[str, Any]:
    values = np.array([measures(line) for each in pages for line in each.lines])
    right = np.array([good for each in pages for good in each.right])
    sizes = Counter({each.page.set: 0 for each in pages})
    for each in pages:
        sizes[each.page.set] += len(each.lines)
    weights = np.array([1 / sizes[each.page.set] for each in pages for _ in each.lines])
    solution = fit(values, right, weights)
    return {
        "lines": len(right),
        "right": round(float(right.mean()), 4),
        "bias": round(float(solution[0]), 3),
        "weights": [round(float(weight), 3) for weight in solution[1:]],
        "f1": {str(threshold): round(f1_at(pages, solution, threshold), 4) for threshold in THRESHOLDS},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("layouts", type=Path, help="layout.jsonl beside its page images")
    parser.add_argument("--weights", type=Path, required=True)
    given = parser.parse_args()
    segmenter = LearnedSegmenter(weights=given.weights)
    print(json.dumps(report([traced(page, segmenter) for page in load_layouts(given.layouts, "tune")]), indent=2))


if __name__ == "__main__":
    main()
