from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from transcription.engines.batching import FittedLine, batches
from transcription.engines.ctc_network import INPUT_HEIGHT, STRIDE, CtcNetwork, fuse_norms
from transcription.engines.ctc_reader import CtcReader
from transcription.engines.device import Precision

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")),
]
CLASSES = 40


@pytest.fixture(scope="module")
def network() -> CtcNetwork:
    """Untrained, but with the running statistics that batches of noise leave, so that its norms do something."""
    torch.manual_seed(1)
    network = CtcNetwork(CLASSES)
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(4, 1, INPUT_HEIGHT, 128))
        network.head.weight.mul_(6)  # an untrained head says the same of everything
    return network.eval()


def lines() -> list[FittedLine]:
    rng = np.random.default_rng(2)
    widths = [200, 210, 215, 220, 224, 75, 8, 610]
    return [FittedLine(k, rng.integers(0, 256, (INPUT_HEIGHT, w), np.uint8)) for k, w in enumerate(widths)]


def probabilities(reader: CtcReader, each: FittedLine) -> NDArray[np.float32]:
    return np.exp(reader.read([each])[0])


def test_a_network_whose_norms_are_fused_says_the_same(network: CtcNetwork) -> None:
    x = torch.rand(3, 1, INPUT_HEIGHT, 160)
    with torch.inference_mode():
        before, after = network(x), fuse_norms(copy.deepcopy(network))(x)
    assert not [m for m in fuse_norms(copy.deepcopy(network)).modules() if isinstance(m, torch.nn.BatchNorm2d)]
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)


def test_fusing_changes_no_name_that_weights_on_disk_have(network: CtcNetwork) -> None:
    again = CtcNetwork(CLASSES)
    again.load_state_dict(network.state_dict())
    assert list(again.state_dict()) == list(network.state_dict())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ["auto", "single"])
def test_half_of_the_digits_change_no_probability_by_much(
    network: CtcNetwork, device: str, precision: Precision
) -> None:
    exact = CtcReader(copy.deepcopy(network), device="cpu", precision="single")
    reader = CtcReader(copy.deepcopy(network), device=device, precision=precision)
    assert next(reader._network.head.parameters()).dtype == torch.float32
    for each in lines():
        found = probabilities(reader, each)
        assert found.shape == (-(-each.width // STRIDE), CLASSES)
        assert found.sum(axis=1) == pytest.approx(1, abs=1e-3)
        assert np.abs(found - probabilities(exact, each)).max() < 0.05


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ["auto", "single"])
def test_company_changes_no_probability(network: CtcNetwork, device: str, precision: Precision) -> None:
    reader = CtcReader(copy.deepcopy(network), device=device, precision=precision)
    noise = 1e-4 if precision == "single" else 1e-2
    for batch in batches(lines(), reader.columns):
        for each, together in zip(batch, reader.read(batch), strict=True):
            np.testing.assert_allclose(np.exp(together), probabilities(reader, each), atol=noise)


def test_half_precision_of_a_gpu_holds_every_number_of_the_network(network: CtcNetwork) -> None:
    """float16 ends at 65,504: what a layer gives must stay far below, or a GPU reads nothing."""
    half = fuse_norms(copy.deepcopy(network)).half()
    half.head.float()
    largest: list[float] = []
    for module in half.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            module.register_forward_hook(lambda _module, _in, out: largest.append(float(out.abs().max())))
    with torch.inference_mode():
        assert half(torch.ones(1, 1, INPUT_HEIGHT, 64).half()).isfinite().all()
    assert max(largest) < 6_000
