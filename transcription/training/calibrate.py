"""Fit word confidence on ground truth: which voted words are right, from what the vote knows of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcription.engines.word_lists import word_list
from transcription.errors import BadInput
from transcription.htr import voting
from transcription.htr.calibration import Calibration, fit
from transcription.htr.confidence import DIRECTIONS, FEATURES
from transcription.htr.known_words import KnownWords
from transcription.htr.labelled import LabelledLine, fit_errors, held_out, labels_of, table_of
from transcription.training.confidences import figures_of, labelled_vote
from transcription.training.datasets import LineSample
from transcription.training.evaluation import Pass, read_in_passes

LEAST_WORDS = 500  # fewer say nothing about rare words


@dataclass(frozen=True, slots=True)
class Fitted:
    """A calibration fitted on all words, and its figures on documents that were not fitted on."""

    calibration: Calibration
    figures: dict[str, Any]


def label_lines(samples: Iterable[LineSample], passes: Sequence[Pass]) -> list[LabelledLine]:
    """Read and vote ``samples``, each in the language its set is named for, and compare each word with the truth."""
    labelled: list[LabelledLine] = []
    by_language: dict[str, list[LineSample]] = defaultdict(list)
    for sample in samples:
        by_language[sample.set.partition("_")[0]].append(sample)
    for language, lines in by_language.items():
        readings = read_in_passes([line.pixels for line in lines], passes, language)
        knows = KnownWords(word_list(language))
        for line, found in zip(lines, readings, strict=True):
            if found:
                labelled.append(labelled_vote(f"{line.set}/{line.page}", voting.vote(found, knows=knows), line.text))
    return labelled


def calibrate(lines: Sequence[LabelledLine]) -> Fitted:
    """Fit on all documents; judge by tenths of them, each by a fit on the others. BadInput for too few words."""
    right = labels_of(lines)
    if len(right) < LEAST_WORDS:
        raise BadInput(f"{len(right)} words are too few to calibrate on; give at least {LEAST_WORDS}.")
    if len({line.document for line in lines}) < 2:
        raise BadInput("All words are of one document; give at least two, so that some are left to test on.")
    first = _fit(np.array([features for line in lines for features in line.features], dtype=np.float64), right)
    confidence = held_out(lines, table_of(lines, first), _fit)
    fitted = replace(first, errors=fit_errors(lines, confidence)).named()
    return Fitted(fitted, figures_of(lines, confidence, fitted.errors))


def _fit(table: NDArray[np.float64], right: NDArray[np.bool_]) -> Calibration:
    return fit(table, right, FEATURES, directions=DIRECTIONS)
