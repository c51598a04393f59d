"""Where a network runs and with which numbers, decided once when its engine is built."""

from __future__ import annotations

from typing import Literal

import torch

from transcription.errors import EngineFailure

Precision = Literal["auto", "single"]


def choose_device(wanted: str) -> torch.device:
    """``auto`` is the GPU where there is one; else a name of torch's (``cpu``, ``cuda``, ``cuda:1``).

    Raises EngineFailure when a GPU is asked for and this machine has none that torch can use.
    """
    found = torch.cuda.is_available()
    if wanted == "auto":
        return torch.device("cuda" if found else "cpu")
    device = torch.device(wanted)
    if device.type == "cuda" and not found:
        raise EngineFailure(f"The device “{wanted}” is asked for, but torch finds no GPU here; set it to auto or cpu.")
    return device


def number_type(device: torch.device, precision: Precision) -> torch.dtype:
    """The numbers to multiply with: half as wide as single precision wherever the device is faster with them.

    On a GPU these are float16, finer than bfloat16 and as fast on every generation. On a CPU they are bfloat16 where it
    has instructions for it (twice as fast); without them bfloat16 takes six to ten times as long as single precision.
    """
    if precision == "single":
        return torch.float32
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if device.type == "cpu" and multiplies_bfloat16() else torch.float32


def multiplies_bfloat16() -> bool:
    """Whether this CPU has instructions that multiply bfloat16 (AVX512-BF16 or AMX)."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
