"""The network of the starter engine: a compact residual CNN, two bidirectional LSTMs and a CTC head.

After Retsinas et al., "Best practices for a handwritten text recognition system" (2022), made small enough to train
and to run on a CPU. It knows nothing of files, alphabets or images beyond its input tensor.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

INPUT_HEIGHT = (
    48  # pixels, unless the weights say otherwise; half the cost of 64 px at little loss for the hands measured
)
STRIDE = 4  # input columns for one output step


class Residual(nn.Module):
    """Two 3×3 convolutions around a shortcut; ``stride`` is (vertical, horizontal)."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1: nn.Module = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2: nn.Module = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != (1, 1) or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(h)) + self.shortcut(x))


class CtcNetwork(nn.Module):
    """Line images, ``height`` pixels high (a multiple of 16), to log-probabilities of characters; class 0 is CTC's
    blank. Shapes below are of a height of 48."""

    def __init__(self, classes: int, *, height: int = INPUT_HEIGHT, lstm: int = 224, dropout: float = 0.2) -> None:
        super().__init__()
        self.height = height
        self.features = nn.Sequential(
            nn.Conv2d(1, 24, 5, 2, 2, bias=False),  # (B, 24, 24, W/2)
            nn.BatchNorm2d(24),
            nn.ReLU(),
            Residual(24, 48, (2, 2)),  # (B, 48, 12, W/4)
            Residual(48, 96, (2, 1)),  # (B, 96, 6, W/4)
            Residual(96, 96),
            Residual(96, 160, (2, 1)),  # (B, 160, 3, W/4)
        )
        # The rows are kept apart, not pooled: whether a stroke is high or low tells a comma from an apostrophe.
        self.project = nn.Linear(160 * (height // 16), 256)
        self.dropout = nn.Dropout(dropout)
        self.context = nn.LSTM(256, lstm, 2, batch_first=True, bidirectional=True, dropout=dropout)
        self.head = nn.Linear(2 * lstm, classes)
        self.auxiliary = nn.Linear(256, classes)  # in training only: a CTC loss before the LSTM (Retsinas)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, 48, W) ink-is-high floats, 0 = paper → (B, W/4, classes) log-probabilities.

        The head may have wider numbers than the rest; the output has the head's.
        """
        return self.encode(x)[0]

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """As ``forward``, with what the head saw beside it: features (B, W/4, 2 × lstm) in the head's numbers."""
        features = self.context(self._columns(x))[0].to(self.head.weight.dtype)
        logits: Tensor = self.head(features)
        return logits.log_softmax(-1), features

    def forward_both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """As ``forward``, with the auxiliary head's log-probabilities beside it."""
        columns = self._columns(x)
        logits: Tensor = self.head(self.context(columns)[0])
        auxiliary: Tensor = self.auxiliary(columns)
        return logits.log_softmax(-1), auxiliary.log_softmax(-1)

    def _columns(self, x: Tensor) -> Tensor:
        assert x.dim() == 4, tuple(x.shape)
        assert x.shape[1:3] == (1, self.height), tuple(x.shape)
        h = self.features(x)  # (B, 160, 3, W/4)
        columns: Tensor = self.dropout(torch.relu(self.project(h.flatten(1, 2).transpose(1, 2))))  # (B, W/4, 256)
        return columns


def fuse_norms(network: CtcNetwork) -> CtcNetwork:
    """``network``, its batch normalisations multiplied into the convolutions before them: it reads the same, but can
    neither be trained nor saved any more. It must be in evaluation mode."""
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            _fuse_pairs(module)
        elif isinstance(module, Residual):
            module.conv1, module.norm1 = _fused(module.conv1, module.norm1), nn.Identity()
            module.conv2, module.norm2 = _fused(module.conv2, module.norm2), nn.Identity()
    return network


def _fuse_pairs(layers: nn.Sequential) -> None:
    for place, (first, second) in enumerate(itertools.pairwise(list(layers))):
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            layers[place], layers[place + 1] = _fused(first, second), nn.Identity()


def _fused(convolution: nn.Conv2d, norm: nn.Module) -> nn.Conv2d:
    assert isinstance(norm, nn.BatchNorm2d)
    return fuse_conv_bn_eval(convolution, norm)
