"""llama.cpp below its chat layer: a model, and a context of several sequences fed with tokens or raw embeddings.

A context is not thread-safe. Nothing here samples: callers read rows of raw logits, made only for the positions they
name, so a context never holds (length, vocabulary) floats. The API of llama-cpp-python 0.3.36 (llama.cpp's `llama.h`).
"""

from __future__ import annotations

import ctypes
import logging
import weakref
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcription.engines import memory
from transcription.errors import EngineFailure, EngineTimeout, LonghandError, OutOfMemory, WeightsError

try:
    import llama_cpp
except ImportError as error:
    raise WeightsError(
        "This engine needs llama-cpp-python, which is not installed here: pip install 'longhand[llamacpp]'."
    ) from error

logger = logging.getLogger("llama.cpp")
Floats = NDArray[np.float32]
BATCH = 512  # tokens of one llama_decode; longer input goes in pieces
PAGE_ROPES = (llama_cpp.LLAMA_ROPE_TYPE_MROPE, llama_cpp.LLAMA_ROPE_TYPE_IMROPE)  # positions of four numbers

_said: deque[str] = deque(maxlen=8)  # the last complaints of llama.cpp, for the sentence of an error
_WARNING, _ERROR = 3, 4  # of ggml.h; its warnings are chatter, and what it calls errors we raise ourselves
_LEVELS = {_WARNING: logging.INFO, _ERROR: logging.INFO}


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _log(level: int, text: bytes, _data: object) -> None:
    line = text.decode("utf-8", "replace").strip()
    if level == _ERROR and line:
        _said.append(line)
    if line:
        logger.log(_LEVELS.get(level, logging.DEBUG), "%s", line)


def route_logs() -> None:
    """Send what llama.cpp and its vision part print to Python's logging ("llama.cpp") instead of standard error."""
    import llama_cpp.mtmd_cpp as mtmd

    llama_cpp.llama_log_set(_log, ctypes.c_void_p(0))
    mtmd.mtmd_log_set(_log, ctypes.c_void_p(0))
    mtmd.mtmd_helper_log_set(_log, ctypes.c_void_p(0))


def complaints() -> str:
    """What llama.cpp last called an error, and forget it; "no reason given" when it said nothing."""
    said = "; ".join(_said) or "no reason given"
    _said.clear()
    return said


def refusal(kind: type[LonghandError], what: str) -> LonghandError:
    """An error of ``kind`` with what llama.cpp complained of; OutOfMemory where that was a lack of memory."""
    said = complaints()
    return (OutOfMemory if memory.tells_of_it(said) else kind)(f"{what}: {said}.")


