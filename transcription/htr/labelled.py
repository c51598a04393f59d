"""Voted lines of which the truth is known: what confidence is fitted on, and judged by, document by document."""

from __future__ import annotations

import itertools
import math
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from transcription.htr.calibration import Calibration, Value, fit, word_labels
from transcription.htr.confidence import chosen
from transcription.htr.expected_errors import GOOD_CER, Claim, ErrorModel, characters
from transcription.htr.metrics import edit_counts
from transcription.htr.text import normalised

FOLDS = 10
LEAST_DOCUMENTS = 5
Fit = Callable[[NDArray[np.float64], NDArray[np.bool_]], Calibration]


@dataclass(frozen=True, slots=True)
class LabelledLine:
    """``features`` of each word as they were stored, which words are ``right`` and how long they are; ``edits`` lead
    from the voted text to the true one of so many ``characters``, normalised. ``document`` is what splits keep whole.
    """

    document: str
    features: tuple[tuple[Value, ...], ...]
    right: tuple[bool, ...]
    lengths: tuple[int, ...]
    characters: int
    edits: int

    @property
    def cer(self) -> float:
        return self.edits / self.characters if self.characters else float(self.edits > 0)

    @property
    def is_good(self) -> bool:
        return self.cer <= GOOD_CER

    def claims(self, confidence: Sequence[float]) -> list[Claim]:
        return list(zip(confidence, self.lengths, strict=True))


def label_line(
    *, document: str, text: str, words: Sequence[str], features: Sequence[Sequence[Value]], truth: str
) -> LabelledLine:
    """A voted line (its ``text`` and its ``words`` with their features) beside what truly stands there."""
    reference = normalised(truth)
    return LabelledLine(
        document=document,
        features=tuple(map(tuple, features)),
        right=tuple(word_labels(words, truth)),
        lengths=tuple(map(len, words)),
        characters=len(reference),
        edits=edit_counts(reference, normalised(text)),
    )


class Split(StrEnum):
    """What is held out whole when a fit is tested."""

    DOCUMENT = "document"
    PAGE = "page"


def split_of(lines: Sequence[LabelledLine], pages: Sequence[int]) -> tuple[Split, list[LabelledLine]]:
    """``lines`` to be held out by document; where there are too few documents, by page: what is read next is then
    more pages of the same ones."""
    if len({line.document for line in lines}) >= LEAST_DOCUMENTS:
        return Split.DOCUMENT, list(lines)
    return Split.PAGE, [replace(line, document=str(page)) for line, page in zip(lines, pages, strict=True)]


def labels_of(lines: Sequence[LabelledLine]) -> NDArray[np.bool_]:
    """Which words of all ``lines`` are right, (N,)."""
    return np.array([right for line in lines for right in line.right], dtype=bool)


def table_of(lines: Sequence[LabelledLine], calibration: Calibration) -> NDArray[np.float64]:
    """What ``calibration`` weighs of all words, (N, F), NaN where nothing is known."""
    rows = [chosen(features, calibration) for line in lines for features in line.features]
    return np.array(rows, dtype=np.float64).reshape(-1, len(calibration.features))


def folds_of(lines: Sequence[LabelledLine], count: int = FOLDS) -> NDArray[np.int64]:
    """The fold of each line, (L,): all lines of a document in one, folds of about as many words each."""
    sizes: Counter[str] = Counter()
    for line in lines:
        sizes[line.document] += max(1, len(line.right))
    room = [0] * count
    fold: dict[str, int] = {}
    # Documents of like size go by a hash of their names, so that no order of archives, such as by year, is a fold.
    for document, size in sorted(sizes.items(), key=lambda item: (-item[1], zlib.crc32(item[0].encode()), item[0])):
        fold[document] = room.index(min(room))
        room[fold[document]] += size
    return np.array([fold[line.document] for line in lines], dtype=np.int64)


def held_out(
    lines: Sequence[LabelledLine], table: NDArray[np.float64], fitting: Fit, count: int = FOLDS
) -> NDArray[np.float64]:
    """P(right) of every word, (N,), by what ``fitting`` makes of the words of other folds' documents alone.

    Words of one document only cannot be held out from themselves: all are NaN then.
    """
    right = labels_of(lines)
    fold = np.repeat(folds_of(lines, count), [len(line.right) for line in lines])
    found = np.full(len(right), np.nan)
    for each in range(count):
        tested = fold == each
        if tested.any() and not tested.all():
            found[tested] = fitting(table[~tested], right[~tested]).apply(table[tested])
    return found


def by_line(lines: Sequence[LabelledLine], confidence: NDArray[np.float64]) -> list[list[Claim]]:
    """The claims of each line when its words are so sure."""
    edges = np.cumsum([0, *(len(line.right) for line in lines)]).tolist()
    parts = itertools.pairwise(edges)
    return [line.claims(confidence[start:end].tolist()) for line, (start, end) in zip(lines, parts, strict=True)]


def fit_errors(lines: Sequence[LabelledLine], confidence: NDArray[np.float64]) -> ErrorModel:
    """What wrong words come to, from lines whose words' ``confidence`` was held out."""
    claims = by_line(lines, confidence)
    told = [(line, words) for line, words in zip(lines, claims, strict=True) if words and line.characters]
    design = np.array(
        [
            [sum(1 - p for p, _ in words), sum((1 - p) * length for p, length in words), characters(words)]
            for _, words in told
        ]
    )
    # Long lines have more errors and vary more: each counts by its length.
    weight = 1 / np.sqrt([characters(words) for _, words in told])
    edits = np.array([line.edits for line, _ in told], dtype=np.float64)
    word, character, missed = _not_negative(design * weight[:, None], edits * weight)
    model = ErrorModel(word, character, missed)
    evidence = [[model.good_evidence(words)] for _, words in told]
    good = fit(evidence, [line.is_good for line, _ in told], ("evidence",), directions={"evidence": 1})
    rate = good.weights[0] / good.scales[0]
    return replace(model, good=good.bias - rate * good.means[0], good_rate=rate)


def _not_negative(design: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, float, float]:
    """Least squares with three coefficients, none below 0: the best of the solutions that use some of them."""
    best, least = (0.0, 0.0, 0.0), math.inf
    for used in itertools.chain.from_iterable(itertools.combinations(range(3), n) for n in (1, 2, 3)):
        solution = np.linalg.lstsq(design[:, used], target, rcond=None)[0]
        loss = float(((design[:, used] @ solution - target) ** 2).sum())
        if (solution >= 0).all() and loss < least:
            found = dict(zip(used, solution.tolist(), strict=True))
            best, least = (found.get(0, 0.0), found.get(1, 0.0), found.get(2, 0.0)), loss
    return best
