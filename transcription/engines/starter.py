"""The bundled recogniser: a compact CTC network that reads lines offline, on a CPU or a GPU."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from transcription.engines.batching import FittedLine, batches, fit_lines
from transcription.engines.ctc_network import INPUT_HEIGHT, CtcNetwork
from transcription.engines.ctc_reader import CtcReader
from transcription.engines.decoding import Decoders
from transcription.engines.device import Precision
from transcription.engines.weights_file import load_tensors, read_description
from transcription.errors import WeightsError
from transcription.htr.ctc import greedy
from transcription.htr.ctc_forced import LineProbabilities
from transcription.htr.decoder import Decoder
from transcription.htr.records import Hints, ItemError, LineImage, ReadingRecord

MAX_WIDTH = 3_200  # input columns; wider lines are squeezed
DECODED_LINES, DECODED_FRAMES = 64, 24_000  # a beam search takes at most so many at once


@dataclass(frozen=True, slots=True)
class _Output:
    """What the network made of one line: log-probabilities (T, C) of its own columns."""

    key: int
    log_probs: NDArray[np.float32]
    milliseconds: float


class Starter:
    """Reads lines with the weights in ``weights`` (a Longhand safetensors file that names its alphabet; ``height`` and
    ``wide_as`` there say at which height in pixels the network sees a line, and at which one it would be as wide).

    ``precision``: ``auto`` reads with half-wide numbers on a GPU and on CPUs that multiply them, ``single`` with
    32-bit floats everywhere, slower and the same on every machine but for the last digits. ``batch_columns`` bounds a
    batch: rows × padded width in input columns; 0 is what suits the device.
    ``language_models`` are the files of `engines.decoding`; "greedy" decoding needs none of them and heeds no hints.
    Raises WeightsError when a file is missing, damaged or of another network or alphabet.
    """

    def __init__(
        self,
        weights: Path,
        *,
        language_models: Sequence[Path] = (),
        decoder: Literal["beam", "greedy"] = "beam",
        precision: Precision = "auto",
        max_width: int = MAX_WIDTH,
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
        height = int(description.get("height", INPUT_HEIGHT))
        self._wide_as = int(description.get("wide_as", height))
        network = CtcNetwork(len(self.alphabet) + 1, height=height)
        try:
            network.load_state_dict(load_tensors(weights))
        except RuntimeError as error:
            raise WeightsError(f"{weights} does not fit the starter's network: {error}") from error
        self.reader = CtcReader(network, device=device, precision=precision)
        self._decoders = Decoders(language_models, self.alphabet) if decoder == "beam" else None
        self._batch_columns = batch_columns or self.reader.columns
        self._max_width = max_width

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        """Readings of lines, those of like width together."""
        lines, errors = self._fitted(crops)
        yield from errors
        if self._decoders is None:
            for output in self._outputs(lines):
                yield self._greedily(output)
            return
        waiting: list[_Output] = []
        frames = 0
        for output in self._outputs(lines):
            waiting.append(output)
            frames += len(output.log_probs)
            if len(waiting) >= DECODED_LINES or frames >= DECODED_FRAMES:
                yield from _by_beam(waiting, self._decoders.decoder(hints))
                waiting, frames = [], 0
        if waiting:
            yield from _by_beam(waiting, self._decoders.decoder(hints))

    def log_probabilities(self, crops: Iterable[LineImage]) -> Iterator[LineProbabilities | ItemError]:
        """What the network says of each line, its own columns only."""
        lines, errors = self._fitted(crops)
        yield from errors
        for batch in batches(lines, self._batch_columns):
            for line, values in zip(batch, self.reader.read(batch), strict=True):
                yield LineProbabilities(line.key, values)

    def _fitted(self, crops: Iterable[LineImage]) -> tuple[list[FittedLine], list[ItemError]]:
        return fit_lines(crops, self.reader.height, self._max_width, wide_as=self._wide_as)

    def _outputs(self, lines: list[FittedLine]) -> Iterator[_Output]:
        for batch in batches(lines, self._batch_columns):
            started = time.perf_counter()
            outputs = self.reader.read(batch)
            each = (time.perf_counter() - started) * 1000 / len(batch)
            for line, output in zip(batch, outputs, strict=True):
                yield _Output(line.key, output, each)

    def _greedily(self, output: _Output) -> ReadingRecord:
        decoded = greedy(output.log_probs, self.alphabet)
        return ReadingRecord(output.key, decoded.text, decoded.chars, decoded.spans, output.milliseconds)


def _by_beam(outputs: Sequence[_Output], decoder: Decoder) -> Iterator[ReadingRecord]:
    started = time.perf_counter()
    readings = decoder.decode([output.log_probs for output in outputs])
    each = (time.perf_counter() - started) * 1000 / len(outputs)
    for output, reading in zip(outputs, readings, strict=True):
        text, chars, spans = reading.decoded.text, reading.decoded.chars, reading.decoded.spans
        yield ReadingRecord(output.key, text, chars, spans, output.milliseconds + each, reading.nbest)
