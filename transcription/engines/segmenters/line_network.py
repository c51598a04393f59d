"""The network of the learned segmenter: a compact fully convolutional encoder and decoder that draws maps of a page.

After ParseNet (Kodym & Hradiš, Page layout analysis system for unconstrained historic documents, ICDAR 2021):
baselines, their ends, and how far the writing rises and falls at each point of them, rather than masks of whole lines,
which grow together where lines are close. It knows nothing of files or lines beyond its tensors.
"""

from __future__ import annotations

import itertools
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

STRIDE: Final = 2  # pixels of the input for one of the maps, each way
GRAIN: Final = 32  # sides of the input are multiples of it
# The maps, in this order: logits of probabilities, but "rise" and "fall", which are log2 of pixels of the input.
MAPS: Final = ("baseline", "end", "body", "rise", "fall", "printed")
TURNS: Final = 4  # classes of the page's orientation: quarter turns clockwise that make it upright


class Residual(nn.Module):
    """Two 3×3 convolutions around a shortcut. ``dilation`` widens what the second one sees."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1: nn.Module = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, dilation, dilation, bias=False)
        self.norm2: nn.Module = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(h)) + self.shortcut(x))


class LineNetwork(nn.Module):
    """A page to maps of its lines, at half of its resolution, and to the logits of its orientation."""

    def __init__(self, widths: tuple[int, int, int, int, int] = (32, 48, 96, 128, 160)) -> None:
        super().__init__()
        stem, quarter, eighth, sixteenth, deep = widths
        self.widths = widths
        self.stem = nn.Sequential(
            nn.Conv2d(1, stem, 5, 2, 2, bias=False),  # (B, 32, H/2, W/2)
            nn.BatchNorm2d(stem),
            nn.ReLU(),
        )
        self.quarter = Residual(stem, quarter, stride=2)  # (B, 48, H/4, W/4)
        self.eighth = nn.Sequential(Residual(quarter, eighth, stride=2), Residual(eighth, eighth))
        self.sixteenth = nn.Sequential(Residual(eighth, sixteenth, stride=2), Residual(sixteenth, sixteenth))
        self.deep = nn.Sequential(
            Residual(sixteenth, deep, stride=2), Residual(deep, deep, dilation=2), Residual(deep, deep, dilation=4)
        )
        self.join_sixteenth = Residual(deep + sixteenth, sixteenth)
        self.join_eighth = Residual(sixteenth + eighth, eighth)
        self.join_quarter = Residual(eighth + quarter, quarter)
        self.maps = nn.Sequential(
            nn.Conv2d(quarter, quarter, 3, 1, 1, bias=False),
            nn.BatchNorm2d(quarter),
            nn.ReLU(),
            nn.Conv2d(quarter, 4 * len(MAPS), 1),
        )
        self.turn = nn.Linear(deep, TURNS)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 1, H, W), 0 = paper, H and W multiples of 32 → maps (B, len(MAPS), H/2, W/2), turns (B, 4)."""
        assert x.dim() == 4, tuple(x.shape)
        assert x.shape[1] == 1, tuple(x.shape)
        assert x.shape[2] % GRAIN == 0 == x.shape[3] % GRAIN, tuple(x.shape)
        quarter = self.quarter(self.stem(x))  # (B, 48, H/4, W/4)
        eighth = self.eighth(quarter)  # (B, 96, H/8, W/8)
        sixteenth = self.sixteenth(eighth)  # (B, 128, H/16, W/16)
        deep = self.deep(sixteenth)  # (B, 160, H/32, W/32)
        h = self.join_sixteenth(_beside(deep, sixteenth))
        h = self.join_eighth(_beside(h, eighth))
        h = self.join_quarter(_beside(h, quarter))
        maps = functional.pixel_shuffle(self.maps(h), 2)  # (B, 6, H/2, W/2)
        turns: Tensor = self.turn(deep.mean(dim=(2, 3)))
        return maps, turns


def _beside(coarse: Tensor, fine: Tensor) -> Tensor:
    """``coarse`` at twice its size, channels in front of those of ``fine``."""
    return torch.cat([functional.interpolate(coarse, scale_factor=2.0, mode="nearest"), fine], dim=1)


def fuse_norms(network: LineNetwork) -> LineNetwork:
    """``network``, its batch normalisations multiplied into the convolutions before them: it finds the same, but can
    neither be trained nor saved any more. It must be in evaluation mode."""
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            for place, (first, second) in enumerate(itertools.pairwise(list(module))):
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    module[place], module[place + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
        elif isinstance(module, Residual):
            for number in (1, 2):
                convolution, norm = getattr(module, f"conv{number}"), getattr(module, f"norm{number}")
                setattr(module, f"conv{number}", fuse_conv_bn_eval(convolution, norm))
                setattr(module, f"norm{number}", nn.Identity())
    return network
