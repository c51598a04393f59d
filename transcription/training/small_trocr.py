"""A TrOCR checkpoint of less than 2 MB that reads lines of a small parish: what tests and demonstrations load for real.

Built and trained in seconds on one CPU core. It knows the words of ``WORDS`` in one hand at one size and nothing else;
it is saved as transformers saves any TrOCR, so the same code loads this one and those of a hub.

A network learns where to look long before it learns what stands there, and there is no time for that here. But who
draws a line knows where each word stands: the encoder is taught that patch by patch, and the decoder's attention is
led there (guided attention: Tachibana et al., ICASSP 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor, nn
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    TrOCRConfig,
    TrOCRProcessor,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessorPil,
)
from transformers.models.trocr.modeling_trocr import TrOCRSinusoidalPositionalEmbedding
from transformers.utils import logging

from transcription.htr.records import Gray
from transcription.training.sample.hands import load_font

WORDS = ["Baptisms", "Burials", "in", "the", "parish", "of", "Mary", "Anne", "John", "Carter"]
WORDS += ["Thomas", "son", "William", "and", "was", "buried", "May", "June", "12", "17"]
FONT, FONT_SIZE = "cedarville-cursive", 40
LINE_WIDTH, GRID, JITTER = 512, 16, 2  # pixels of a line 64 high; words begin on a grid, give or take
HEIGHT, WIDTH, PATCH = 32, 256, 8  # pixels of the network's input; a patch is a column of eight
MEAN, DEVIATION = 0.9, 0.25  # paper is about 0, ink about -3
START, PAD, END = 2, 1, 2  # TrOCR begins with the sign that ends a line
STEPS, ENCODER_STEPS = 400, 180  # in all, and at first for the encoder alone
ROWS, LINES, RATE, GUIDED = 24, 1_000, 5e-3, 0.3
PLACES = 12  # tokens on a line that the encoder learns to count


@dataclass(frozen=True, slots=True)
class _Example:
    """A drawn line: ``looks`` is the patch each token stands in, ``stands`` the place of the token (in the line) that
    stands in each patch."""

    image: NDArray[np.float32]  # (HEIGHT, WIDTH)
    tokens: tuple[int, ...]
    looks: tuple[int, ...]
    stands: tuple[int, ...]


def write_small_trocr(folder: Path, *, seed: int = 1, steps: int = STEPS) -> Path:
    """Train the checkpoint and save it to ``folder``; on one machine the same seed gives the same weights."""
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    rng = np.random.default_rng(seed)
    tokenizer = _tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = _network(len(tokenizer))
        _train(network, tokenizer, rng, steps)
    network.save_pretrained(folder)
    images = ViTImageProcessorPil(
        size={"height": HEIGHT, "width": WIDTH}, image_mean=[MEAN] * 3, image_std=[DEVIATION] * 3, do_resize=True
    )
    TrOCRProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)  # type: ignore[no-untyped-call]
    images.save_pretrained(folder)  # preprocessor_config.json, where published checkpoints have it
    return folder


def random_line(rng: np.random.Generator) -> tuple[Gray, str]:
    """A line image (64, 512) of two to five words in any order, and its text."""
    words = [str(word) for word in rng.choice(WORDS, int(rng.integers(2, 6)))]
    while _places(words)[-1] > LINE_WIDTH - GRID:
        words.pop()
    return draw_line(words, rng), " ".join(words)


def draw_line(words: Sequence[str], rng: np.random.Generator) -> Gray:
    """``words`` in the hand this network knows, grey (64, 512), ink dark, on paper with some grain."""
    paper, ink, base = int(rng.integers(210, 250)), int(rng.integers(20, 70)), int(rng.integers(43, 46))
    image = Image.new("L", (LINE_WIDTH, 64), paper)
    pen = ImageDraw.Draw(image)
    for word, x in zip(words, _places(words), strict=False):
        at = x + int(rng.integers(-JITTER, JITTER + 1))
        pen.text((at, base), word, font=load_font(FONT, FONT_SIZE), fill=ink, anchor="ls")
    grain = rng.normal(0, 4, (64, LINE_WIDTH))
    return np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)


def _places(words: Sequence[str]) -> list[int]:
    """Where each word begins, and where the next would."""
    font, places = load_font(FONT, FONT_SIZE), [GRID]
    for word in words:
        places.append(-(-int(places[-1] + font.getlength(word) + 10) // GRID) * GRID)
    return places


def _tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level byte pairs, as TrOCR's, of so few merges that some words take several."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=370,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join([word, *WORDS]) for word in WORDS], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", END)]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        cls_token="<s>",
        sep_token="</s>",
    )


def _network(vocabulary: int) -> Any:
    encoder = ViTConfig(
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        image_size=(HEIGHT, WIDTH),
        patch_size=(HEIGHT, PATCH),
        qkv_bias=False,
        hidden_dropout_prob=0.0,
    )
    decoder = TrOCRConfig(
        vocab_size=vocabulary,
        d_model=96,
        decoder_layers=2,
        decoder_attention_heads=4,
        decoder_ffn_dim=192,
        max_position_embeddings=64,
        cross_attention_hidden_size=64,
        dropout=0.0,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = START, PAD, END
    network: Any = VisionEncoderDecoderModel(config)
    network.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        decoder_start_token_id=START, eos_token_id=END, pad_token_id=PAD, bos_token_id=0, max_new_tokens=48
    )
    with torch.no_grad():  # patches that know where they stand from the first step on
        places = TrOCRSinusoidalPositionalEmbedding.get_embedding(WIDTH // PATCH + 1, encoder.hidden_size, None)
        network.encoder.embeddings.position_embeddings.copy_(0.3 * places[None])
    return network


def _train(network: Any, tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator, steps: int) -> None:
    lines = [_example(tokenizer, rng) for _ in range(LINES)]
    words = network.config.decoder.vocab_size
    teacher = nn.Linear(network.config.encoder.hidden_size, words + PLACES)
    parameters = [*network.parameters(), *teacher.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.15)
    network.train()
    for step in range(steps):
        some = [lines[index] for index in rng.integers(0, len(lines), ROWS)]
        images = torch.from_numpy(np.stack([each.image for each in some]))[:, None].expand(-1, 3, -1, -1)
        if step < ENCODER_STEPS * steps / STEPS:
            states = network.encoder(pixel_values=images).last_hidden_state
            loss = _taught(teacher(states[:, 1:]), some, words)
        else:
            labels, looks = _padded([each.tokens for each in some], -100), _padded([each.looks for each in some], 0)
            output = network(pixel_values=images, labels=labels, output_attentions=True)
            looked = torch.stack(output.cross_attentions).mean(2)  # (layers, B, T, 1 + patches)
            there = looked.gather(-1, (1 + looks).expand(len(looked), -1, -1)[..., None])[..., 0]
            astray = -(there + 1e-4).log()[:, labels != -100].mean()
            loss = (
                output.loss + GUIDED * astray + _taught(teacher(output.encoder_last_hidden_state[:, 1:]), some, words)
            )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    network.eval()


def _taught(said: Tensor, lines: Sequence[_Example], words: int) -> Tensor:
    """Cross-entropy of what is said of each patch (B, patches, words + PLACES): which token stands there, the
    how many-eth of its line."""
    places = torch.tensor([each.stands for each in lines])
    tokens = torch.tensor([[each.tokens[place] for place in each.stands] for each in lines])
    entropy = nn.functional.cross_entropy
    return entropy(said[..., :words].flatten(0, 1), tokens.flatten()) + entropy(
        said[..., words:].flatten(0, 1), places.clamp(max=PLACES - 1).flatten()
    )


def _example(tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator) -> _Example:
    """A drawn line with its tokens and the end, but without the <s> that tokenizers put first."""
    pixels, text = random_line(rng)
    font, edges = load_font(FONT, FONT_SIZE), []  # of the characters and, at last, of the end
    for word, x in zip(text.split(), _places(text.split()), strict=False):
        edges += [(x + font.getlength(word[:place])) / LINE_WIDTH for place in range(len(word) + 1)]
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    spans = [(edges[first], edges[last]) for first, last in found["offset_mapping"]]
    looks = [int((start + end) / 2 * WIDTH / PATCH) for start, end in (*spans, (edges[-1], edges[-1]))]
    middles = (np.arange(WIDTH // PATCH) + 0.5) * PATCH / WIDTH
    stands = np.searchsorted([end for _, end in spans], middles)
    resized = Image.fromarray(pixels).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    image = ((np.asarray(resized) / 255 - MEAN) / DEVIATION).astype(np.float32)
    return _Example(image, (*found["input_ids"], END), tuple(looks), tuple(stands.tolist()))


def _padded(rows: Sequence[Sequence[int]], filling: int) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[filling] * (longest - len(row))] for row in rows])
