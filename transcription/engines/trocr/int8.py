"""Linear layers that multiply whole numbers of eight bits: for CPUs, of which many do that several times as fast.

Weights have one scale a row of outputs, fixed when a layer is made; inputs one a token, found as they come. Sums of
whole numbers are exact in any order, and no scale looks at another token, so a line's company in its batch changes
nothing here. torch.ao's quantize_dynamic, which gives all tokens of a batch one scale, is deprecated besides.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

MOST = 127
CHUNK = 256  # tokens at a time, so that what is between two steps stays in the processor's cache


class Int8Linear(nn.Module):
    """Reads like ``linear``, whose weights it rounds. ``many``: whether inputs are hundreds of tokens or a few, for
    which weights lie in memory in different orders (measured: two and a half times as fast)."""

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, linear: nn.Linear, *, many: bool) -> None:
        super().__init__()
        weight = linear.weight.detach().float()  # (N, K)
        scale = weight.abs().amax(1).clamp(min=1e-12) / MOST
        whole = (weight / scale[:, None]).round().to(torch.int8).t()
        self.register_buffer("weight", whole.contiguous() if many else whole)  # (K, N)
        self.register_buffer("scale", scale)
        bias: Tensor | None = linear.bias  # torch's types do not know that it may be missing
        self.register_buffer("bias", None if bias is None else bias.detach().float())

    def forward(self, x: Tensor) -> Tensor:
        """float32 (…, K) → (…, N)."""
        tokens = x.reshape(-1, x.shape[-1])
        result = torch.empty(len(tokens), self.weight.shape[1])
        for some, into in zip(torch.split(tokens, CHUNK), torch.split(result, CHUNK), strict=True):
            scale = some.abs().amax(1, keepdim=True).clamp_(min=1e-12) / MOST
            whole = (some / scale).round_().to(torch.int8)
            into.copy_(torch._int_mm(whole, self.weight)).mul_(self.scale).mul_(scale)
            if self.bias is not None:
                into.add_(self.bias)
        return result.view(*x.shape[:-1], -1)


def quantise_encoder(network: Any) -> None:
    """Round the linear layers of the encoder's blocks, in place."""
    for layer in _layers_of(network.encoder):
        _replace(layer, many=True, leave=())


def quantise_decoder(network: Any) -> nn.Module:
    """Round those of TrOCR's decoder, in place; its head comes back apart.

    What multiplies the encoder's states into keys and values stays as it is: see ``decoder``.
    """
    for layer in network.decoder.model.decoder.layers:
        _replace(layer, many=False, leave=(layer.encoder_attn.k_proj, layer.encoder_attn.v_proj))
    return Int8Linear(network.decoder.output_projection, many=False)


def _layers_of(encoder: nn.Module) -> list[nn.Module]:
    """The blocks of an encoder: its largest list of modules of one class, else all of it."""
    lists = [list(module) for module in encoder.modules() if isinstance(module, nn.ModuleList) and len(module)]
    return max(lists, key=lambda blocks: sum(p.numel() for b in blocks for p in b.parameters()), default=[encoder])


def _replace(module: nn.Module, *, many: bool, leave: tuple[nn.Module, ...]) -> None:
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Linear):
            if child not in leave:
                setattr(module, name, Int8Linear(child, many=many))
        else:
            _replace(child, many=many, leave=leave)
