"""TrOCR's decoder, step by step, on the decoder's own modules: its memory is laid out once, and what the encoder saw is
never multiplied out into keys and values.

Attention over the encoder's states x (S of them, E wide) needs the products of a query q with every key W x + b, and
sums values V x + c. Both are linear, so q·(W x) = (Wᵀ q)·x, the product with b is the same for every x and falls out of
the softmax, and Σ p (V x + c) = V (Σ p x) + c: queries go to the encoder's states, and no key or value of these is
ever made (compare DeepSeek-V2, arXiv 2405.04434, 2.1.2). For TrOCR-base that saves 17 of 140 GFLOP a line
of 15 tokens (22 for keys and values, of which 5 come back in longer products) and 57 MB, and beams look at one copy.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.models.trocr.modeling_trocr import TrOCRForCausalLM, TrOCRSinusoidalPositionalEmbedding


class Memory:
    """Keys and values of the tokens so far, (layers, rows, heads, longest, width) each; ``filled`` tokens are there."""

    def __init__(self, keys: Tensor, rows: int) -> None:
        self._keys, self._values = keys, torch.empty_like(keys)
        self.rows, self.filled = rows, 0

    def put(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add (rows, heads, T, width) behind what is there; all of it so far."""
        end = self.filled + keys.shape[2]
        self._keys[layer, : self.rows, :, self.filled : end] = keys
        self._values[layer, : self.rows, :, self.filled : end] = values
        return self._keys[layer, : self.rows, :, :end], self._values[layer, : self.rows, :, :end]

    def take(self, rows: Tensor) -> None:
        """Row i goes on as row ``rows[i]`` was; rows that are not named are forgotten."""
        for memory in (self._keys, self._values):
            memory[:, : len(rows), :, : self.filled] = memory[:, :, :, : self.filled].index_select(1, rows)
        self.rows = len(rows)


