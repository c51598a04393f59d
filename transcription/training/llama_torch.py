"""A small Llama in torch that llama.cpp computes alike: RMSNorm, rotary positions, grouped queries, SwiGLU, tied head.

Rotary positions turn neighbouring numbers of a head, (0, 1), (2, 3) …, as llama.cpp does for this architecture; the
files of Hugging Face pair the first half with the second and must be reordered, these need not.
Touvron et al. 2023; Su et al. 2021; Shazeer 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class LlamaShape:
    """The sizes of a model; ``kv_heads`` divides ``heads``, ``heads`` divides ``width``."""

    tokens: int
    width: int = 256
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    hidden: int = 640
    context: int = 512
    rope_base: float = 10_000.0
    epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        return self.width // self.heads


class RmsNorm(nn.Module):
    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self._epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        scale = x.float().pow(2).mean(-1, keepdim=True).add(self._epsilon).rsqrt()
        normed: Tensor = x * scale * self.weight
        return normed


class Attention(nn.Module):
    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self._heads, self._kv_heads, self._head_width = shape.heads, shape.kv_heads, shape.head_width
        self.q = nn.Linear(shape.width, shape.width, bias=False)
        self.k = nn.Linear(shape.width, shape.kv_heads * shape.head_width, bias=False)
        self.v = nn.Linear(shape.width, shape.kv_heads * shape.head_width, bias=False)
        self.output = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x: Tensor, turn: Tensor) -> Tensor:
        """(B, T, D) → (B, T, D); ``turn`` is cosine and sine of each position, (2, T, head width / 2)."""
        batch, steps, width = x.shape
        q = rotate(self.q(x).view(batch, steps, self._heads, self._head_width).transpose(1, 2), turn)  # (B, nh, T, hw)
        k = rotate(self.k(x).view(batch, steps, self._kv_heads, self._head_width).transpose(1, 2), turn)
        v = self.v(x).view(batch, steps, self._kv_heads, self._head_width).transpose(1, 2)
        several = self._heads // self._kv_heads
        k, v = k.repeat_interleave(several, 1), v.repeat_interleave(several, 1)
        seen = functional.scaled_dot_product_attention(q, k, v.to(q.dtype), is_causal=True)
        mixed: Tensor = self.output(seen.transpose(1, 2).reshape(batch, steps, width))
        return mixed


def rotate(x: Tensor, turn: Tensor) -> Tensor:
    """Turn the pairs (2i, 2i + 1) of (…, T, head width) by their position's angles."""
    cosine, sine = turn.to(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), -1).flatten(-2)


class Block(nn.Module):
    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self.attention_norm = RmsNorm(shape.width, shape.epsilon)
        self.attention = Attention(shape)
        self.feed_norm = RmsNorm(shape.width, shape.epsilon)
        self.gate = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: Tensor, turn: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x), turn)
        h = self.feed_norm(x)
        mixed: Tensor = x + self.down(functional.silu(self.gate(h)) * self.up(h))
        return mixed


class Llama(nn.Module):
    """Tokens or embeddings to logits; the head is the embedding table itself."""

    turns: Tensor

    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.tokens, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = RmsNorm(shape.width, shape.epsilon)
        frequencies = shape.rope_base ** (-torch.arange(0, shape.head_width, 2).float() / shape.head_width)
        angles = torch.arange(shape.context).float()[:, None] * frequencies
        self.register_buffer("turns", torch.stack((angles.cos(), angles.sin())), persistent=False)
        self.apply(self._begin)

    def _begin(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, Block):
            for last in (module.attention.output, module.down):
                nn.init.normal_(last.weight, std=0.02 / (2 * self.shape.layers) ** 0.5)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Embeddings (B, T, D) at positions 0, 1, … → logits (B, T, tokens)."""
        assert embeddings.shape[1] <= self.shape.context, tuple(embeddings.shape)
        turn = self.turns[:, : embeddings.shape[1]]
        x = embeddings
        for block in self.blocks:
            x = block(x, turn)
        logits: Tensor = functional.linear(self.norm(x), self.embedding.weight)
        return logits
