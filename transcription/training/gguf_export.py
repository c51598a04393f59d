"""A small Llama of ours as a GGUF file that llama.cpp loads, its characters for a vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, TokenType
from numpy.typing import NDArray

from transcription.engines.characters import BEGIN, END, SIGNS, UNKNOWN, CharacterVocabulary
from transcription.training.llama_torch import Block, Llama

Numbers = Literal["f32", "f16"]
_SPACE = "▁"  # how SentencePiece's vocabularies, which llama.cpp calls "llama", write a space


def export_llama(path: Path, model: Llama, vocabulary: CharacterVocabulary, *, numbers: Numbers = "f16") -> None:
    """Write ``model`` to ``path``, whole or not at all. Norms stay in single precision, as llama.cpp wants them.

    The vocabulary has no tokens for bytes, so llama.cpp's own tokenizer ends the process on a character that is not
    in it: take texts apart with `CharacterVocabulary`, as the engine does.
    """
    shape = model.shape
    partial = path.with_suffix(".partial")
    writer = GGUFWriter(str(partial), "llama")
    writer.add_name("longhand-characters")
    writer.add_file_type(LlamaFileType.ALL_F32 if numbers == "f32" else LlamaFileType.MOSTLY_F16)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_vocab_size(len(vocabulary))
    _add_vocabulary(writer, vocabulary)
    for name, values in tensors_of(model):
        if numbers == "f16" and values.ndim > 1:
            writer.add_tensor(name, values.astype(np.float16), raw_dtype=GGMLQuantizationType.F16)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(path)


def _add_vocabulary(writer: GGUFWriter, vocabulary: CharacterVocabulary) -> None:
    kinds = [TokenType.UNKNOWN if number == UNKNOWN else TokenType.CONTROL for number in range(len(SIGNS))]
    kinds += [TokenType.NORMAL] * (len(vocabulary) - len(SIGNS))
    writer.add_tokenizer_model("llama")
    writer.add_token_list([_SPACE if token == " " else token for token in vocabulary.tokens])
    writer.add_token_scores([0.0] * len(vocabulary))
    writer.add_token_types(kinds)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)


def tensors_of(model: Llama) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The weights under llama.cpp's names. It takes the embeddings for its head where the file has no other."""

    def values(weight: object) -> NDArray[np.float32]:
        found: NDArray[np.float32] = weight.detach().float().cpu().numpy()  # type: ignore[attr-defined]
        return found

    yield "token_embd.weight", values(model.embedding.weight)
    yield "output_norm.weight", values(model.norm.weight)
    for number, block in enumerate(model.blocks):
        assert isinstance(block, Block)
        for name, module in {
            "attn_norm": block.attention_norm,
            "attn_q": block.attention.q,
            "attn_k": block.attention.k,
            "attn_v": block.attention.v,
            "attn_output": block.attention.output,
            "ffn_norm": block.feed_norm,
            "ffn_gate": block.gate,
            "ffn_up": block.up,
            "ffn_down": block.down,
        }.items():
            yield f"blk.{number}.{name}.weight", values(module.weight)
