"""From a CTC network's columns to the embeddings of a language model: fewer positions, then a learned projection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

FAINT = 0.1  # a column that is at least this likely to show a character counts, though the blank be likelier
HIDDEN = 512
IMAGE_STEP = 32  # an image takes a multiple of so many positions


def image_length(positions: int) -> int:
    """How many positions an image takes whose line has ``positions``.

    A text's characters then stand at one of few distances from their picture, which rotary attention learns first.
    """
    return max(1, -(-positions // IMAGE_STEP)) * IMAGE_STEP


@dataclass(frozen=True, slots=True)
class Positions:
    """What is left of a line: the columns that show something, in order.

    ``values`` are their posteriors and features side by side, (N, C + F); ``columns`` where they stand among
    ``width`` columns, (N,).
    """

    values: NDArray[np.float32]
    columns: NDArray[np.int64]
    width: int

    def __len__(self) -> int:
        return len(self.columns)


def shown_columns(posteriors: NDArray[np.float32]) -> NDArray[np.int64]:
    """The columns (N,) of posteriors (T, C), blank first, that a language model needs to see.

    One for each run of one likeliest character, where it is likeliest; and where the blank is likeliest, each local
    peak of what is not blank that reaches FAINT: there a character may have been missed. After the CTC compressor of
    Gaido et al., EACL 2021, which takes means; CTC's peaks say more.
    """
    frames = len(posteriors)
    if not frames:
        return np.zeros(0, np.int64)
    best = posteriors.argmax(1)
    starts = np.flatnonzero(np.concatenate(([True], best[1:] != best[:-1])))
    ends = np.append(starts[1:], frames)
    peaks = [
        start + int(posteriors[start:end, best[start]].argmax())
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        if best[start]
    ]
    shown = 1 - posteriors[:, 0]
    around = np.concatenate(([0.0], shown, [0.0]))
    faint = (best == 0) & (shown >= FAINT) & (shown > around[:-2]) & (shown >= around[2:])
    return np.sort(np.concatenate((np.array(peaks, np.int64), np.flatnonzero(faint))))


def compressed(log_probs: NDArray[np.float32], features: NDArray[np.float32]) -> Positions:
    """The positions of a line from log-probabilities (T, C) and features (T, F)."""
    posteriors = np.exp(log_probs)
    columns = shown_columns(posteriors)
    values = np.concatenate((posteriors[columns], features[columns]), 1).astype(np.float32)
    return Positions(values, columns, len(log_probs))


class VisionProjection(nn.Module):
    """LayerNorm and a two-layer GELU MLP beside a residual projection: (…, C + F) → (…, D).

    It starts as posteriors times the embeddings of their characters (``begin``), which a language model can already
    read; what the MLP learns is added.
    """

    def __init__(self, classes: int, features: int, width: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(classes + features)
        self.inner = nn.Linear(classes + features, hidden)
        self.outer = nn.Linear(hidden, width)
        self.residual = nn.Linear(classes + features, width, bias=False)

    def begin(self, embeddings: Tensor) -> None:
        """Project posteriors to the mean of ``embeddings`` (C, D), one for each class, and features to nothing."""
        classes = len(embeddings)
        with torch.no_grad():
            self.residual.weight.zero_()
            self.residual.weight[:, :classes] = embeddings.T
            self.outer.weight.zero_()
            self.outer.bias.zero_()

    def forward(self, values: Tensor) -> Tensor:
        learned = self.outer(functional.gelu(self.inner(self.norm(values))))
        projected: Tensor = self.residual(values) + learned
        return projected
