"""The engine `trocr`: reads lines with a vision encoder-decoder that was brought as a transformers checkpoint."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from transcription.engines import memory
from transcription.engines.batching import bad_crop
from transcription.engines.device import choose_device
from transcription.engines.trocr.checkpoint import load_checkpoint
from transcription.engines.trocr.network import Network, TrocrPrecision
from transcription.engines.trocr.search import EarlyStopping, Found, Rules
from transcription.engines.trocr.spelling import Spelling, Spelt, stored
from transcription.errors import EngineFailure, OutOfMemory
from transcription.htr.records import Hints, Hypothesis, ItemError, LineImage, ReadingRecord, TextScores, Usage

# In a batch; estimates: each step reads all of the decoder's weights, so the more lines share that the better, but what
# is kept for each is memory, some ten megabytes in single precision.
CPU_LINES, GPU_LINES = 16, 256
# Estimates: a dense hand writes six letters in a width that equals the line's height, and a letter takes a token at
# most but for rare signs; the shortest lines need room too.
TOKENS_A_SQUARE, TOKENS_MORE = 8, 16

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Pair:
    """A text to be scored on a line: its tokens, the end included."""

    line: LineImage
    text: str
    tokens: tuple[int, ...]
    spelt: Spelt


class TrOcr:
    """Reads lines with the checkpoint in the folder ``model`` (any VisionEncoderDecoder of transformers 5, as
    safetensors).

    ``precision``: "auto" takes half-wide numbers where the device multiplies them (see `engines.device`), "single"
    32-bit floats, "int8" whole numbers of eight bits (CPUs only), "bfloat16" and "float16" (GPUs only) just these.
    ``beams`` > 1 weighs several texts a line, which come as the reading's n-best. ``max_new_tokens`` 0 goes by a line's
    width. ``stop_repeats``: a text is given up after so many tokens of one stretch over and over; 0 never does.
    ``batch_lines`` 0 is what suits the device. ``compile`` compiles the encoder, which pays on GPUs after some minutes.
    Reading and scoring raise OutOfMemory where a batch does not fit; `engines.halving` then asks for fewer lines.

    Raises WeightsError when the folder is no whole checkpoint, EngineFailure when the device cannot do what is asked.
    """

    def __init__(
        self,
        model: Path,
        *,
        precision: TrocrPrecision = "auto",
        beams: int = 1,
        length_penalty: float = 1.0,
        early_stopping: EarlyStopping = "no",
        min_new_tokens: int = 0,
        max_new_tokens: int = 0,
        stop_repeats: int = 16,
        batch_lines: int = 0,
        compile: bool = False,
        device: str = "auto",
        threads: int = 1,
    ) -> None:
        if not 1 <= beams <= 32:
            raise EngineFailure(f"trocr is asked for {beams} beams; it searches with 1 to 32.")
        if min(batch_lines, min_new_tokens, max_new_tokens, stop_repeats) < 0:
            raise EngineFailure("trocr is asked for a negative number of lines or tokens; 0 leaves a limit to it.")
        torch.set_num_threads(threads)  # see `engines.starter`
        self._folder, self._precision, self._compile = Path(model), precision, compile
        self._device = choose_device(device)
        self._beams, self._length_penalty, self._early_stopping = beams, length_penalty, early_stopping
        self._least, self._most, self._repeats = min_new_tokens, max_new_tokens, stop_repeats
        self._batch_lines = batch_lines or (GPU_LINES if self._device.type == "cuda" else CPU_LINES)
        self._loaded: Network | None = None
        self._spelling: Spelling | None = None
        self._network()

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        """Readings of lines, the short ones first. Texts that came with a line are weighed beside its own."""
        lines, errors = _readable(crops)
        yield from errors
        yield from self._in_batches(lines, self._read, lambda line: line)

    def score(self, crops: Sequence[LineImage], texts: Sequence[str]) -> Iterator[TextScores | ItemError]:
        """How probable each text is on the crop beside it: one pass of the encoder a crop, one of the decoder a text.

        A token's logarithm stands at the last character it completes. A text that this checkpoint's tokenizer cannot
        write, or that is longer than its network reads, is an ItemError.
        """
        pairs: list[_Pair] = []
        for crop, text in zip(crops, texts, strict=True):
            found = bad_crop(crop) or self._pair(crop, text)
            if isinstance(found, ItemError):
                yield found
            else:
                pairs.append(found)
        yield from self._in_batches(pairs, self._score, lambda pair: pair.line)

    def release(self) -> None:
        """Give the weights' memory back; the next use loads them again."""
        self._loaded = self._spelling = None
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _network(self) -> Network:
        if self._loaded is None:
            checkpoint = load_checkpoint(self._folder)
            self._loaded = Network(checkpoint, self._device, self._precision, compiled=self._compile)
            self._spelling = Spelling(checkpoint.tokenizer)
        return self._loaded

    def _words(self) -> Spelling:
        self._network()
        assert self._spelling is not None
        return self._spelling

    def _in_batches(
        self,
        items: Sequence[Item],
        work: Callable[[Sequence[Item]], list[Result]],
        line_of: Callable[[Item], LineImage],
    ) -> Iterator[Result]:
        """Do ``work`` on items of like length together."""
        waiting = sorted(items, key=lambda item: tokens_for(line_of(item)))
        for at in range(0, len(waiting), self._batch_lines):
            batch = waiting[at : at + self._batch_lines]
            try:
                results = work(batch)
            except (MemoryError, RuntimeError) as error:
                if memory.ran_out(error):
                    raise OutOfMemory(f"The network had not enough memory for {len(batch)} lines: {error}") from error
                raise EngineFailure(f"The network failed on {len(batch)} lines: {error}") from error
            yield from results

    def _read(self, lines: Sequence[LineImage]) -> list[ReadingRecord | ItemError]:
        started = time.perf_counter()
        network = self._network()
        encoded = network.encode(lines)
        longest = [min(self._most or tokens_for(line), network.longest) for line in lines]
        rules = Rules(
            network.signs.start,
            network.signs.ends,
            self._beams,
            self._length_penalty,
            self._early_stopping,
            self._least,
            self._repeats,
        )
        found = network.search(encoded, longest, rules)
        weighed = self._weigh(network, encoded, lines)
        each = (time.perf_counter() - started) * 1000 / len(lines)
        return [
            self._record(line, texts, others, each) for line, texts, others in zip(lines, found, weighed, strict=True)
        ]

    def _weigh(
        self, network: Network, encoded: torch.Tensor, lines: Sequence[LineImage]
    ) -> list[list[tuple[str, float]]]:
        """The texts that came with each line with the natural logarithm of their probability, those that cannot be
        written left out."""
        pairs = [(row, pair) for row, line in enumerate(lines) for pair in self._pairs(line)]
        weighed: list[list[tuple[str, float]]] = [[] for _ in lines]
        for at in range(0, len(pairs), self._batch_lines):
            some = pairs[at : at + self._batch_lines]
            scores = network.forced(encoded, [row for row, _ in some], [pair.tokens for _, pair in some])
            for (row, pair), log_probs in zip(some, scores, strict=True):
                weighed[row].append((stored(pair.text, [0.0] * len(pair.text))[0], sum(log_probs)))
        return weighed

    def _pairs(self, line: LineImage) -> Iterator[_Pair]:
        for text in dict.fromkeys(line.texts):
            found = self._pair(line, text)
            if isinstance(found, _Pair):
                yield found

    def _pair(self, line: LineImage, text: str) -> _Pair | ItemError:
        network, spelling = self._network(), self._words()
        tokens = spelling.spell(text)
        if tokens is None:
            message = f"This model's tokenizer has no way to write “{text[:80]}”."
            return ItemError(line.key, "cannot-spell", message)
        if len(tokens) + 1 > network.longest:
            message = f"The text takes {len(tokens)} tokens; this model reads at most {network.longest - 1} on a line."
            return ItemError(line.key, "too-long", message)
        return _Pair(line, text, (*tokens, network.signs.ends[0]), spelling.read(tokens))

    def _score(self, pairs: Sequence[_Pair]) -> list[TextScores | ItemError]:
        network = self._network()
        crops = list({id(pair.line.pixels): pair.line for pair in pairs}.values())  # the encoder looks at each once
        rows = {id(crop.pixels): row for row, crop in enumerate(crops)}
        scores = network.forced(
            network.encode(crops), [rows[id(pair.line.pixels)] for pair in pairs], [pair.tokens for pair in pairs]
        )
        return [_text_scores(pair, log_probs) for pair, log_probs in zip(pairs, scores, strict=True)]

    def _record(
        self, line: LineImage, found: Sequence[Found], others: Sequence[tuple[str, float]], milliseconds: float
    ) -> ReadingRecord | ItemError:
        if not found or not math.isfinite(found[0].total):
            return ItemError(line.key, "no-numbers", "The network's output is no number; its weights may be damaged.")
        read = [self._text(each) for each in found]
        text, chars = read[0]
        own = [(spelt, each.total) for (spelt, _), each in zip(read, found, strict=True)]
        # Another text counts once: found by the search, it has its place already.
        known = {spelt for spelt, _ in own}
        nbest = shares(text, [*own, *(each for each in others if each[0] not in known)])
        usage = Usage(tokens_out=sum(len(each.tokens) for each in found[:1]))
        return ReadingRecord(line.key, text, chars, (), milliseconds, nbest, usage)

    def _text(self, found: Found) -> tuple[str, tuple[float, ...]]:
        spelling = self._words()
        kept = [
            (token, value)
            for token, value in zip(found.tokens, found.log_probs, strict=True)
            if spelling.is_text(token)
        ]
        values = [value for _, value in kept]
        spelt = spelling.read([token for token, _ in kept])
        return stored(spelt.text, spelt.scores(values))


