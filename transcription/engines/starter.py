"""The bundled recogniser: a compact CTC network that reads lines offline on a CPU."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from transcription.engines.ctc_network import INPUT_HEIGHT, STRIDE, CtcNetwork
from transcription.engines.weights_file import load_tensors, read_description
from transcription.errors import WeightsError
from transcription.htr.ctc import greedy
from transcription.htr.ctc_forced import LineProbabilities
from transcription.htr.ink import fit_height, ink
from transcription.htr.records import Hints, ItemError, LineImage, ReadingRecord

BUCKET = 32  # input columns; a batch is as wide as its lines, rounded up to this


class Starter:
    """Reads lines with the weights in ``weights`` (a Longhand safetensors file that names its alphabet).

    ``batch_columns`` bounds a batch: rows × padded width in input columns, about 1 KB of activations a column.
    Raises WeightsError when the file is missing, damaged or of another network.
    """

    def __init__(self, weights: Path, *, batch_columns: int = 8_000, max_width: int = 3_200, threads: int = 1) -> None:
        # Two threads on two busy cores were measured at a twentieth of the speed of one: OpenMP spins at barriers.
        torch.set_num_threads(threads)
        description = read_description(weights)
        if not isinstance(description.get("alphabet"), str):
            raise WeightsError(f"{weights} names no alphabet; restore it from the repository or train it again.")
        self.alphabet: str = description["alphabet"]
        self._network = CtcNetwork(len(self.alphabet) + 1)
        try:
            self._network.load_state_dict(load_tensors(weights))
        except RuntimeError as error:
            raise WeightsError(f"{weights} does not fit the starter's network: {error}") from error
        self._network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        self._batch_columns = batch_columns
        self._max_width = max_width

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        """Greedy CTC readings; lines of like width together, each with nothing but its own columns counted."""
        prepared: list[tuple[int, np.ndarray[tuple[int, int], np.dtype[np.float32]]]] = []
        for crop in crops:
            pixels = crop.pixels
            if pixels.ndim != 2 or 0 in pixels.shape:
                yield ItemError(crop.key, "bad-crop", f"The line image has the shape {pixels.shape}, not (H, W).")
                continue
            prepared.append((crop.key, ink(fit_height(pixels, INPUT_HEIGHT, self._max_width))))
        prepared.sort(key=lambda item: item[1].shape[1])
        start = 0
        while start < len(prepared):
            # Only lines of one bucket together: padding changes what is read, and a line's company must not.
            width, end = _bucket(prepared[start][1].shape[1]), start + 1
            while (
                end < len(prepared)
                and _bucket(prepared[end][1].shape[1]) == width
                and (end + 1 - start) * width <= self._batch_columns
            ):
                end += 1
            yield from self._read(prepared[start:end])
            start = end

    def log_probabilities(self, crops: Iterable[LineImage]) -> Iterator[LineProbabilities | ItemError]:
        """What the network says of each line, as wide as its bucket when it runs and as its own columns when given."""
        for crop in crops:
            if crop.pixels.ndim != 2 or 0 in crop.pixels.shape:
                yield ItemError(crop.key, "bad-crop", f"The line image has the shape {crop.pixels.shape}, not (H, W).")
                continue
            image = ink(fit_height(crop.pixels, INPUT_HEIGHT, self._max_width))
            padded = torch.zeros(1, 1, INPUT_HEIGHT, _bucket(image.shape[1]))
            padded[0, 0, :, : image.shape[1]] = torch.from_numpy(image)
            with torch.inference_mode():
                output = self._network(padded.contiguous(memory_format=torch.channels_last))[0]  # (W/4, classes)
            yield LineProbabilities(crop.key, output[: -(-image.shape[1] // STRIDE)].numpy())

    def _read(
        self, batch: list[tuple[int, np.ndarray[tuple[int, int], np.dtype[np.float32]]]]
    ) -> Iterator[ReadingRecord]:
        started = time.perf_counter()
        width = _bucket(batch[-1][1].shape[1])
        images = torch.zeros(len(batch), 1, INPUT_HEIGHT, width)
        for row, (_, image) in enumerate(batch):
            images[row, 0, :, : image.shape[1]] = torch.from_numpy(image)
        with torch.inference_mode():
            output = self._network(images.contiguous(memory_format=torch.channels_last)).numpy()  # (B, W/4, classes)
        each = (time.perf_counter() - started) * 1000 / len(batch)
        for row, (key, image) in enumerate(batch):
            decoded = greedy(output[row, : -(-image.shape[1] // STRIDE)], self.alphabet)
            yield ReadingRecord(key, decoded.text, decoded.chars, decoded.spans, each)


def _bucket(width: int) -> int:
    return -(-width // BUCKET) * BUCKET