class LlamaModel:
    """The weights and vocabulary of a GGUF file. ``n_gpu_layers`` −1 puts all layers on a GPU, 0 none.

    Raises WeightsError when the file is missing, damaged or of an architecture that this llama.cpp does not know.
    """

    def __init__(self, path: Path, *, n_gpu_layers: int = 0) -> None:
        if not path.is_file():
            raise WeightsError(f"{path} is missing; add the model again with `manage.py models`.")
        route_logs()
        llama_cpp.llama_backend_init()
        parameters = llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = n_gpu_layers
        complaints()
        self.pointer: Any = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
        if not self.pointer:
            raise refusal(WeightsError, f"llama.cpp cannot load {path.name}")
        self._free = weakref.finalize(self, llama_cpp.llama_model_free, self.pointer)
        self._vocabulary: Any = llama_cpp.llama_model_get_vocab(self.pointer)
        self.n_vocab: int = llama_cpp.llama_vocab_n_tokens(self._vocabulary)
        self.n_embd: int = llama_cpp.llama_model_n_embd_inp(self.pointer)  # wider than n_embd with Qwen3-VL's deepstack
        self.n_layer: int = llama_cpp.llama_model_n_layer(self.pointer)
        self.trained_length: int = llama_cpp.llama_model_n_ctx_train(self.pointer)
        self.begin: int = llama_cpp.llama_vocab_bos(self._vocabulary)  # −1 where there is none
        self.end: int = llama_cpp.llama_vocab_eos(self._vocabulary)
        self.four_positions: bool = llama_cpp.llama_model_rope_type(self.pointer) in PAGE_ROPES

    @property
    def vocabulary(self) -> Any:
        """llama.cpp's pointer to the vocabulary, for its samplers and grammars."""
        return self._vocabulary

    def tokens(self, text: str, *, begin: bool = False, special: bool = False) -> list[int]:
        """``begin`` adds what the model wants before a text; ``special`` makes control tokens of names like `<s>`:
        never set it on text that did not come from us."""
        encoded = text.encode()
        room = len(encoded) + 8
        while True:
            buffer = (llama_cpp.llama_token * room)()
            count = llama_cpp.llama_tokenize(self._vocabulary, encoded, len(encoded), buffer, room, begin, special)
            if count >= 0:
                return list(buffer[:count])
            room = -count

    def piece(self, token: int) -> bytes:
        """The bytes of one token, maybe only a part of a character; nothing for control tokens."""
        if self.is_control(token):
            return b""
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = llama_cpp.llama_token_to_piece(self._vocabulary, token, buffer, room, 0, False)
            if count >= 0:
                return buffer.raw[:count]
            room = -count

    def text(self, tokens: Sequence[int]) -> str:
        """Tokens as text, control tokens left out, broken characters as U+FFFD. Some vocabularies (SentencePiece)
        put a space before a text's first word: it is kept, for what stands before the tokens is not known here."""
        return b"".join(self.piece(token) for token in tokens).decode("utf-8", "replace")

    def is_end(self, token: int) -> bool:
        """Whether the model ends its answer with this token; there may be several such."""
        return bool(llama_cpp.llama_vocab_is_eog(self._vocabulary, token))

    def is_control(self, token: int) -> bool:
        """Whether a token is for the model alone and stands for no text: control, unused and unknown ones."""
        return bool(
            llama_cpp.llama_vocab_get_attr(self._vocabulary, token)
            & (
                llama_cpp.LLAMA_TOKEN_ATTR_CONTROL
                | llama_cpp.LLAMA_TOKEN_ATTR_UNUSED
                | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN
            )
        )

    def metadata(self, key: str) -> str:
        """A single value of the GGUF's metadata as text; "" when it has no such key."""
        room = 256
        while True:
            buffer = ctypes.create_string_buffer(room)
            length = llama_cpp.llama_model_meta_val_str(self.pointer, key.encode(), buffer, room)
            if length < room:
                return buffer.raw[:length].decode("utf-8", "replace") if length > 0 else ""
            room = length + 1

    @property
    def chat_template(self) -> str:
        """The GGUF's chat template: code in Jinja that somebody else wrote. "" when it has none."""
        found = llama_cpp.llama_model_chat_template(self.pointer, None)
        return found.decode("utf-8", "replace") if found else ""

    def close(self) -> None:
        """Give the memory back. Close the contexts of a model before it."""
        self._free()
        self.pointer = None


