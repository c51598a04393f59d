"""The bundled recogniser: a compact CTC network that reads lines offline, on a CPU or a GPU."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from transcription.engines.batching import FittedLine, batches, fit_lines
from transcription.engines.ctc_network import INPUT_HEIGHT, CtcNetwork
from transcription.engines.ctc_reader import CtcReader
from transcription.engines.device import Precision
from transcription.engines.weights_file import load_tensors, read_description
from transcription.errors import WeightsError
from transcription.htr.ctc import greedy
from transcription.htr.ctc_forced import LineProbabilities
from transcription.htr.records import Hints, ItemError, LineImage, ReadingRecord


class Starter:
    """Reads lines with the weights in ``weights`` (a Longhand safetensors file that names its alphabet).

    ``precision``: ``auto`` reads with half-wide numbers on a GPU and on CPUs that multiply them, ``single`` with
    32-bit floats everywhere, slower and the same on every machine but for the last digits. ``batch_columns`` bounds a
    batch: rows × padded width in input columns; 0 is what suits the device.
    Raises WeightsError when the file is missing, damaged or of another network.
    """

    def __init__(
        self,
        weights: Path,
        *,
        precision: Precision = "auto",
        max_width: int = 3_200,
        batch_columns: int = 0,
        device: str = "auto",
        threads: int = 1,
    ) -> None:
        # Two threads on two busy cores were measured at a twentieth of the speed of one: OpenMP spins at barriers.
        torch.set_num_threads(threads)
        description = read_description(weights)
        if not isinstance(description.get("alphabet"), str):
            raise WeightsError(f"{weights} names no alphabet; restore it from the repository or train it again.")
        self.alphabet: str = description["alphabet"]
        network = CtcNetwork(len(self.alphabet) + 1)
        try:
            network.load_state_dict(load_tensors(weights))
        except RuntimeError as error:
            raise WeightsError(f"{weights} does not fit the starter's network: {error}") from error
        self.reader = CtcReader(network, device=device, precision=precision)
        self._batch_columns = batch_columns or self.reader.columns
        self._max_width = max_width

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        """Greedy CTC readings, lines of like width together."""
        lines, errors = fit_lines(crops, INPUT_HEIGHT, self._max_width)
        yield from errors
        for batch in batches(lines, self._batch_columns):
            yield from self._read(batch)

    def log_probabilities(self, crops: Iterable[LineImage]) -> Iterator[LineProbabilities | ItemError]:
        """What the network says of each line, its own columns only."""
        lines, errors = fit_lines(crops, INPUT_HEIGHT, self._max_width)
        yield from errors
        for batch in batches(lines, self._batch_columns):
            for line, values in zip(batch, self.reader.read(batch), strict=True):
                yield LineProbabilities(line.key, values)

    def _read(self, batch: list[FittedLine]) -> Iterator[ReadingRecord]:
        started = time.perf_counter()
        outputs = self.reader.read(batch)
        each = (time.perf_counter() - started) * 1000 / len(batch)
        for line, output in zip(batch, outputs, strict=True):
            decoded = greedy(output, self.alphabet)
            yield ReadingRecord(line.key, decoded.text, decoded.chars, decoded.spans, each)
