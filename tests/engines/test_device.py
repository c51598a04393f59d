from __future__ import annotations

import pytest
import torch

from transcription.engines.device import choose_device, multiplies_bfloat16, number_type
from transcription.errors import EngineFailure

with_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")


@without_gpu
def test_without_a_gpu_auto_is_the_cpu() -> None:
    assert choose_device("auto").type == "cpu"


@without_gpu
def test_a_gpu_that_is_not_there_is_said_in_a_sentence() -> None:
    with pytest.raises(EngineFailure, match="finds no GPU here; set it to auto or cpu"):
        choose_device("cuda:1")


@with_gpu
def test_with_a_gpu_auto_is_the_gpu_and_cpu_still_the_cpu() -> None:
    assert choose_device("auto").type == "cuda"
    assert choose_device("cpu").type == "cpu"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_single_precision_is_single_everywhere(device: str) -> None:
    assert number_type(torch.device(device), "single") == torch.float32


def test_a_gpu_halves_its_numbers() -> None:
    assert number_type(torch.device("cuda"), "auto") == torch.float16


@pytest.mark.parametrize(
    ("able", "numbers"),
    [
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_a_cpu_halves_them_only_where_it_multiplies_them(
    able: dict[str, bool], numbers: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert multiplies_bfloat16() == (numbers == torch.bfloat16)
    assert number_type(torch.device("cpu"), "auto") == numbers