class LlamaContext:
    """The memory of ``sequences`` texts of up to ``length`` positions each, decoded side by side.

    A decode takes up to ``batch`` tokens at once and gives at most ``rows`` rows of logits (0: one for each sequence):
    room for them is kept, 600 kB a row with a vocabulary of 150,000. ``exact`` remembers keys and values in 32 bits,
    not in half as many.

    Raises OutOfMemory when there is no room for it.
    """

    def __init__(
        self,
        model: LlamaModel,
        *,
        sequences: int = 1,
        length: int = 2048,
        batch: int = BATCH,
        rows: int = 0,
        threads: int = 1,
        exact: bool = False,
    ) -> None:
        self.model, self.sequences, self.length, self.batch = model, sequences, length, batch
        self.rows = rows or sequences
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = length * sequences
        parameters.n_seq_max = sequences
        parameters.n_batch = parameters.n_ubatch = batch
        parameters.n_outputs_max = self.rows
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.kv_unified = False  # a sequence sees only its own part, so neighbours cost it nothing
        parameters.no_perf = True
        if exact:
            parameters.type_k = parameters.type_v = llama_cpp.GGML_TYPE_F32
            parameters.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        complaints()
        self.pointer: Any = llama_cpp.llama_init_from_model(model.pointer, parameters)
        if not self.pointer:
            raise OutOfMemory(f"llama.cpp cannot make room for {sequences} texts of {length} tokens: {complaints()}.")
        self._free = weakref.finalize(self, llama_cpp.llama_free, self.pointer)
        self._memory: Any = llama_cpp.llama_get_memory(self.pointer)
        self._tokens: Any = llama_cpp.llama_batch_init(batch, 0, 1)
        self._rows: Any = None
        self._free_tokens = weakref.finalize(self, llama_cpp.llama_batch_free, self._tokens)
        self._free_rows: Any = None

    def decode_tokens(
        self, tokens: Sequence[int], positions: Sequence[int], sequences: Sequence[int], wanted: Sequence[int] = ()
    ) -> Floats:
        """Add ``tokens`` to their sequences at their positions; logits (len(wanted), n_vocab) of the indices in
        ``wanted``, ascending, as they came from the network.

        Raises EngineFailure when the context is full or the input is refused, OutOfMemory when memory ran out.
        """
        self._check_input(len(tokens), positions, sequences, wanted)
        rows: list[Floats] = []
        for start in range(0, len(tokens), self.batch):
            piece = slice(start, start + self.batch)
            for index, token in enumerate(tokens[piece]):
                self._tokens.token[index] = token
            rows += self._decode(self._tokens, positions[piece], sequences[piece], _within(wanted, start, self.batch))
        return self._stacked(rows)

    def decode_embeddings(
        self, embeddings: Floats, positions: Sequence[int], sequences: Sequence[int], wanted: Sequence[int] = ()
    ) -> Floats:
        """As `decode_tokens`, with rows (n, n_embd) of float32 in the place of the tokens' own embeddings."""
        assert embeddings.shape == (len(positions), self.model.n_embd), f"{embeddings.shape} of {self.model.n_embd}"
        if self.model.four_positions:
            raise EngineFailure("This model places images by four numbers each; raw embeddings have only one here.")
        self._check_input(len(embeddings), positions, sequences, wanted)
        if self._rows is None:
            self._rows = llama_cpp.llama_batch_init(self.batch, self.model.n_embd, 1)
            self._free_rows = weakref.finalize(self, llama_cpp.llama_batch_free, self._rows)
        values = np.ascontiguousarray(embeddings, dtype=np.float32)
        rows: list[Floats] = []
        for start in range(0, len(values), self.batch):
            piece = slice(start, start + self.batch)
            ctypes.memmove(self._rows.embd, values[piece].ctypes.data, values[piece].nbytes)
            rows += self._decode(self._rows, positions[piece], sequences[piece], _within(wanted, start, self.batch))
        return self._stacked(rows)

    def logits(self, index: int) -> Floats:
        """The row (n_vocab,) of the last decode's position ``index``, −1 for its last; it must have been asked for."""
        found = llama_cpp.llama_get_logits_ith(self.pointer, index)
        if not found:
            raise EngineFailure(f"llama.cpp has no logits for position {index}: {complaints()}.")
        return np.ctypeslib.as_array(found, shape=(self.model.n_vocab,)).copy()

    def clear(self, sequence: int) -> None:
        """Forget one sequence; the others stay."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def cut(self, sequence: int, position: int) -> bool:
        """Forget a sequence from ``position`` on; False where the model's memory cannot be cut (recurrent ones)."""
        return bool(llama_cpp.llama_memory_seq_rm(self._memory, sequence, position, -1))

    def close(self) -> None:
        """Give the memory back."""
        self._free_tokens()
        if self._free_rows is not None:
            self._free_rows()
        self._free()
        self.pointer = None

    def check(self, code: int) -> None:
        """Raise what a return code of `llama_decode`, or of a helper that calls it, stands for."""
        if code == 0:
            return
        reason = complaints()
        if code == 1:
            raise EngineFailure(
                f"The text does not fit into a context of {self.length} tokens; give the engine a longer one.",
                code="context-full",
            )
        if code == 2:
            raise EngineTimeout("llama.cpp was stopped while it computed.")
        if code == -2:
            raise OutOfMemory(f"llama.cpp ran out of memory: {reason}.")
        kind = OutOfMemory if memory.tells_of_it(reason) else EngineFailure
        raise kind(f"llama.cpp refused the input (code {code}): {reason}.")

    def _check_input(
        self, count: int, positions: Sequence[int], sequences: Sequence[int], wanted: Sequence[int]
    ) -> None:
        assert count == len(positions) == len(sequences)
        if len(wanted) > self.rows:  # llama.cpp would end the process
            raise EngineFailure(f"{len(wanted)} rows of logits were asked of a context that keeps {self.rows}.")
        if positions and max(positions) >= self.length:
            self.check(1)

    def _decode(
        self, batch: Any, positions: Sequence[int], sequences: Sequence[int], wanted: Sequence[int]
    ) -> list[Floats]:
        batch.n_tokens = len(positions)
        for index, (position, sequence) in enumerate(zip(positions, sequences, strict=True)):
            batch.pos[index] = position
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            batch.logits[index] = 0
        for index in wanted:
            batch.logits[index] = 1
        complaints()
        self.check(llama_cpp.llama_decode(self.pointer, batch))
        return [self.logits(index) for index in wanted]

    def _stacked(self, rows: list[Floats]) -> Floats:
        return np.stack(rows) if rows else np.empty((0, self.model.n_vocab), dtype=np.float32)


def log_probabilities(logits: Floats) -> Floats:
    """Natural logarithms of what the network holds likely: the softmax over the last axis of raw logits."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    found: Floats = (shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))).astype(np.float32)
    return found


def _within(wanted: Sequence[int], start: int, length: int) -> list[int]:
    return [index - start for index in wanted if start <= index < start + length]
