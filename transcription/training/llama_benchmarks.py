"""Texts decoded side by side by llama.cpp against one after the other: the same tokens, in turns, on one thread.

The model is a Llama with random weights (some 40 million parameters, 16 bits): what it costs, not what it says. Both
processor and wall seconds are told; the ratio that counts is of the processor's, for machines are busy.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from transcription.engines.llama_runtime import LlamaContext, LlamaModel
from transcription.training.benchmarks import Contender, ratio, take_turns

WIDTH, HIDDEN, HEADS, LAYERS, VOCABULARY = 512, 1376, 8, 10, 8192
SEQUENCES = 8
TOKENS = 32  # of each text
BAR = ">= 1.8"


def write_random_llama(path: Path) -> None:
    """A GGUF of `WIDTH` × `LAYERS`, the same numbers every time, with a vocabulary of numbered tokens."""
    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(1024)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("llama")
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{value:02X}>" for value in range(256))]
    kinds = [gguf.TokenType.UNKNOWN] + [gguf.TokenType.CONTROL] * 2 + [gguf.TokenType.BYTE] * 256
    others = VOCABULARY - len(tokens)
    writer.add_token_list(tokens + [f"t{number}" for number in range(others)])
    writer.add_token_types(kinds + [gguf.TokenType.NORMAL] * others)
    writer.add_token_scores([0.0] * VOCABULARY)
    shapes = {"token_embd": (VOCABULARY, WIDTH), "output_norm": (WIDTH,), "output": (VOCABULARY, WIDTH)}
    for number in range(LAYERS):
        square = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (WIDTH, WIDTH))
        wide = dict.fromkeys(("ffn_gate", "ffn_up"), (HIDDEN, WIDTH))
        norms = dict.fromkeys(("attn_norm", "ffn_norm"), (WIDTH,))
        block = square | wide | norms | {"ffn_down": (WIDTH, HIDDEN)}
        shapes |= {f"blk.{number}.{name}": shape for name, shape in block.items()}
    for name, shape in shapes.items():
        norm = len(shape) == 1
        values = np.ones(shape, np.float32) if norm else (rng.standard_normal(shape) * 0.03).astype(np.float16)
        writer.add_tensor(f"{name}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def measure_llama(folder: Path, *, rounds: int) -> dict[str, Any]:
    """Tokens per second of `SEQUENCES` texts of `TOKENS` tokens each, one after the other and side by side."""
    path = folder / "random-llama.gguf"
    write_random_llama(path)
    model = LlamaModel(path)
    context = LlamaContext(model, sequences=SEQUENCES, length=256, threads=1)
    wall: dict[str, list[float]] = {"serial": [], "parallel": []}

    def decode(name: str, groups: list[list[int]]) -> None:
        began = time.perf_counter()
        for group in groups:
            latest = [259 + sequence for sequence in group]
            for position in range(TOKENS):
                rows = context.decode_tokens(latest, [position] * len(group), group, range(len(group)))
                latest = [int(row.argmax()) for row in rows]
            for sequence in group:
                context.clear(sequence)
        wall[name].append((time.perf_counter() - began) / (SEQUENCES * TOKENS))

    count = SEQUENCES * TOKENS
    alone = [[sequence] for sequence in range(SEQUENCES)]
    together = [list(range(SEQUENCES))]
    try:
        seconds = take_turns(
            [
                Contender("serial", count, lambda: decode("serial", alone)),
                Contender("parallel", count, lambda: decode("parallel", together)),
            ],
            rounds,
        )
    finally:
        context.close()
        model.close()
    waited = {name: each[1:] for name, each in wall.items()}  # the first round is not counted
    return {
        "sequences": SEQUENCES,
        "tokens": TOKENS,
        "tokens_per_processor_second": {name: round(1 / statistics.median(s), 1) for name, s in seconds.items()},
        "ratio": {"measured": round(ratio(seconds, "serial", "parallel"), 2), "bar": BAR},
        "ratio_of_wall_time": round(ratio(waited, "serial", "parallel"), 2),
    }
