"""From line images to a CTC network's log-probabilities: batched, on the device and in the numbers that suit it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from transcription.engines.batching import FittedLine
from transcription.engines.ctc_network import STRIDE, CtcNetwork, fuse_norms
from transcription.engines.device import Precision, choose_device, number_type
from transcription.htr.ink import ink

# Input columns in a batch, padding included: beyond these a bigger batch was no faster (CPU), or memory is better left
# to other engines (GPU). A column takes about 2 KB.
CPU_COLUMNS, GPU_COLUMNS = 16_000, 256_000


class CtcReader:
    """Runs ``network`` (which is changed: it can no longer be trained) on ``device`` with numbers of ``precision``.

    The head and the softmax stay in single precision whatever the rest runs in: logits in bfloat16 tie, and which of
    two characters then wins depends on a line's company in its batch (measured: 13 texts of 200; so none).
    """

    def __init__(self, network: CtcNetwork, *, device: str = "auto", precision: Precision = "auto") -> None:
        self.device = choose_device(device)
        self.numbers = number_type(self.device, precision)
        self.columns = GPU_COLUMNS if self.device.type == "cuda" else CPU_COLUMNS
        if self.device.type == "cuda" and precision == "single":
            torch.backends.cudnn.allow_tf32 = False  # else convolutions keep ten bits of twenty-three
        self.height = network.height
        self._network = fuse_norms(network.eval()).to(self.device, self.numbers)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        self._network.head.float()

    def read(self, batch: Sequence[FittedLine]) -> list[NDArray[np.float32]]:
        """Natural logarithms of probabilities (T, C), blank first, for each line of one bucket, in the order given.

        T counts only the steps that show the line, not its padding.
        """
        output = self.forward(self.images(batch))
        return [output[row, : -(-line.width // STRIDE)] for row, line in enumerate(batch)]

    def encode(self, batch: Sequence[FittedLine]) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """As ``read``, with the features that the network's head saw, (T, F), beside each line's log-probabilities."""
        with torch.inference_mode():
            log_probs, features = (each.cpu().numpy() for each in self._network.encode(self._there(self.images(batch))))
        steps = [-(-line.width // STRIDE) for line in batch]
        return [(log_probs[row, :count], features[row, :count]) for row, count in enumerate(steps)]

    def images(self, batch: Sequence[FittedLine]) -> Tensor:
        """The lines of one bucket as the network's input, (B, 1, height, bucket) float32, where a GPU can fetch it."""
        pinned = self.device.type == "cuda"
        images = torch.zeros(len(batch), 1, self.height, batch[0].bucket, pin_memory=pinned)
        view = images.numpy()
        for row, line in enumerate(batch):
            view[row, 0, :, : line.width] = ink(line.pixels)
        return images

    def forward(self, images: Tensor) -> NDArray[np.float32]:
        """(B, 1, height, W) → log-probabilities (B, W/4, C): the bare work of the network, transfers included."""
        with torch.inference_mode():
            output: NDArray[np.float32] = self._network(self._there(images)).cpu().numpy()
        assert output.shape[:2] == (images.shape[0], images.shape[3] // STRIDE), output.shape
        return output

    def _there(self, images: Tensor) -> Tensor:
        return images.to(self.device, self.numbers, non_blocking=True, memory_format=torch.channels_last)
