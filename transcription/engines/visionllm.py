"""Vision encoder → learned projection → a language model in llama.cpp that is fed with raw embeddings.

A line's sequence is ``<s> image <read> text </s>``: the image is one embedding for each column of the encoder that
shows something (`vision_projection`), filled up with blanks to a multiple of `image_length`'s step, and the text is
written greedily, all lines of a group by one decode each step.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from transcription.engines.batching import FittedLine, batches, fit_lines
from transcription.engines.characters import BEGIN, BLANK, END, READ, SIGNS, UNKNOWN
from transcription.engines.ctc_network import INPUT_HEIGHT
from transcription.engines.ctc_reader import CtcReader
from transcription.engines.device import Precision
from transcription.engines.llama_runtime import LlamaContext, LlamaModel, log_probabilities
from transcription.engines.vision_projection import Positions, compressed, image_length
from transcription.engines.vision_stack import VisionStack
from transcription.htr.ctc import tidy
from transcription.htr.records import Hints, ItemError, LineImage, ReadingRecord, TextScores, Usage
from transcription.htr.text import normalised
from transcription.htr.text_places import spans_of

MAX_WIDTH = 3_200  # input columns; wider lines are squeezed
_ROWS = 2_048  # positions of one decode, and rows of logits a decode may be asked for
_SPARE = 12  # characters a text may have beyond the positions of its image
_LONGEST_PERIOD = 12  # characters that may repeat
_SIGNS = [token for token in range(len(SIGNS)) if token != END]  # never written
_NEVER = math.log(1e-6)  # of a character that the model cannot write


@dataclass(slots=True)
class _Line:
    """A line on its way: what it is to the language model and what that has written so far."""

    key: int
    seen: Positions
    embeddings: NDArray[np.float32]  # (N, D)
    milliseconds: float
    tokens: list[int] = field(default_factory=list)
    chances: list[float] = field(default_factory=list)

    @property
    def start(self) -> int:
        """The position of the text's first token."""
        return image_length(len(self.seen)) + 2


