"""A model's eyes: llama.cpp's multimodal part (mtmd) puts an image into a prompt and encodes it.

Images come as arrays in memory, never as files or URLs. Positions of images in models that place them in two
dimensions (M-RoPE of Qwen-VL), and attention that looks both ways within an image (Gemma), are mtmd's business.
"""

from __future__ import annotations

import ctypes
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp
import llama_cpp.mtmd_cpp as mtmd
import numpy as np
from numpy.typing import NDArray

from transcription.engines.llama_runtime import Floats, LlamaContext, LlamaModel, complaints, refusal, route_logs
from transcription.engines.llamacpp.embedding_cache import EmbeddingCache, image_key
from transcription.engines.registry import file_digest
from transcription.errors import EngineFailure, WeightsError
from transcription.htr.records import Gray

MARKER: str = mtmd.mtmd_default_marker().decode()


@dataclass(frozen=True, slots=True)
class Piece:
    """Text as ``tokens``, or an image as llama.cpp's pointer ``chunk`` and the name ``key`` of its pixels."""

    tokens: tuple[int, ...] = ()
    chunk: Any = None
    count: int = 0  # tokens of the image
    key: str = ""


class Prompt:
    """A conversation with an image, in pieces; ``length`` is how many tokens it takes in all."""

    def __init__(self, chunks: Any, pieces: list[Piece]) -> None:
        self._free = weakref.finalize(self, mtmd.mtmd_input_chunks_free, chunks)
        self.pieces = pieces
        self.length = sum(piece.count for piece in pieces)

    def close(self) -> None:
        self._free()


class Vision:
    """The vision encoder and projection in an mmproj file, for ``model``.

    ``least`` and ``most`` bound the tokens of an image where the model lets them vary; 0 is what its file says.
    Raises WeightsError where the file is damaged, belongs to another model or has no eyes.
    """

    def __init__(
        self,
        projector: Path,
        model: LlamaModel,
        *,
        cache: EmbeddingCache,
        least: int = 0,
        most: int = 0,
        threads: int = 1,
        on_gpu: bool = False,
    ) -> None:
        route_logs()
        parameters = mtmd.mtmd_context_params_default()
        parameters.use_gpu = on_gpu
        parameters.print_timings = False
        parameters.warmup = False
        parameters.n_threads = threads
        if least:
            parameters.image_min_tokens = least
        if most:
            parameters.image_max_tokens = most
        complaints()
        self._pointer: Any = mtmd.mtmd_init_from_file(str(projector).encode(), model.pointer, parameters)
        if not self._pointer:
            raise refusal(WeightsError, f"llama.cpp cannot load {projector.name} for this model")
        self._free = weakref.finalize(self, mtmd.mtmd_free, self._pointer)
        if not mtmd.mtmd_support_vision(self._pointer):
            raise WeightsError(f"{projector.name} has no vision encoder; choose the model's mmproj file.")
        self._model = model
        self._cache = cache
        self._state = f"{file_digest(projector)} {least} {most}"

    def prompt(self, conversation: str, pixels: Gray) -> Prompt:
        """``conversation`` holds `MARKER` once, where the image (H, W), grey, goes."""
        height, width = pixels.shape
        colours: NDArray[np.uint8] = np.ascontiguousarray(np.repeat(pixels[:, :, None], 3, axis=2))
        bitmap = mtmd.mtmd_bitmap_init(width, height, colours.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8)))
        chunks = mtmd.mtmd_input_chunks_init()
        encoded = conversation.encode()
        text = mtmd.mtmd_input_text(encoded, len(encoded), True, True)  # control tokens: the text is all ours
        bitmaps = (mtmd.mtmd_bitmap_p_ctypes * 1)(bitmap)
        try:
            code = mtmd.mtmd_tokenize(self._pointer, chunks, ctypes.byref(text), bitmaps, 1)
        finally:
            mtmd.mtmd_bitmap_free(bitmap)
        if code:
            mtmd.mtmd_input_chunks_free(chunks)
            raise EngineFailure(f"llama.cpp cannot take an image of {width} × {height} pixels: {complaints()}.")
        key = image_key(pixels, self._state)
        return Prompt(chunks, [_piece(chunks, index, key) for index in range(mtmd.mtmd_input_chunks_size(chunks))])

    def embeddings(self, piece: Piece) -> Floats:
        """The image of ``piece`` as rows (tokens, n_embd) of the language model's input."""
        kept = self._cache.get(piece.key)
        if kept is not None:
            return kept
        complaints()
        if mtmd.mtmd_encode_chunk(self._pointer, piece.chunk):
            raise refusal(EngineFailure, "llama.cpp cannot encode this image")
        found = mtmd.mtmd_get_output_embd(self._pointer)
        values: Floats = np.ctypeslib.as_array(found, shape=(piece.count, self._model.n_embd)).copy()
        self._cache.put(piece.key, values)
        return values

    def begin(self, context: LlamaContext, prompt: Prompt, sequence: int) -> tuple[int, Floats]:
        """Decode ``prompt`` as the beginning of ``sequence``; the next position, and the logits (n_vocab,) there."""
        position = 0
        logits: Floats | None = None
        for piece in prompt.pieces:
            if piece.chunk is not None:
                position = self._decode_image(context, piece, position, sequence)
                continue
            count = len(piece.tokens)
            last = [count - 1] if piece is prompt.pieces[-1] else []
            rows = context.decode_tokens(piece.tokens, range(position, position + count), [sequence] * count, last)
            logits = rows[0] if last else None
            position += count
        if logits is None:
            raise WeightsError("The chat template of this GGUF ends in the image, not in the beginning of an answer.")
        return position, logits

    def _decode_image(self, context: LlamaContext, piece: Piece, position: int, sequence: int) -> int:
        values = self.embeddings(piece)
        after = llama_cpp.llama_pos(0)
        complaints()
        code = mtmd.mtmd_helper_decode_image_chunk(
            self._pointer,
            context.pointer,
            piece.chunk,
            values.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
            llama_cpp.llama_pos(position),
            llama_cpp.llama_seq_id(sequence),
            context.batch,
            ctypes.byref(after),
            mtmd.mtmd_helper_post_decode_callback(0),
            None,
        )
        context.check(code)
        return int(after.value)

    def close(self) -> None:
        """Give the memory back; close it before its model."""
        self._free()
        self._pointer = None


def is_projector(path: Path) -> bool:
    """Whether a GGUF file holds a vision encoder, by its metadata."""
    route_logs()
    found: bool = mtmd.mtmd_get_cap_from_file(str(path).encode()).inp_vision
    complaints()
    return found


def _piece(chunks: Any, index: int, key: str) -> Piece:
    chunk = mtmd.mtmd_input_chunks_get(chunks, index)
    count = mtmd.mtmd_input_chunk_get_n_tokens(chunk)
    if mtmd.mtmd_input_chunk_get_type(chunk) == mtmd.MTMD_INPUT_CHUNK_TYPE_TEXT:
        length = ctypes.c_size_t()
        tokens = mtmd.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(length))
        return Piece(tokens=tuple(tokens[place] for place in range(length.value)), count=length.value)
    return Piece(chunk=chunk, count=count, key=f"{key} {index}")  # one image may be cut into several
