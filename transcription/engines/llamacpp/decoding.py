"""Several answers at once from one context: each image has a sequence of its own, one `llama_decode` brings all of them
a token further, and when an answer ends the next image takes its sequence. Greedy: the likeliest token is taken.

The text of an answer is the same as when each image is read alone, but for what the last digits of sums may turn where
two tokens are as likely as each other.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from transcription.engines.llama_runtime import Floats, LlamaContext
from transcription.engines.llamacpp.grammar import Grammar
from transcription.engines.llamacpp.vision import Vision
from transcription.errors import EngineFailure, EngineTimeout, LonghandError, OutOfMemory
from transcription.htr.machine_answers import repeats
from transcription.htr.records import Gray, ItemError

End = Literal["end", "repetition", "limit"]


@dataclass(frozen=True, slots=True)
class Task:
    """An image to answer about with at most ``most`` tokens, within ``seconds``; ``grammar`` are rules or ""."""

    key: int
    pixels: Gray
    conversation: str
    most: int
    seconds: float
    grammar: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """``tokens`` are the bytes and the natural logarithm of the probability of each token that stands for text; those
    that only repeat are left out. ``end`` says why the answer ended."""

    key: int
    tokens: tuple[tuple[bytes, float], ...]
    end: End
    tokens_in: int
    tokens_out: int
    milliseconds: float


@dataclass(slots=True)
class _Running:
    """One answer that is being given."""

    task: Task
    position: int
    tokens_in: int
    began: float
    grammar: Grammar | None = None
    tokens: list[int] = field(default_factory=list)
    logarithms: list[float] = field(default_factory=list)


class Decoder:
    """Answers about images in ``context``, as many side by side as it has sequences.

    An answer ends with the model's end, with any other control token (what follows such a token is no transcript),
    at its limit, or when its last tokens stand there ``times`` times.
    """

    def __init__(self, vision: Vision, context: LlamaContext, *, times: int) -> None:
        self._vision, self._context, self._times = vision, context, times
        self._model = context.model

    def answers(self, tasks: Iterable[Task]) -> Iterator[Answer | ItemError]:
        """One result for each task, in the order in which they end. Raises OutOfMemory, and EngineFailure when
        llama.cpp refuses a whole batch; what is wrong with one image is that image's ItemError."""
        waiting = iter(tasks)
        free = list(range(self._context.sequences))[::-1]
        running: dict[int, _Running] = {}
        try:
            while True:
                while free and (task := next(waiting, None)) is not None:
                    sequence = free.pop()
                    result = self._begin(task, sequence, running)
                    if result is not None:
                        self._end(sequence, running, free)
                        yield result
                if not running:
                    return
                for sequence, result in self._step(running):
                    self._end(sequence, running, free)
                    yield result
        finally:
            # All of them: one whose prompt failed in the middle runs nothing and yet holds what was decoded of it.
            for sequence in range(self._context.sequences):
                self._end(sequence, running, free)

    def _begin(self, task: Task, sequence: int, running: dict[int, _Running]) -> Answer | ItemError | None:
        """Decode a task's prompt and choose its first token; a result if it ended there."""
        began = time.perf_counter()
        try:
            prompt = self._vision.prompt(task.conversation, task.pixels)
            try:
                if prompt.length + task.most > self._context.length:
                    raise EngineFailure(
                        f"This image and its prompt take {prompt.length} tokens and the answer may take {task.most}; "
                        f"the context holds {self._context.length}. Give the engine a longer one or fewer tokens an "
                        "image.",
                        code="context-full",
                    )
                position, logits = self._vision.begin(self._context, prompt, sequence)
            finally:
                prompt.close()
            grammar = Grammar(self._model, task.grammar) if task.grammar else None
            answer = _Running(task, position, prompt.length, began, grammar)
            running[sequence] = answer
            return self._take(answer, logits)
        except OutOfMemory:
            raise
        except LonghandError as error:
            return ItemError(task.key, error.code, error.message)

    def _step(self, running: dict[int, _Running]) -> Iterator[tuple[int, Answer | ItemError]]:
        """One token further for every running answer; those that ended."""
        order = list(running.items())
        rows = self._context.decode_tokens(
            [answer.tokens[-1] for _, answer in order],
            [answer.position for _, answer in order],
            [sequence for sequence, _ in order],
            range(len(order)),
        )
        for (sequence, answer), logits in zip(order, rows, strict=True):
            answer.position += 1
            result: Answer | ItemError | None
            try:
                result = self._take(answer, logits)
            except LonghandError as error:
                result = ItemError(answer.task.key, error.code, error.message)
            if result is not None:
                yield sequence, result

    def _take(self, answer: _Running, logits: Floats) -> Answer | None:
        """Choose the next token by the logits (n_vocab,); the answer if it ends here."""
        task = answer.task
        if time.perf_counter() - answer.began > task.seconds:
            raise EngineTimeout(f"This was not read within {task.seconds:g} seconds.")
        if not np.isfinite(logits.max()):
            raise EngineFailure("The model computed no number for its next token; its file may be damaged.")
        token = answer.grammar.choose(logits) if answer.grammar is not None else int(logits.argmax())
        if self._model.is_end(token) or self._model.is_control(token):
            return self._answer(answer, "end", 0)
        if answer.grammar is not None:
            answer.grammar.accept(token)
        answer.tokens.append(token)
        answer.logarithms.append(_logarithm(logits, token))
        if repeated := repeats(answer.tokens, self._times):
            return self._answer(answer, "repetition", repeated)
        return self._answer(answer, "limit", 0) if len(answer.tokens) >= task.most else None

    def _answer(self, answer: _Running, end: End, repeated: int) -> Answer:
        kept = len(answer.tokens) - repeated
        pieces = [self._model.piece(token) for token in answer.tokens[:kept]]
        return Answer(
            answer.task.key,
            tuple(zip(pieces, answer.logarithms[:kept], strict=True)),
            end,
            tokens_in=answer.tokens_in,
            tokens_out=len(answer.tokens) + (end == "end"),
            milliseconds=(time.perf_counter() - answer.began) * 1000,
        )

    def _end(self, sequence: int, running: dict[int, _Running], free: list[int]) -> None:
        ended = running.pop(sequence, None)
        if ended is not None and ended.grammar is not None:
            ended.grammar.close()
        self._context.clear(sequence)
        free.append(sequence)


def _logarithm(logits: Floats, token: int) -> float:
    """Natural logarithm of the probability of ``token`` by raw logits."""
    shifted = logits - logits.max()
    return float(shifted[token]) - float(np.log(np.exp(shifted).sum(dtype=np.float64)))