class VisionLlm:
    """Reads lines with the stack in ``model`` (see `vision_stack`).

    ``precision`` is the encoder's, as the starter's; the language model's keys and values are always kept in single
    precision. ``sequences`` texts of up to ``length`` positions are decoded side by side. ``batch_columns`` bounds a
    batch of the encoder: rows × padded width in input columns; 0 is what suits the device.
    Raises WeightsError when a file is missing, damaged, or does not belong to the others.
    """

    def __init__(
        self,
        model: Path,
        *,
        precision: Precision = "auto",
        max_width: int = MAX_WIDTH,
        length: int = 512,
        sequences: int = 16,
        batch_columns: int = 0,
        device: str = "auto",
        threads: int = 1,
    ) -> None:
        torch.set_num_threads(threads)
        self._stack = VisionStack(model)
        self._vocabulary = self._stack.vocabulary
        self.alphabet = self._vocabulary.alphabet
        self._reader = CtcReader(self._stack.network, device=device, precision=precision)
        self._batch_columns = batch_columns or self._reader.columns
        self._max_width, self._length, self._sequences, self._threads = max_width, length, sequences, threads
        self._on_gpu = self._reader.device.type == "cuda"
        self._llama: tuple[LlamaModel, LlamaContext] | None = None
        self._context()  # a language model that does not fit is found now, not at the first line

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        """Readings of lines, those of like width together; hints are not heeded."""
        lines, errors = fit_lines(crops, INPUT_HEIGHT, self._max_width)
        yield from errors
        seen = self._seen(lines)
        while group := list(itertools.islice(seen, self._sequences)):
            able, failed = self._able(group)
            yield from failed
            if able:
                started = time.perf_counter()
                self._write(able)
                each = (time.perf_counter() - started) * 1000 / len(able)
                for line in able:
                    yield self._reading(line, each)

    def score(self, crops: Sequence[LineImage], texts: Sequence[str]) -> Iterator[TextScores | ItemError]:
        """How probable ``texts`` are: each is fed after its line's image, in one decode for a group of lines."""
        wanted = {crop.key: text for crop, text in zip(crops, texts, strict=True)}
        lines, errors = fit_lines(crops, INPUT_HEIGHT, self._max_width)
        yield from errors
        waiting: list[_Line] = []
        for line in self._seen(lines):
            line.tokens = [token for token in self._encoded(wanted[line.key]) if token != UNKNOWN]
            able, failed = self._able([line])
            yield from failed
            rows = sum(len(each.tokens) + 1 for each in [*waiting, *able])
            if waiting and (len(waiting) == self._sequences or rows > _ROWS):
                yield from self._scores(waiting, wanted)
                waiting = []
            waiting += able
        if waiting:
            yield from self._scores(waiting, wanted)

    def release(self) -> None:
        """Give the language model's memory back; the next line loads it again."""
        if self._llama:
            model, context = self._llama
            self._llama = None
            context.close()
            model.close()

    def _context(self) -> LlamaContext:
        if self._llama is None:
            model = LlamaModel(self._stack.language_model, n_gpu_layers=-1 if self._on_gpu else 0)
            self._stack.check_language_model(model.n_vocab, model.n_embd)
            context = LlamaContext(
                model,
                sequences=self._sequences,
                length=min(self._length, model.trained_length),
                batch=_ROWS,
                rows=_ROWS,
                threads=self._threads,
                exact=True,
            )
            self._llama = model, context
        return self._llama[1]

    def _seen(self, lines: list[FittedLine]) -> Iterator[_Line]:
        for batch in batches(lines, self._batch_columns):
            started = time.perf_counter()
            seen = [compressed(*output) for output in self._reader.encode(batch)]
            with torch.inference_mode():  # line by line would take as many calls as lines
                projected = self._stack.projection(torch.from_numpy(np.concatenate([each.values for each in seen])))
            rows = np.split(projected.numpy(), np.cumsum([len(each) for each in seen])[:-1])
            each = (time.perf_counter() - started) * 1000 / len(batch)
            for line, positions, embeddings in zip(batch, seen, rows, strict=True):
                yield _Line(line.key, positions, embeddings, each)

    def _able(self, lines: Iterable[_Line]) -> tuple[list[_Line], list[ItemError]]:
        """The lines that find room in the context with the text they have or may get, and errors for the others."""
        able, failed = [], []
        for line in lines:
            needed = line.start + max(len(line.tokens), len(line.seen) + _SPARE)
            if needed <= self._context().length:
                able.append(line)
            else:
                message = (
                    f"The line shows {len(line.seen)} characters; the engine has room for {self._length} positions."
                )
                failed.append(ItemError(line.key, "context-full", message))
        return able, failed

    def _show(self, lines: Sequence[_Line]) -> NDArray[np.float32]:
        """Put images before the language model; logits (B, tokens) of what follows each."""
        context = self._context()
        numbers = range(len(lines))
        for number in numbers:
            context.clear(number)
        context.decode_tokens([BEGIN] * len(lines), [0] * len(lines), numbers)
        for number, line in enumerate(lines):
            if len(line.seen):
                context.decode_embeddings(line.embeddings, range(1, 1 + len(line.seen)), [number] * len(line.seen))
        tokens: list[int] = []
        positions: list[int] = []
        sequences: list[int] = []
        asked: list[int] = []
        for number, line in enumerate(lines):
            fill = range(1 + len(line.seen), line.start)
            tokens += [BLANK] * (len(fill) - 1) + [READ]
            positions += fill
            sequences += [number] * len(fill)
            asked.append(len(tokens) - 1)
        return context.decode_tokens(tokens, positions, sequences, asked)

    def _write(self, lines: Sequence[_Line]) -> None:
        """Fill in the lines' tokens and their probabilities."""
        context = self._context()
        logits = self._show(lines)
        running = list(range(len(lines)))
        while running:
            found = log_probabilities(logits)
            logits[:, _SIGNS] = -np.inf
            best = logits.argmax(1)
            going = []
            for row, number in enumerate(running):
                token, line = int(best[row]), lines[number]
                if token != END:
                    line.tokens.append(token)
                    line.chances.append(float(np.exp(found[row, token])))
                    if not _is_enough(line.tokens, len(line.seen)):
                        going.append(number)
            running = going
            if running:
                logits = context.decode_tokens(
                    [lines[number].tokens[-1] for number in running],
                    [lines[number].start + len(lines[number].tokens) - 1 for number in running],
                    running,
                    range(len(running)),
                )

    def _reading(self, line: _Line, milliseconds: float) -> ReadingRecord:
        text = self._vocabulary.decode(line.tokens)
        best = line.seen.values[:, 1 : len(self.alphabet) + 1].argmax(1) if len(line.seen) else ()
        seen = "".join(self.alphabet[place] for place in best)
        spans = spans_of(text, seen, line.seen.columns.tolist(), line.seen.width)
        made = tidy(text, line.chances, spans)
        usage = Usage(line.start, len(line.tokens))
        return ReadingRecord(line.key, made.text, made.chars, made.spans, line.milliseconds + milliseconds, usage=usage)

    def _scores(self, lines: Sequence[_Line], wanted: Mapping[int, str]) -> Iterator[TextScores]:
        context = self._context()
        first = log_probabilities(self._show(lines))  # (B, tokens): what each text begins with
        tokens = [token for line in lines for token in line.tokens]
        positions = [line.start + place for line in lines for place in range(len(line.tokens))]
        sequences = [number for number, line in enumerate(lines) for _ in line.tokens]
        after = log_probabilities(context.decode_tokens(tokens, positions, sequences, range(len(tokens))))
        rows = np.split(after, np.cumsum([len(line.tokens) for line in lines])[:-1])
        for number, line in enumerate(lines):
            expected = np.concatenate((first[number : number + 1], rows[number]))  # (N + 1, tokens)
            fed = iter(expected[np.arange(len(line.tokens)), line.tokens].tolist())
            text = wanted[line.key]
            chars = tuple(_NEVER if token == UNKNOWN else next(fed) for token in self._encoded(text))
            yield TextScores(line.key, text, chars, float(expected[-1, END]))

    def _encoded(self, text: str) -> list[int]:
        """One token a character; one outside the alphabet is taken for its plain form where that is one character."""
        return [self._vocabulary.encode(char if char in self.alphabet else _plain(char))[0] for char in text]


def _plain(char: str) -> str:
    plain = normalised(char)
    return plain if len(plain) == 1 else char


def _is_enough(tokens: Sequence[int], seen: int) -> bool:
    """Whether a text is longer than its image can say, or began to repeat itself beyond that."""
    if len(tokens) >= seen + _SPARE:
        return True
    return len(tokens) > seen and any(
        tokens[-3 * period :] == [*tokens[-period:]] * 3
        for period in range(1, min(_LONGEST_PERIOD, len(tokens) // 3) + 1)
    )
