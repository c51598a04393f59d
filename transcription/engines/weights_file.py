"""Weights of our own networks as safetensors, with what is needed to use them in the file's metadata.

Tensors are stored in half precision: it halves the file and changes no reading that was measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from transcription.errors import WeightsError


def save_weights(path: Path, network: nn.Module, description: dict[str, Any]) -> None:
    """Write ``network`` and ``description`` (JSON) to ``path``, whole or not at all."""
    tensors = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous().clone()
        for name, tensor in network.state_dict().items()
    }
    partial = path.with_suffix(".partial")
    save_file(tensors, str(partial), metadata={"longhand": json.dumps(description, ensure_ascii=False)})
    partial.replace(path)


def read_description(path: Path) -> dict[str, Any]:
    """The JSON kept with the weights. Raises WeightsError when the file is missing or not one of ours."""
    try:
        with safe_open(str(path), "pt") as file:
            metadata = file.metadata() or {}
            description: dict[str, Any] = json.loads(metadata["longhand"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{path} is not a Longhand weights file ({error}); restore it from the repository or train it again."
        ) from error
    return description


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """All tensors in single precision, on the CPU."""
    try:
        with safe_open(str(path), "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path} cannot be read as safetensors: {error}.") from error
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
