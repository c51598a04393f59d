"""A TrOCR checkpoint of less than 2 MB that reads lines of a small parish: what tests and demonstrations load for real.

Built and trained in seconds on one CPU core. It knows the words of ``WORDS`` in one hand and nothing else; how it is
saved is how transformers saves any TrOCR, so the same code loads this one and those of a hub.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
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

from transcription.htr.records import Gray
from transcription.training.sample.hands import load_font

WORDS = (
    "Baptisms Burials in the parish of Mary Anne John Carter Thomas son William and was buried May June 12 17"
).split()
FONT = "cedarville-cursive"
HEIGHT, WIDTH, PATCH = 32, 256, 8  # pixels of the network's input; a patch is a column of eight pixels
START, PAD, END = 2, 1, 2  # TrOCR begins with the sign that ends a line
STEPS, ROWS, LINES, RATE = 400, 24, 1_000, 5e-3
GUIDED = 0.3
ORDER = 12
LINE_WIDTH=512
MEAN, DEV = 0.9, 0.25
FIRST=0.45
JITTER=2


@dataclass(frozen=True, slots=True)
class _Example:
    image: NDArray[np.float32]  # (HEIGHT, WIDTH)
    tokens: tuple[int, ...]
    patches: tuple[int, ...]
    stands: tuple[int, ...]
    orders: tuple[int, ...]


def write_small_trocr(folder: Path, *, seed: int = 1, steps: int = STEPS) -> Path:
    """Train the checkpoint and save it to ``folder``; the same seed gives the same weights on one machine."""
    rng = np.random.default_rng(seed)
    tokenizer = _tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = _network(len(tokenizer))
        _train(network, tokenizer, rng, steps)
    network.save_pretrained(folder)
    size = {"height": HEIGHT, "width": WIDTH}
    images = ViTImageProcessorPil(size=size, image_mean=[MEAN] * 3, image_std=[DEV] * 3, do_resize=True)
    TrOCRProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    images.save_pretrained(folder)
    return folder


def random_line(rng: np.random.Generator) -> tuple[Gray, str]:
    """A line image (64, W) of two to four words in any order, and its text."""
    text = _text(rng)
    return draw_line(text, rng), text


def _text(rng):
    words = list(rng.choice(WORDS, int(rng.integers(2, 6))))
    while _width(words) > LINE_WIDTH - 16: words.pop()
    return " ".join(words)


def _width(words):
    font = load_font(FONT, 40)
    x = 16
    for word in words:
        x = -(-int(x + font.getlength(word) + 10) // 16) * 16
    return x


def draw_line(text: str, rng: np.random.Generator) -> Gray:
    """``text`` in the hand this network knows, grey (64, W), ink dark, as lines are cut from pages."""
    return _draw(text, rng)[0]


def _draw(text: str, rng: np.random.Generator) -> tuple[Gray, list[float]]:
    """The line and, for each character and the end, at which share of its width it begins."""
    font = load_font(FONT, 40)
    paper, ink = int(rng.integers(210, 250)), int(rng.integers(20, 70))
    image = Image.new("L", (LINE_WIDTH, 64), paper)
    pen, base, x, starts = ImageDraw.Draw(image), int(rng.integers(43, 46)), 16, []
    for word in text.split():
        at = x + int(rng.integers(-JITTER, JITTER+1))
        pen.text((at, base), word, font=font, fill=ink, anchor="ls")
        starts += [x + font.getlength(word[:place]) for place in range(len(word) + 1)]
        x = -(-int(x + font.getlength(word) + 10) // 16) * 16
    grain = rng.normal(0, 4, image.size[::-1])
    return np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8), [start / LINE_WIDTH for start in starts]


def _tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level byte pairs, as TrOCR's, of so few merges that most words take several."""
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
    return PreTrainedTokenizerFast(
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
    with torch.no_grad():
        table = TrOCRSinusoidalPositionalEmbedding.get_embedding(WIDTH // PATCH + 1, 64, None)
        network.encoder.embeddings.position_embeddings.copy_(0.3*table[None])
    network.generation_config = GenerationConfig(
        decoder_start_token_id=START, eos_token_id=END, pad_token_id=PAD, bos_token_id=0, max_new_tokens=48
    )
    return network


def _train(network: Any, tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator, steps: int) -> None:
    lines = [_example(tokenizer, rng) for _ in range(LINES)]
    hidden = network.config.encoder.hidden_size
    teacher = nn.Linear(hidden, network.config.decoder.vocab_size + ORDER)  # which token, the how many-eth
    parameters = [*network.parameters(), *teacher.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.15)
    network.train()
    for step in range(steps):
        some = [lines[index] for index in rng.integers(0, len(lines), ROWS)]
        images = torch.from_numpy(np.stack([each.image for each in some]))[:, None].expand(-1, 3, -1, -1)
        longest = max(len(each.tokens) for each in some)
        labels = torch.tensor([[*each.tokens, *[-100] * (longest - len(each.tokens))] for each in some])
        places = torch.tensor([[*each.patches, *[0] * (longest - len(each.tokens))] for each in some])  # (B, T)
        if step < steps * FIRST:
            states = network.encoder(pixel_values=images).last_hidden_state
        else:
          output = network(pixel_values=images, labels=labels, output_attentions=True); states = output.encoder_last_hidden_state
        said = teacher(states[:, 1:])
        stands = torch.tensor([each.stands for each in some]); orders=torch.tensor([each.orders for each in some])
        V=network.config.decoder.vocab_size
        loss = taught = nn.functional.cross_entropy(said[..., :V].flatten(0,1), stands.flatten()) + nn.functional.cross_entropy(said[..., V:].flatten(0,1), orders.flatten())
        if step >= steps * FIRST:
            looked = torch.stack(output.cross_attentions).mean(2)  # (layers, B, T, 1 + patches)
            missed = -(looked.gather(-1, (1 + places).expand(len(looked), -1, -1)[..., None])[..., 0] + 1e-4).log()
            loss = output.loss + GUIDED * missed[:, labels != -100].mean() + taught
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0: print(step, taught.item(), *( (output.loss.item(), missed[:, labels != -100].mean().item()) if step>=steps*FIRST else ()))
    network.eval()


def _example(tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator) -> _Example:
    """A drawn line, its tokens with the end, and in which patch each token stands.

    Without the sign <s> that a tokenizer puts first: TrOCR's own lines do not have it.
    """
    text = _text(rng)
    pixels, starts = _draw(text, rng)
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    middles = [(starts[first] + starts[last]) / 2 for first, last in found["offset_mapping"]]
    patches = [int(share * WIDTH / PATCH) for share in (*middles, starts[-1])]
    ids=(*found["input_ids"], END)
    ends=[starts[last] for _, last in found["offset_mapping"]]
    centers=(np.arange(WIDTH//PATCH)+.5)*PATCH/WIDTH
    order=np.searchsorted(ends, centers)
    stands=[ids[o] for o in order]
    return _Example(_fitted(pixels), ids, tuple(patches), tuple(stands), tuple(np.minimum(order, ORDER-1).tolist()))


def _fitted(pixels: Gray) -> np.ndarray[Any, np.dtype[np.float32]]:
    resized = Image.fromarray(pixels).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.float32) / np.float32(255*DEV) - np.float32(MEAN/DEV)
