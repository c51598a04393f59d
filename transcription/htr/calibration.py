"""From features of a word to the probability that it is right: a logistic model fitted on labelled words.

A logistic model, because every feature's share in a verdict can be told, and because interactions, squares and an
isotonic step gained nothing on the tune split. How good a calibration is, `htr.reliability` measures.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transcription.htr.alignment import stretches
from transcription.htr.expected_errors import ErrorModel
from transcription.htr.text import normalised, strict, words

_LARGEST_LOGIT = 35.0  # exp() stays finite, and 1 - p is still told from 0


# A feature of which nothing is known (None, NaN in arrays) speaks neither for the word nor against it.
Value = float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """P(right) = sigmoid(bias + Σ weights · (feature - means) / scales); ``id`` names its content.

    ``errors`` says what wrong words come to in characters; None where that was not fitted.
    """

    id: str
    features: tuple[str, ...]
    weights: tuple[float, ...]
    bias: float
    means: tuple[float, ...]
    scales: tuple[float, ...]
    errors: ErrorModel | None = None

    def __post_init__(self) -> None:
        lengths = {len(self.features), len(self.weights), len(self.means), len(self.scales)}
        if len(lengths) != 1 or not all(scale > 0 for scale in self.scales):
            raise ValueError(
                f"calibration {self.id!r} has {len(self.features)} features but {len(self.weights)} weights, "
                f"{len(self.means)} means and {len(self.scales)} scales, which must be as many and the scales positive"
            )

    def contributions(self, values: Sequence[Value]) -> tuple[float, ...]:
        """What each feature adds to the logit of one word, beside ``bias``: below 0 speaks against the word."""
        # A list is made faster than a generator runs, and this is done for every word that is voted.
        return tuple(
            [
                0.0 if value is None else weight * (value - mean) / scale
                for value, weight, mean, scale in zip(values, self.weights, self.means, self.scales, strict=True)
            ]
        )

    def probability(self, values: Sequence[Value]) -> float:
        """P(right) of one word from its values, in the order of ``features``."""
        logit = self.bias + sum(self.contributions(values))
        return 1.0 / (1.0 + math.exp(-max(-_LARGEST_LOGIT, min(_LARGEST_LOGIT, logit))))

    def apply(self, values: ArrayLike) -> NDArray[np.float64]:
        """P(right), shape (N,), of words with features (N, F)."""
        return _sigmoid(self.bias + self.standardised(values) @ np.asarray(self.weights))

    def standardised(self, values: ArrayLike) -> NDArray[np.float64]:
        """What the weights weigh, (N, F): 0 where nothing is known."""
        table = (np.asarray(values, np.float64).reshape(-1, len(self.features)) - self.means) / self.scales
        return np.where(np.isnan(table), 0.0, table)

    def named(self) -> Calibration:
        """The same under the id of its content."""
        content = replace(self, id="").to_json()
        return replace(self, id=hashlib.sha256(content.encode()).hexdigest()[:16])

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Raises ValueError when the text is not a calibration; one without ``errors`` is of an earlier version."""
        found = json.loads(text)
        expected = {field.name for field in fields(cls)}
        if not isinstance(found, dict) or set(found) | {"errors"} != expected:
            raise ValueError(f"a calibration is a JSON object with the keys {', '.join(sorted(expected))}")
        errors = found.get("errors")
        return cls(
            id=str(found["id"]),
            features=tuple(map(str, found["features"])),
            weights=tuple(map(float, found["weights"])),
            bias=float(found["bias"]),
            means=tuple(map(float, found["means"])),
            scales=tuple(map(float, found["scales"])),
            errors=None if errors is None else ErrorModel(**{key: float(value) for key, value in errors.items()}),
        )


def fit(
    values: ArrayLike,
    right: ArrayLike,
    features: Sequence[str],
    *,
    l2: float = 1.0,
    directions: Mapping[str, int] = MappingProxyType({}),
) -> Calibration:
    """Fit by Newton's method (IRLS) with an L2 penalty on the weights of standardised features, none on the bias.

    ``values`` is (N, F), NaN where nothing is known, ``right`` (N,). ``directions`` names features that may only speak
    for a word (1) or against it (-1) as they rise: so a verdict can be explained, and better evidence never lowers it.
    Targets are Platt's smoothed ones, so that a set
    without a single error does not promise certainty (Platt 1999). Keep documents or hands apart between fitting and
    testing. Raises ValueError for no words or for values that are infinite.
    """
    table, labels = _checked(values, right, len(features))
    known = ~np.isnan(table)
    counts = np.maximum(1, known.sum(axis=0))
    means = np.where(known, table, 0.0).sum(axis=0) / counts
    spread = np.sqrt((np.where(known, table - means, 0.0) ** 2).sum(axis=0) / counts)
    start = Calibration(
        id="",
        features=tuple(features),
        weights=(0.0,) * len(features),
        bias=0.0,
        means=tuple(means.tolist()),
        # A constant feature teaches nothing and must not divide by zero.
        scales=tuple(np.where(spread > 1e-9, spread, 1.0).tolist()),
    )
    return _fitted(table, labels, start, [0.0, *[l2] * len(features)], directions)


