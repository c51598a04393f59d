"""From features of a word to the probability that it is right: a logistic model fitted on labelled words.

Also the two figures by which confidence is judged: expected calibration error and AUROC.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transcription.htr.alignment import stretches
from transcription.htr.text import normalised, strict, words

_LARGEST_LOGIT = 35.0  # exp() stays finite, and 1 - p is still told from 0


@dataclass(frozen=True, slots=True)
class Calibration:
    """P(right) = sigmoid(bias + Σ weights · (feature - means) / scales); ``id`` names its content."""

    id: str
    features: tuple[str, ...]
    weights: tuple[float, ...]
    bias: float
    means: tuple[float, ...]
    scales: tuple[float, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.features), len(self.weights), len(self.means), len(self.scales)}
        if len(lengths) != 1 or not all(scale > 0 for scale in self.scales):
            raise ValueError(
                f"calibration {self.id!r} has {len(self.features)} features but {len(self.weights)} weights, "
                f"{len(self.means)} means and {len(self.scales)} scales, which must be as many and the scales positive"
            )

    def probability(self, values: Sequence[float]) -> float:
        """P(right) of one word from its values, in the order of ``features``."""
        logit = self.bias
        for value, weight, mean, scale in zip(values, self.weights, self.means, self.scales, strict=True):
            logit += weight * (value - mean) / scale
        return 1.0 / (1.0 + math.exp(-max(-_LARGEST_LOGIT, min(_LARGEST_LOGIT, logit))))

    def apply(self, values: ArrayLike) -> NDArray[np.float64]:
        """P(right), shape (N,), of words with features (N, F)."""
        table = np.asarray(values, np.float64).reshape(-1, len(self.features))
        logits = self.bias + ((table - self.means) / self.scales) @ np.asarray(self.weights)
        return _sigmoid(logits)

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Raises ValueError when the text is not a calibration."""
        found = json.loads(text)
        expected = {field.name for field in fields(cls)}
        if not isinstance(found, dict) or set(found) != expected:
            raise ValueError(f"a calibration is a JSON object with the keys {', '.join(sorted(expected))}")
        return cls(
            id=str(found["id"]),
            features=tuple(map(str, found["features"])),
            weights=tuple(map(float, found["weights"])),
            bias=float(found["bias"]),
            means=tuple(map(float, found["means"])),
            scales=tuple(map(float, found["scales"])),
        )


def fit(values: ArrayLike, right: ArrayLike, features: Sequence[str], *, l2: float = 1.0) -> Calibration:
    """Fit by Newton's method (IRLS) with an L2 penalty on the weights of standardised features, none on the bias.

    ``values`` is (N, F), ``right`` (N,). Targets are Platt's smoothed ones, so that a set without a single error does
    not promise certainty (Platt 1999). Keep documents or hands apart between fitting and testing. Raises ValueError
    for no words or for values that are not finite.
    """
    table = np.asarray(values, np.float64).reshape(-1, len(features))  # (N, F)
    labels = np.asarray(right, bool).reshape(-1)
    if not len(labels) or len(table) != len(labels) or not np.isfinite(table).all():
        raise ValueError(f"{len(table)} words and {len(labels)} labels: expected as many, at least one, all finite")
    means = table.mean(axis=0)
    spread = table.std(axis=0)
    scales = np.where(spread > 1e-9, spread, 1.0)  # a constant feature teaches nothing and must not divide by zero
    design = np.column_stack([np.ones(len(table)), (table - means) / scales])  # (N, 1 + F)
    positives = int(labels.sum())
    targets = np.where(labels, (positives + 1) / (positives + 2), 1 / (len(labels) - positives + 2))
    penalty = np.full(design.shape[1], l2)
    penalty[0] = 0.0
    solution = _newton(design, targets, penalty)
    made = Calibration(
        id="",
        features=tuple(features),
        weights=tuple(solution[1:].tolist()),
        bias=float(solution[0]),
        means=tuple(means.tolist()),
        scales=tuple(scales.tolist()),
    )
    return replace(made, id=hashlib.sha256(made.to_json().encode()).hexdigest()[:16])


def _newton(
    design: NDArray[np.float64], targets: NDArray[np.float64], penalty: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Minimise the penalised log-loss; steps are halved while they do not lower it, so that it always converges."""

    def loss(at: NDArray[np.float64]) -> float:
        logits = design @ at
        return float((np.logaddexp(0.0, logits) - targets * logits).sum() + 0.5 * (penalty * at**2).sum())

    solution = np.zeros(design.shape[1])
    current = loss(solution)
    for _ in range(50):
        p = _sigmoid(design @ solution)
        gradient = design.T @ (p - targets) + penalty * solution
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


def expected_calibration_error(confidence: ArrayLike, right: ArrayLike, bins: int = 15) -> float:
    """Mean gap between confidence and share right over equal-width bins, weighted by words. Naeini et al., AAAI 2015.

    0 for no words.
    """
    p = np.asarray(confidence, np.float64)
    labels = np.asarray(right, np.float64)
    if not len(p):
        return 0.0
    which = np.minimum((p * bins).astype(int), bins - 1)
    gaps = np.bincount(which, weights=p - labels, minlength=bins)  # Σ (p - right) in each bin
    return float(np.abs(gaps).sum() / len(p))


def auroc(scores: ArrayLike, wrong: ArrayLike) -> float:
    """How well low scores find wrong words: P(a wrong word scores below a right one), ties count half.

    1 is perfect, 0.5 chance; NaN where all words are right or all wrong, as nothing can be told.
    """
    values = np.asarray(scores, np.float64)
    bad = np.asarray(wrong, bool)
    wrongs, rights = int(bad.sum()), int((~bad).sum())
    if not wrongs or not rights:
        return math.nan
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[where]  # 1-based, ties share their mean rank
    below = ranks[~bad].sum() - rights * (rights + 1) / 2  # Mann-Whitney U of the right words
    return float(below / (wrongs * rights))
