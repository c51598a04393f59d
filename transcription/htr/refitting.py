"""A collection's own calibration: fitted on its trusted lines, and taken only where it proves better than what was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transcription.htr.calibration import Calibration, fit, refit
from transcription.htr.confidence import DIRECTIONS, FEATURES, UNCALIBRATED
from transcription.htr.labelled import LabelledLine, Split, fit_errors, held_out, labels_of, split_of, table_of
from transcription.htr.reliability import log_losses

# How hard a refit is held to the shipped calibration: chosen on the tune split, each of its sets taken for a collection
# that the shipped one was not fitted on (log-loss 0.3602 unchanged, 0.3647 nearly free, 0.3581 at 50, 0.3587 at 200).
STRENGTH = 50.0
LEAST_WORDS = 1_500
LEAST_PAGES = 20


@dataclass(frozen=True, slots=True)
class Refitted:
    """``calibration`` was fitted on all lines; ``gain`` is by how much log-loss a word falls on documents (or pages, as
    ``split`` says) that were left out, with its standard ``error``. ``confidence`` are the words' P(right) there,
    ``before`` those by the prior."""

    calibration: Calibration
    split: Split
    gain: float
    error: float
    confidence: NDArray[np.float64]
    before: NDArray[np.float64]

    @property
    def is_better(self) -> bool:
        """By more than chance makes of it: one that is no better must not replace what was fitted on far more."""
        return self.gain > self.error


def refit_on(lines: Sequence[LabelledLine], pages: Sequence[int], prior: Calibration) -> Refitted:
    """Fit on ``lines``, of these ``pages``, held to ``prior``; where that is the uncalibrated guess, free of it.

    Raises ValueError for lines without words, or of one page only.
    """
    guess = prior.id == UNCALIBRATED.id
    base = replace(UNCALIBRATED, features=FEATURES) if guess else prior
    split, kept = split_of(lines, pages)
    table, right = table_of(kept, base), labels_of(kept)

    def fitting(values: NDArray[np.float64], labels: NDArray[np.bool_]) -> Calibration:
        if guess:
            return fit(values, labels, FEATURES, directions=DIRECTIONS)
        return refit(values, labels, prior, strength=STRENGTH, directions=DIRECTIONS)

    confidence = held_out(kept, table, fitting)
    if not len(confidence) or np.isnan(confidence).any():
        raise ValueError("a refit needs words of at least two pages")
    before = base.apply(table)
    gain, error = _gain(kept, log_losses(before, right) - log_losses(confidence, right))
    fitted = replace(fitting(table, right), errors=fit_errors(kept, confidence)).named()
    return Refitted(fitted, split, gain, error, confidence, before)


def _gain(lines: Sequence[LabelledLine], differences: NDArray[np.float64]) -> tuple[float, float]:
    """Mean difference a word, and its standard error over what was held out whole: its words are alike."""
    names = {name: k for k, name in enumerate(dict.fromkeys(line.document for line in lines))}
    of_word = np.repeat([names[line.document] for line in lines], [len(line.right) for line in lines])
    gain = float(differences.mean())
    residuals = np.bincount(of_word, weights=differences - gain, minlength=len(names))
    count = len(names)
    error = math.sqrt(count / (count - 1) * float((residuals**2).sum())) / len(differences)
    return gain, error
