"""TrOCR in its published sizes with random weights: what it costs to read with, not what it reads.

Li et al., "TrOCR: Transformer-based optical character recognition with pre-trained models", AAAI 2023; sizes of the
checkpoints microsoft/trocr-{small,base}-handwritten (61.6 and 333.9 million parameters).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import nn
from transformers import (
    DeiTConfig,
    PreTrainedTokenizerFast,
    TrOCRConfig,
    TrOCRProcessor,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessorPil,
)
from transformers.utils import logging

from transcription.htr.records import Gray

Size = Literal["small", "base"]
SIZES: tuple[Size, ...] = ("small", "base")
SIDE = 384  # pixels; every line is squeezed into a square of them
START, PAD, END = 2, 1, 2
_SPECIAL, _FIRST_SIGN = ("<s>", "<pad>", "</s>", "<unk>"), 0xF0000  # of a plane for private use


def random_trocr(size: Size) -> nn.Module:
    """The network in single precision, ready to generate."""
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # it warns that random weights want training
    encoder: ViTConfig | DeiTConfig
    if size == "base":
        encoder = ViTConfig(image_size=SIDE, qkv_bias=False)  # 768 wide, 12 layers, as ViTConfig's defaults
        decoder = TrOCRConfig(cross_attention_hidden_size=768)  # 1,024 wide, 12 layers, as TrOCRConfig's defaults
    else:
        encoder = DeiTConfig(image_size=SIDE, hidden_size=384, num_attention_heads=6, intermediate_size=1536)
        decoder = TrOCRConfig(
            vocab_size=64_044,
            d_model=256,
            decoder_layers=6,
            decoder_attention_heads=8,
            decoder_ffn_dim=1024,
            activation_function="relu",
            scale_embedding=True,
            cross_attention_hidden_size=384,
            tie_word_embeddings=False,
        )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = START, PAD, END
    network: nn.Module = VisionEncoderDecoderModel(config)
    return network.eval()


def trocr_reader(size: Size, tokens: int) -> Callable[[Sequence[Gray]], None]:
    """Reads line images in one batch, greedily, ``tokens`` tokens each: random weights would never find an end."""
    network: Any = random_trocr(size)  # the types of its mixins do not fit each other

    def read(crops: Sequence[Gray]) -> None:
        squares = np.stack([cv2.resize(crop, (SIDE, SIDE)) for crop in crops]).astype(np.float32) / 127.5 - 1
        images = torch.from_numpy(squares)[:, None].expand(-1, 3, -1, -1).contiguous()  # (B, 3, 384, 384)
        with torch.inference_mode():
            found = network.generate(images, num_beams=1, do_sample=False, min_new_tokens=tokens, max_new_tokens=tokens)
        assert found.shape == (len(crops), tokens + 1), found.shape

    return read


def write_random_trocr(folder: Path, size: Size, *, seed: int = 1) -> Path:
    """The network as a checkpoint that engines load. Every token is a character of its own, so a text tells which.

    Its head has weights of its own: one that shares the embedding's repeats a random network's first token for ever.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network: Any = random_trocr(size)
        head = network.decoder.output_projection
        head.weight = nn.Parameter(torch.randn_like(head.weight) * 0.02)
    network.config.decoder.tie_word_embeddings = False
    network.save_pretrained(folder)
    words = dict(zip(_SPECIAL, range(len(_SPECIAL)), strict=True))
    words |= {chr(_FIRST_SIGN + token): token for token in range(len(_SPECIAL), network.config.decoder.vocab_size)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )
    images = ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    TrOCRProcessor(image_processor=images, tokenizer=fast).save_pretrained(folder)  # type: ignore[no-untyped-call]
    return folder


def as_text(tokens: Iterable[int]) -> str:
    """``tokens`` as the tokenizer of `write_random_trocr` writes them."""
    return "".join(chr(_FIRST_SIGN + token) for token in tokens if token >= len(_SPECIAL))
