"""Low-rank changes to the frozen weights of a small Llama, merged into them at the end. Hu et al., ICLR 2022."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from transcription.training.llama_torch import Block, Llama

ATTENTION = ("q", "k", "v", "output")
FEED_FORWARD = ("gate", "up", "down")


class Adapted(nn.Module):
    """A frozen linear layer and what is added to it: ``up`` (outputs, rank) × ``down`` (rank, inputs), at first 0."""

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.base(x) + functional.linear(functional.linear(x, self.down), self.up)
        return changed

    def merged(self) -> nn.Linear:
        with torch.no_grad():
            self.base.weight += self.up @ self.down
        return self.base


def adapt(model: Llama, rank: int) -> list[nn.Parameter]:
    """Freeze ``model`` and let every linear layer of its blocks be changed by ``rank``; what there is to train."""
    model.requires_grad_(False)
    if not rank:
        return []
    found = []
    for parent, name in _places(model):
        adapted = Adapted(getattr(parent, name), rank)
        setattr(parent, name, adapted)
        found += [adapted.down, adapted.up]
    return found


def merge(model: Llama) -> Llama:
    """``model`` itself, every change multiplied into the weights it changes."""
    for parent, name in _places(model):
        layer = getattr(parent, name)
        if isinstance(layer, Adapted):
            setattr(parent, name, layer.merged())
    return model


def _places(model: Llama) -> Iterator[tuple[nn.Module, str]]:
    for block in model.blocks:
        assert isinstance(block, Block)
        yield from ((block.attention, name) for name in ATTENTION)
        yield from ((block, name) for name in FEED_FORWARD)