def refit(
    values: ArrayLike,
    right: ArrayLike,
    prior: Calibration,
    *,
    strength: float,
    directions: Mapping[str, int] = MappingProxyType({}),
) -> Calibration:
    """Fit anew on few words, held to ``prior``: what weights and bias differ from it is penalised by ``strength``,
    which is worth about as many words of the middling sort at four each. What ``errors`` says is kept.

    Few words move little, many speak for themselves (Chelba and Acero, EMNLP 2004). Raises ValueError as ``fit``.
    """
    table, labels = _checked(values, right, len(prior.features))
    return _fitted(table, labels, prior, [strength] * (1 + len(prior.features)), directions)


def _checked(values: ArrayLike, right: ArrayLike, features: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    table = np.asarray(values, np.float64).reshape(-1, features)  # (N, F)
    labels = np.asarray(right, bool).reshape(-1)
    if not len(labels) or len(table) != len(labels) or np.isinf(table).any():
        raise ValueError(f"{len(table)} words and {len(labels)} labels: expected as many, at least one, all finite")
    return table, labels


def _fitted(
    table: NDArray[np.float64],
    labels: NDArray[np.bool_],
    start: Calibration,
    penalty: Sequence[float],
    directions: Mapping[str, int],
) -> Calibration:
    """``start`` with the weights and bias that explain ``labels`` best, each held to where it starts by ``penalty``."""
    design = np.column_stack([np.ones(len(table)), start.standardised(table)])  # (N, 1 + F)
    positives = int(labels.sum())
    targets = np.where(labels, (positives + 1) / (positives + 2), 1 / (len(labels) - positives + 2))
    allowed = np.array([0, *(directions.get(name, 0) for name in start.features)])
    held = np.array(penalty, dtype=np.float64)
    origin = np.array([start.bias, *start.weights])
    barred = np.zeros(len(allowed), dtype=bool)
    while True:
        free = ~barred
        found = np.zeros(len(allowed))
        found[free] = _newton(design[:, free], targets, held[free], origin[free])
        astray = found * allowed < -1e-12
        if not astray.any():
            return replace(start, weights=tuple(found[1:].tolist()), bias=float(found[0])).named()
        barred |= astray


def _newton(
    design: NDArray[np.float64],
    targets: NDArray[np.float64],
    penalty: NDArray[np.float64],
    start: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Minimise log-loss + ½ Σ penalty · (solution - start)²; steps are halved while they do not lower it, so that it
    always converges."""

    def loss(at: NDArray[np.float64]) -> float:
        logits = design @ at
        return float((np.logaddexp(0.0, logits) - targets * logits).sum() + 0.5 * (penalty * (at - start) ** 2).sum())

    solution = start
    current = loss(solution)
    for _ in range(50):
        p = _sigmoid(design @ solution)
        gradient = design.T @ (p - targets) + penalty * (solution - start)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + np.diag(penalty + 1e-9)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-6 and loss(solution - size * step) > current:
            size /= 2
        solution = solution - size * step
        lowered, current = current - loss(solution), loss(solution)
        if lowered < 1e-10 * max(1.0, abs(current)):
            break
    return solution


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    p: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT)))
    return p


def word_labels(consensus: Sequence[str], reference: str, fold: Callable[[str], str] = normalised) -> list[bool]:
    """Which of a line's words are right: those that the best alignment of words with the reference finds unchanged.

    ``consensus`` are the texts of a line's ``WordVote``s; one with a space is right when all its words are. Words are
    compared folded; a word of which nothing is left (a mark alone) makes no claim and is right.
    """
    truth = [folded for word in words(strict(reference)) for folded in words(fold(word))]
    pieces = [[folded for word in words(strict(text)) for folded in words(fold(word))] for text in consensus]
    owners = [owner for owner, piece in enumerate(pieces) for _ in piece]
    right = [True] * len(pieces)
    for equal, found, _ in stretches([word for piece in pieces for word in piece], truth):
        if not equal:
            for at in found:
                right[owners[at]] = False
    return right
