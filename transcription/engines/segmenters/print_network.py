"""Tells print from handwriting by the image of a line: a small convolutional network over windows of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from transcription.engines.segmenters.line_input import Floats, network_input
from transcription.engines.weights_file import load_tensors, read_description
from transcription.errors import WeightsError
from transcription.htr.records import Gray

HEIGHT, WINDOW = 32, 128  # input pixels
MOST_WINDOWS = 6  # looked at in a line, spread over it
WIDTHS = (16, 32, 48, 64)
KIND = "print"


class PrintNetwork(nn.Module):
    """Windows (B, 1, 32, 128) of line images to logits (B,): above 0, print."""

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((1, *widths), widths, strict=False):
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
            layers += [nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * widths[-1], 1))

    def forward(self, windows: Tensor) -> Tensor:
        found = self.features(windows)
        found = torch.cat([found.mean(dim=(2, 3)), found.amax(dim=(2, 3))], dim=1)
        logits: Tensor = self.head(found)[:, 0]
        return logits


def windows_of(line: Gray) -> Floats:
    """The windows (N, 32, 128) of a line image (H, W), ink positive; a short line is filled up with paper."""
    width = max(8, round(line.shape[1] * HEIGHT / line.shape[0]))
    values = network_input(cv2.resize(line, (width, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False))
    if width < WINDOW:
        values = np.pad(values, ((0, 0), (0, WINDOW - width)))
    count = min(MOST_WINDOWS, -(-values.shape[1] // WINDOW))
    starts = np.linspace(0, values.shape[1] - WINDOW, count).round().astype(int)
    return np.stack([values[:, start : start + WINDOW] for start in starts])


class PrintDetector:
    """The network with its weights. Raises WeightsError when the file is missing or another network's."""

    def __init__(self, weights: Path) -> None:
        if read_description(weights).get("kind") != KIND:
            raise WeightsError(f"{weights} does not tell print from handwriting; restore it from the repository.")
        self._network = PrintNetwork()
        try:
            self._network.load_state_dict(load_tensors(weights))
        except RuntimeError as error:
            raise WeightsError(f"{weights} does not fit the network: {error}") from error
        self._network.eval()

    def chances(self, lines: Sequence[Gray]) -> list[float]:
        """The chance that each line image (64, W) is print: the mean over its windows, as logits."""
        if not lines:
            return []
        windows = [windows_of(line) for line in lines]
        with torch.inference_mode():
            logits = self._network(torch.from_numpy(np.concatenate(windows)[:, None])).numpy()
        ends = np.cumsum([len(each) for each in windows])
        means = [float(part.mean()) for part in np.split(logits, ends[:-1])]
        return [float(1 / (1 + np.exp(-np.clip(mean, -30, 30)))) for mean in means]
