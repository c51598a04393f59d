"""A grammar (GBNF) that limits what a model may answer. It only forbids: probabilities are those of before it."""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

import llama_cpp
import numpy as np

from transcription.engines.llama_runtime import Floats, LlamaModel, complaints
from transcription.errors import EngineFailure, WeightsError

_TRIED_FIRST = 64  # the likeliest tokens; the whole vocabulary is asked about only when all of them are forbidden


def line_grammar(longest: int) -> str:
    """One line of at most ``longest`` characters."""
    return f"root ::= [^\\r\\n]{{0,{longest}}}"


def page_grammar(longest: int, most: int) -> str:
    """At most ``most`` lines of at most ``longest`` characters each."""
    return f'root ::= line ("\\n" line){{0,{most - 1}}}\nline ::= [^\\r\\n]{{0,{longest}}}'


class Grammar:
    """The state of one answer under ``rules``. Raises WeightsError when they cannot be parsed."""

    def __init__(self, model: LlamaModel, rules: str) -> None:
        complaints()
        self._pointer: Any = llama_cpp.llama_sampler_init_grammar(model.vocabulary, rules.encode(), b"root")
        if not self._pointer:
            raise WeightsError(f"llama.cpp cannot parse the grammar: {complaints()}.")
        self._free = weakref.finalize(self, llama_cpp.llama_sampler_free, self._pointer)

    def choose(self, logits: Floats) -> int:
        """The likeliest token that the grammar allows."""
        count = min(_TRIED_FIRST, len(logits))
        likely = np.argpartition(-logits, count - 1)[:count]
        for candidates in (likely[np.argsort(-logits[likely], kind="stable")], np.argsort(-logits, kind="stable")):
            for token in self._allowed(candidates, logits):
                return token
        raise EngineFailure("The grammar allows none of the model's tokens here.")

    def _allowed(self, candidates: Any, logits: Floats) -> list[int]:
        tokens = (llama_cpp.llama_token_data * len(candidates))()
        for place, token in enumerate(candidates):
            tokens[place] = llama_cpp.llama_token_data(int(token), float(logits[token]), 0.0)
        array = llama_cpp.llama_token_data_array(tokens, len(candidates), -1, False)
        llama_cpp.llama_sampler_apply(self._pointer, ctypes.byref(array))
        return [int(array.data[place].id) for place in range(array.size) if array.data[place].logit != -np.inf]

    def accept(self, token: int) -> None:
        llama_cpp.llama_sampler_accept(self._pointer, token)

    def close(self) -> None:
        self._free()