def tokens_for(line: LineImage) -> int:
    """How many tokens a line of this shape may take at most."""
    height, width = line.pixels.shape
    return TOKENS_MORE + int(TOKENS_A_SQUARE * width / height)


def shares(first: str, weighed: Sequence[tuple[str, float]]) -> tuple[Hypothesis, ...]:
    """Texts and the logarithms of their probabilities as shares that sum up to one, ``first`` first, then the most
    probable; a text that comes in several ways has them together. None for one text: there was nothing to weigh."""
    most = max(total for _, total in weighed)
    beliefs: dict[str, float] = {}
    for text, total in weighed:
        beliefs[text] = beliefs.get(text, 0.0) + math.exp(total - most)
    if len(beliefs) < 2:
        return ()
    whole = sum(beliefs.values())
    order = sorted(beliefs, key=lambda text: (text != first, -beliefs[text]))
    return tuple(Hypothesis(text, beliefs[text] / whole) for text in order)


def _text_scores(pair: _Pair, log_probs: Sequence[float]) -> TextScores | ItemError:
    if not all(math.isfinite(value) for value in log_probs):
        return ItemError(pair.line.key, "no-numbers", "The network's output is no number; its weights may be damaged.")
    return TextScores(pair.line.key, pair.text, pair.spelt.logarithms(log_probs[:-1]), log_probs[-1])


def _readable(crops: Iterable[LineImage]) -> tuple[list[LineImage], list[ItemError]]:
    lines, errors = [], []
    for crop in crops:
        error = bad_crop(crop)
        if error:
            errors.append(error)
        else:
            lines.append(crop)
    return lines, errors
