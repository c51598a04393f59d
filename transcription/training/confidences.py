"""How well confidences hold, on lines of which the truth is known: the figures that are printed and kept."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcription.htr.expected_errors import GOOD_CER, ErrorModel
from transcription.htr.labelled import LabelledLine, by_line, label_line, labels_of
from transcription.htr.records import Consensus
from transcription.htr.reliability import (
    auroc,
    errors_found,
    expected_calibration_error,
    log_losses,
    reliability,
)


@dataclass(slots=True)
class Confidences:
    """Votes beside the truth, with how sure their words were."""

    lines: list[LabelledLine] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)

    def add(self, document: str, consensus: Consensus, truth: str) -> None:
        self.lines.append(labelled_vote(document, consensus, truth))
        self.confidence += [word.confidence for word in consensus.words]

    def figures(self, errors: ErrorModel | None) -> dict[str, Any]:
        return figures_of(self.lines, np.array(self.confidence), errors)


def labelled_vote(document: str, consensus: Consensus, truth: str) -> LabelledLine:
    """A vote beside what truly stands there."""
    return label_line(
        document=document,
        text=consensus.text,
        words=[word.text for word in consensus.words],
        features=[word.features for word in consensus.words],
        truth=truth,
    )


def figures_of(
    lines: Sequence[LabelledLine], confidence: NDArray[np.float64], errors: ErrorModel | None
) -> dict[str, Any]:
    """Figures of words ("words", "share_right", "auroc", "ece", "log_loss", "errors_found" and "reliability"), and
    with ``errors`` those of lines ("good_lines") and pages ("pages"); None where nothing can be told."""
    right = labels_of(lines)
    figures: dict[str, Any] = {
        "words": len(right),
        "documents": len({line.document for line in lines}),
        "share_right": _told(float(right.mean())) if len(right) else None,
        "auroc": _told(auroc(confidence, ~right)),
        "ece": expected_calibration_error(confidence, right),
        "log_loss": _told(float(log_losses(confidence, right).mean())) if len(right) else None,
        "errors_found": _told(errors_found(confidence, ~right)),
        "reliability": [asdict(each) for each in reliability(confidence, right) if each.n],
    }
    return figures | (_of_lines(lines, confidence, errors) if errors is not None else {})


def _of_lines(lines: Sequence[LabelledLine], confidence: NDArray[np.float64], errors: ErrorModel) -> dict[str, Any]:
    """P(CER ≤ 0.1) of lines against what became of them, and each page's expected CER against its true one."""
    claims = by_line(lines, confidence)
    good = [errors.good_line(words) for words in claims]
    came_true = np.array([line.is_good for line in lines], dtype=bool)
    pages: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for line, words in zip(lines, claims, strict=True):
        sums = pages[line.document]
        sums[0] += errors.edits(words)
        sums[1] += line.edits
        sums[2] += line.characters
    expected, true, length = np.array(list(pages.values()), dtype=np.float64).reshape(-1, 3).T
    rates = expected / np.maximum(1, length), true / np.maximum(1, length)
    return {
        "good_lines": {
            "cer_at_most": GOOD_CER,
            "lines": len(lines),
            "share": float(came_true.mean()) if len(lines) else None,
            "expected_share": float(np.mean(good)) if good else None,
            "ece": expected_calibration_error(good, came_true, 10),
            "auroc": _told(auroc(good, ~came_true)),
            "reliability": [asdict(each) for each in reliability(good, came_true) if each.n],
        },
        "pages": {
            "pages": len(pages),
            "cer": float(true.sum() / max(1.0, length.sum())),
            "expected_cer": float(expected.sum() / max(1.0, length.sum())),
            "mean_gap": float(np.abs(rates[0] - rates[1]).mean()) if len(pages) else None,
            "correlation": _correlation(*rates),
        },
    }


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    """None where there are too few, or one of them never varies."""
    return float(np.corrcoef(one, other)[0, 1]) if len(one) > 2 and one.std() and other.std() else None


def _told(figure: float) -> float | None:
    return None if math.isnan(figure) else figure