class SteppingDecoder:
    """The decoder of ``network`` (a VisionEncoderDecoderModel with TrOCR's decoder), for reading only.

    The head computes in single precision whatever the rest does: logits in bfloat16 tie, and which of two tokens then
    wins would depend on a line's company. ``head`` replaces it where the network is quantised.
    """

    def __init__(self, network: Any, longest: int, *, head: nn.Module | None = None) -> None:
        causal = network.decoder
        assert isinstance(causal, TrOCRForCausalLM)
        self._decoder: Any = causal.model.decoder
        self._heads: int = network.config.decoder.decoder_attention_heads
        self._projection = getattr(network, "enc_to_dec_proj", None)
        numbers = self._decoder.embed_tokens.weight.dtype
        device = self._decoder.embed_tokens.weight.device
        self._positions = _positions(self._decoder.embed_positions, longest).to(device, numbers)  # (longest, D)
        self._head = head or _single_precision(causal.output_projection)

    def states(self, encoded: Tensor) -> Tensor:
        """The encoder's output (B, S, E) as the decoder looks at it."""
        return self._projection(encoded) if self._projection is not None else encoded

    def memory(self, rows: int, longest: int) -> Memory:
        """Room for ``rows`` rows of ``longest`` tokens; none is in use yet."""
        weights = self._decoder.embed_tokens.weight
        longest = min(longest, len(self._positions))
        shape = (len(self._decoder.layers), rows, self._heads, longest, weights.shape[1] // self._heads)
        return Memory(torch.empty(shape, dtype=weights.dtype, device=weights.device), rows)

    def step(self, tokens: Tensor, memory: Memory, states: Tensor) -> Tensor:
        """Logits (rows, V) in single precision of what follows ``tokens`` (rows,).

        Rows look at ``states`` (lines, S, E) in equal shares: rows 0 to k - 1 at line 0, the next k at line 1.
        """
        hidden = self._hidden(tokens[:, None], memory, states)
        logits: Tensor = self._head(hidden[:, -1].float())
        return logits

    def forced(self, tokens: Tensor, states: Tensor) -> Tensor:
        """Natural logarithms (rows, T - 1) of how probable each of ``tokens`` (rows, T) is after those before it; the
        first is given. Rows look at ``states`` as in ``step``."""
        memory = self.memory(len(tokens), tokens.shape[1])
        hidden = self._hidden(tokens[:, :-1], memory, states)
        # The vocabulary is large: eight rows at a time hold some ten million numbers.
        found = [
            self._head(some.float()).log_softmax(-1).gather(-1, wanted[..., None])[..., 0]
            for some, wanted in zip(torch.split(hidden, 8), torch.split(tokens[:, 1:], 8), strict=True)
        ]
        return torch.cat(found)

    def _hidden(self, tokens: Tensor, memory: Memory, states: Tensor) -> Tensor:
        """(rows, T) tokens that follow what ``memory`` holds → (rows, T, D)."""
        decoder, length = self._decoder, tokens.shape[1]
        x = decoder.embed_tokens(tokens) + self._positions[memory.filled : memory.filled + length]
        if decoder.layernorm_embedding is not None:
            x = decoder.layernorm_embedding(x)
        for number, layer in enumerate(decoder.layers):
            x = layer.self_attn_layer_norm(x + self._over_tokens(layer.self_attn, x, memory, number))
            x = layer.encoder_attn_layer_norm(x + self._over_states(layer.encoder_attn, x, states))
            x = layer.final_layer_norm(x + layer.fc2(layer.activation_fn(layer.fc1(x))))
        memory.filled += length
        return x  # type: ignore[no-any-return]

    def _over_tokens(self, attention: Any, x: Tensor, memory: Memory, layer: int) -> Tensor:
        rows, length, wide = x.shape
        queries, keys, values = (
            project(x).view(rows, length, self._heads, -1).transpose(1, 2)
            for project in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        keys, values = memory.put(layer, keys, values)  # (rows, heads, filled + T, width)
        found = functional.scaled_dot_product_attention(queries, keys, values, is_causal=length > 1)
        return attention.out_proj(found.transpose(1, 2).reshape(rows, length, wide))  # type: ignore[no-any-return]

    def _over_states(self, attention: Any, x: Tensor, states: Tensor) -> Tensor:
        """Attention over the encoder's states as the module's docstring says."""
        rows, length, wide = x.shape
        lines, _, width = states.shape
        per_head = (self._heads, wide // self._heads, width)
        queries = (attention.q_proj(x) * attention.scaling).view(rows * length, self._heads, -1).transpose(0, 1)
        moved = torch.bmm(queries, attention.k_proj.weight.view(per_head))  # (heads, rows T, E)
        moved = moved.view(self._heads, lines, -1, width).transpose(0, 1).reshape(lines, -1, width)
        shares = torch.bmm(moved, states.transpose(1, 2)).softmax(-1, dtype=torch.float32)  # (lines, heads …, S)
        looked = torch.bmm(shares.to(states.dtype), states)  # (lines, heads rows/lines T, E)
        looked = looked.view(lines, self._heads, -1, width).transpose(0, 1).reshape(self._heads, -1, width)
        values = torch.bmm(looked, attention.v_proj.weight.view(per_head).transpose(1, 2))  # (heads, rows T, width)
        found = values.transpose(0, 1).reshape(rows, length, wide)
        if attention.v_proj.bias is not None:
            found = found + attention.v_proj.bias
        return attention.out_proj(found)  # type: ignore[no-any-return]


def _positions(module: Any, longest: int) -> Tensor:
    """What the decoder adds to the tokens at 0, 1, 2, …, (longest, D).

    A checkpoint loaded by transformers 5 has no numbers in its sinusoidal table (it is no weight and is made on a
    device without memory), so they are computed here.
    """
    if isinstance(module, TrOCRSinusoidalPositionalEmbedding):
        first = module.padding_idx + 1 if module.padding_idx is not None else 1
        table: Tensor = module.get_embedding(first + longest, module.embedding_dim, module.padding_idx)[first:]
    else:
        table = module.weight.detach()[module.offset : module.offset + longest]
    return table


def _single_precision(head: nn.Linear) -> nn.Module:
    """The same head; its weights may be the embedding's too, so they are copied before they are changed."""
    if head.weight.dtype == torch.float32:
        return head
    copied = nn.Linear(head.in_features, head.out_features, bias=head.bias is not None, device=head.weight.device)
    with torch.no_grad():
        copied.weight.copy_(head.weight)
        if head.bias is not None:
            copied.bias.copy_(head.bias)
    return copied
