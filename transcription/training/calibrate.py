"""Fit word confidence on ground truth: which voted words are right, from what the vote knows of them."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcription.errors import BadInput
from transcription.htr import voting
from transcription.htr.calibration import Calibration, auroc, expected_calibration_error, fit, word_labels
from transcription.htr.confidence import FEATURES
from transcription.training.datasets import LineSample
from transcription.training.evaluation import Pass, read_in_passes

LEAST_WORDS = 500  # fewer say nothing about rare words


@dataclass(frozen=True, slots=True)
class LabelledWords:
    """Features (N, F) and truth (N,) of voted words, with the document each comes from (N,)."""

    features: NDArray[np.float64]
    right: NDArray[np.bool_]
    documents: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A calibration fitted on all words, and its figures from a fit on half of the documents tested on the others."""

    calibration: Calibration
    words: int
    share_right: float
    ece: float
    auroc: float


def label_words(samples: Iterable[LineSample], passes: Sequence[Pass]) -> LabelledWords:
    """Read and vote ``samples``, each in the language its set is named for, and compare each word with the truth."""
    features: list[tuple[float, ...]] = []
    right: list[bool] = []
    documents: list[int] = []
    by_language: dict[str, list[LineSample]] = defaultdict(list)
    for sample in samples:
        by_language[sample.set.partition("_")[0]].append(sample)
    for language, lines in by_language.items():
        readings = read_in_passes([line.pixels for line in lines], passes, language)
        for line, found in zip(lines, readings, strict=True):
            if not found:
                continue
            consensus = voting.vote(found)
            features += [word.features for word in consensus.words]
            right += word_labels([word.text for word in consensus.words], line.text)
            documents += [zlib.crc32(f"{line.set}/{line.page}".encode())] * len(consensus.words)
    return LabelledWords(np.array(features), np.array(right, dtype=bool), np.array(documents))


def calibrate(words: LabelledWords) -> Fitted:
    """Fit on all documents; judge by the mean of two halves, each fitted on the other. BadInput for too few words."""
    if len(words.right) < LEAST_WORDS:
        raise BadInput(f"{len(words.right)} words are too few to calibrate on; give at least {LEAST_WORDS}.")
    errors, areas = [], []
    for half in (0, 1):
        tested = words.documents % 2 == half
        if not tested.any() or tested.all():
            continue
        model = fit(words.features[~tested], words.right[~tested], FEATURES)
        confidence = model.apply(words.features[tested])
        errors.append(expected_calibration_error(confidence, words.right[tested]))
        areas.append(auroc(confidence, ~words.right[tested]))
    return Fitted(
        calibration=fit(words.features, words.right, FEATURES),
        words=len(words.right),
        share_right=float(words.right.mean()),
        ece=float(np.mean(errors)) if errors else float("nan"),
        auroc=float(np.mean(areas)) if areas else float("nan"),
    )
