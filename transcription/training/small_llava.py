"""A LLaVA pair of GGUF files small enough for tests (1.2 MB). It can be trained to read numbers drawn in our own fonts;
without trained weights beside this file its weights are random, the same every time, and what it answers means nothing.

A vision transformer (64 × 64 pixels, 16 patches), a two-layer projection and a Llama of two layers, all 96 wide, in
the tensors that llama.cpp's loaders ask for. It exists so that the code which reads with real models of that kind runs
for real where none can be fetched. It is no reader of handwriting.

    python -m transcription.training.small_llava --steps 1000    trains; writes small_llava.safetensors beside this

Liu et al., "Visual instruction tuning", NeurIPS 2023; Touvron et al., "LLaMA", 2023 (arXiv 2302.13971).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import cv2
import gguf
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from transcription.htr.records import Gray

WEIGHTS = Path(__file__).with_suffix(".safetensors")
FONTS = Path(__file__).parent / "sample" / "fonts"
PROMPTS = Path(__file__).parents[1] / "engines" / "prompts"
SIDE, PATCH = 64, 16  # pixels
WIDTH, HIDDEN, HEADS, LAYERS = 96, 192, 4, 2
CONTEXT = 1024
PATCHES = (SIDE // PATCH) ** 2
IMAGE_MEAN, IMAGE_STD = 0.5, 0.25
PAD_COLOUR = (122, 116, 104)  # llama.cpp's, around what is no square
EPSILON = 1e-5
IGNORED = -100
POOL, FRESH = 768, 12  # lines to train on, and how many of them are drawn anew for each batch
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def vocabulary() -> tuple[list[bytes], list[gguf.TokenType]]:
    """Control tokens, bytes, printable ASCII, and each sentence of our prompts as one token, so that a prompt costs
    this little network a handful of positions instead of hundreds."""
    tokens = [b"<unk>", b"<s>", b"</s>", b"<|im_start|>", b"<|im_end|>"]
    types = [gguf.TokenType.UNKNOWN] + [gguf.TokenType.CONTROL] * 4
    tokens += [f"<0x{value:02X}>".encode() for value in range(256)]
    types += [gguf.TokenType.BYTE] * 256
    letters = [chr(code).encode() for code in range(33, 127)] + ["▁".encode()]
    tokens += letters
    types += [gguf.TokenType.NORMAL] * len(letters)
    sentences = {line for path in sorted(PROMPTS.glob("*-v1.txt")) for line in path.read_text().splitlines() if line}
    fixed = [*sorted(sentences), "user\n", "assistant\n"]
    tokens += [text.encode() for text in fixed]
    types += [gguf.TokenType.USER_DEFINED] * len(fixed)
    return tokens, types


class Attention(nn.Module):
    """Attention of ``HEADS`` heads; ``causal`` with rotary positions (neighbouring pairs turn together), as Llama's."""

    def __init__(self, *, causal: bool) -> None:
        super().__init__()
        self.causal = causal
        self.q, self.k, self.v, self.out = (nn.Linear(WIDTH, WIDTH, bias=not causal) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        B, T, _ = x.shape
        q, k, v = (each(x).view(B, T, HEADS, -1).transpose(1, 2) for each in (self.q, self.k, self.v))  # (B, h, T, d)
        if self.causal:
            q, k = _rotated(q), _rotated(k)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        found: Tensor = self.out(mixed.transpose(1, 2).reshape(B, T, WIDTH))
        return found


def _rotated(x: Tensor) -> Tensor:
    """Su et al., "RoFormer", 2021; x is (B, h, T, d)."""
    T, d = x.shape[-2:]
    frequencies = 10000.0 ** (-torch.arange(0, d, 2, dtype=torch.float32) / d)
    angles = torch.outer(torch.arange(T, dtype=torch.float32), frequencies)  # (T, d / 2)
    cos, sin = angles.cos(), angles.sin()
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class VisionBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(WIDTH, EPSILON), nn.LayerNorm(WIDTH, EPSILON)
        self.attention = Attention(causal=False)
        self.up, self.down = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.ln1(x))
        found: Tensor = x + self.down(functional.gelu(self.up(self.ln2(x)), approximate="tanh"))
        return found


class LlamaBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.ffn_norm = nn.RMSNorm(WIDTH, EPSILON), nn.RMSNorm(WIDTH, EPSILON)
        self.attention = Attention(causal=True)
        self.gate, self.up = nn.Linear(WIDTH, HIDDEN, bias=False), nn.Linear(WIDTH, HIDDEN, bias=False)
        self.down = nn.Linear(HIDDEN, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm(x))
        h = self.ffn_norm(x)
        found: Tensor = x + self.down(functional.silu(self.gate(h)) * self.up(h))
        return found


class SmallLlava(nn.Module):
    """What the two GGUF files hold, in torch."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        self.positions = nn.Parameter(torch.randn(PATCHES, WIDTH) * 0.02)
        self.pre = nn.LayerNorm(WIDTH, EPSILON)
        self.vision = nn.ModuleList(VisionBlock() for _ in range(LAYERS))
        self.project_in, self.project_out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.embeddings = nn.Embedding(tokens, WIDTH)
        nn.init.normal_(self.embeddings.weight, std=0.05)  # as large as what is seen, or that goes unheard for long
        self.blocks = nn.ModuleList(LlamaBlock() for _ in range(LAYERS))
        self.norm = nn.RMSNorm(WIDTH, EPSILON)
        self.output = nn.Linear(WIDTH, tokens, bias=False)

    def see(self, images: Tensor) -> Tensor:
        """Images (B, 3, SIDE, SIDE), normalised, as embeddings (B, PATCHES, WIDTH) of the language model."""
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = self.pre(x + self.positions)
        for block in self.vision:
            x = block(x)
        found: Tensor = self.project_out(functional.gelu(self.project_in(x), approximate="tanh"))
        return found

    def forward(self, before: Tensor, images: Tensor, after: Tensor) -> Tensor:
        """Logits (B, T, tokens) of token ids before the image, the image, and token ids after it."""
        x = torch.cat((self.embeddings(before), self.see(images), self.embeddings(after)), dim=1)
        for block in self.blocks:
            x = block(x)
        found: Tensor = self.output(self.norm(x))
        return found


def squared(image: Gray) -> NDArray[np.uint8]:
    """A line as llama.cpp's LLaVA pre-processing sees it: (SIDE, SIDE, 3), fitted in, corner on corner, and padded."""
    height, width = image.shape
    scale = min(SIDE / width, SIDE / height)
    fitted = (min(int(np.ceil(width * scale)), SIDE), min(int(np.ceil(height * scale)), SIDE))
    across, down = (width - 1) / max(1, fitted[0] - 1), (height - 1) / max(1, fitted[1] - 1)
    corners = np.array([[across, 0, 0], [0, down, 0]], np.float32)
    small = cv2.warpAffine(
        image, corners, fitted, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    square = np.empty((SIDE, SIDE, 3), np.uint8)
    square[:] = PAD_COLOUR
    left, top = (SIDE - fitted[0]) // 2, (SIDE - fitted[1]) // 2
    square[top : top + fitted[1], left : left + fitted[0]] = small[..., None]
    return square


@lru_cache(maxsize=64)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(name, size)


def draw_number(rng: np.random.Generator, most: int = 2) -> tuple[Gray, str]:
    """A line image (64, W) bearing a number of one to ``most`` digits in one of our fonts."""
    text = "".join(str(digit) for digit in rng.integers(0, 10, rng.integers(1, most + 1)))
    files = sorted(FONTS.glob("*.woff"))
    font = _font(str(files[rng.integers(len(files))]), int(rng.integers(40, 52)))
    left, top, right, bottom = font.getbbox(text)
    margin = int(rng.integers(4, 24))
    width = int(max(right - left, 90)) + 2 * margin
    paper, ink = int(rng.integers(200, 250)), int(rng.integers(10, 90))
    page = Image.new("L", (width, 64), paper)
    y = (64 - (bottom - top)) // 2 - top + int(rng.integers(-4, 5))
    ImageDraw.Draw(page).text((margin - left, y), text, font=font, fill=ink)
    pixels = np.asarray(page, np.float32) + rng.normal(0, 3, (64, width))
    return np.clip(pixels, 0, 255).astype(np.uint8), text


def write_small_llava(folder: Path, *, network: SmallLlava | None = None) -> tuple[Path, Path]:
    """Write `small-llava.gguf` and `mmproj-small-llava.gguf` into ``folder``: ``network``, else the trained weights
    where there are some, else random ones, the same every time."""
    tokens, types = vocabulary()
    if network is None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = SmallLlava(len(tokens))
        if WEIGHTS.exists():
            network.load_state_dict(load_file(WEIGHTS))
    folder.mkdir(parents=True, exist_ok=True)
    model, projector = folder / "small-llava.gguf", folder / "mmproj-small-llava.gguf"
    _write_model(model, network, tokens, types)
    _write_projector(projector, network)
    return model, projector


def _write_model(path: Path, network: SmallLlava, tokens: list[bytes], types: list[gguf.TokenType]) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("small-llava")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(4)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)
    named = {
        "token_embd.weight": network.embeddings.weight,
        "output_norm.weight": network.norm.weight,
        "output.weight": network.output.weight,
    }
    for number, block in enumerate(network.blocks):
        assert isinstance(block, LlamaBlock)
        attention = block.attention
        named |= {
            f"blk.{number}.{name}.weight": dict(module.named_parameters())["weight"]
            for name, module in {
                "attn_norm": block.norm,
                "attn_q": attention.q,
                "attn_k": attention.k,
                "attn_v": attention.v,
                "attn_output": attention.out,
                "ffn_norm": block.ffn_norm,
                "ffn_gate": block.gate,
                "ffn_up": block.up,
                "ffn_down": block.down,
            }.items()
        }
    _write(writer, named)


def _write_projector(path: Path, network: SmallLlava) -> None:
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_string("general.type", "mmproj")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "mlp")
    writer.add_bool("clip.use_gelu", True)
    for name, value in {
        "image_size": SIDE,
        "patch_size": PATCH,
        "embedding_length": WIDTH,
        "feed_forward_length": HIDDEN,
        "block_count": LAYERS + 1,  # llama.cpp reads what stands before the last block, which LLaVA does not use
        "attention.head_count": HEADS,
        "projection_dim": WIDTH,
    }.items():
        writer.add_uint32(f"clip.vision.{name}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", EPSILON)
    writer.add_array("clip.vision.image_mean", [IMAGE_MEAN] * 3)
    writer.add_array("clip.vision.image_std", [IMAGE_STD] * 3)
    named: dict[str, Tensor] = {
        "v.patch_embd.weight": network.patches.weight,
        "v.position_embd.weight": network.positions,
    }
    modules: dict[str, nn.Module] = {"v.pre_ln": network.pre, "mm.0": network.project_in, "mm.2": network.project_out}
    for number, block in enumerate([*network.vision, VisionBlock()]):
        assert isinstance(block, VisionBlock)
        attention = block.attention
        if number == LAYERS:
            for parameter in block.parameters():
                nn.init.zeros_(parameter)
        modules |= {
            f"v.blk.{number}.{name}": module
            for name, module in {
                "attn_q": attention.q,
                "attn_k": attention.k,
                "attn_v": attention.v,
                "attn_out": attention.out,
                "ln1": block.ln1,
                "ln2": block.ln2,
                "ffn_up": block.up,
                "ffn_down": block.down,
            }.items()
        }
    for name, module in modules.items():
        named |= {f"{name}.{kind}": value for kind, value in module.named_parameters()}
    _write(writer, named)


def _write(writer: gguf.GGUFWriter, named: dict[str, Tensor]) -> None:
    """Matrices half as wide, everything else in single precision, as llama.cpp wants its norms and biases."""
    for name, value in named.items():
        wide = value.dim() < 2 or name == "v.position_embd.weight"
        writer.add_tensor(name, value.detach().numpy().astype(np.float32 if wide else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def normalised(squares: NDArray[np.uint8]) -> Tensor:
    """Squares (B, SIDE, SIDE, 3) as the vision part is fed, (B, 3, SIDE, SIDE)."""
    values = (squares.astype(np.float32) / 255 - IMAGE_MEAN) / IMAGE_STD
    return torch.from_numpy(values).permute(0, 3, 1, 2).contiguous()


def _batches(size: int, seed: int, steps: int) -> Iterator[tuple[Tensor, list[str]]]:
    """Batches from a pool of drawn lines, a part of which is drawn anew each time: drawing takes as long as learning.

    Numbers grow longer over the first steps: from long ones at once the network learns for an hour only
    how many digits there are.
    """
    rng = np.random.default_rng(seed)
    drawn = [draw_number(rng, 1) for _ in range(POOL)]
    squares = np.stack([squared(image) for image, _ in drawn])
    texts = [text for _, text in drawn]
    for step in range(steps):
        most = min(2, 1 + 2 * step // steps)
        for place in rng.integers(0, POOL, FRESH):
            image, texts[place] = draw_number(rng, most)
            squares[place] = squared(image)
        chosen = rng.integers(0, POOL, size)
        yield normalised(squares[chosen]), [texts[place] for place in chosen]


def prompt_tokens(tokens: list[bytes], prompt: str) -> tuple[list[int], list[int]]:
    """Token ids before and after the image, as the engine puts `line-v1` around one."""
    number = {token: index for index, token in enumerate(tokens)}
    newline = number[b"<0x0A>"]
    before = [number[b"<s>"], number[b"<|im_start|>"], number[b"user\n"]]
    after = []
    for sentence in prompt.strip().splitlines():
        after += [newline, number[sentence.encode()]]
    after += [number[b"<|im_end|>"], newline, number[b"<|im_start|>"], number[b"assistant\n"]]
    return before, after


def train(steps: int, *, batch: int = 24, seed: int = 1, rate: float = 2e-3, start: Path | None = None) -> SmallLlava:
    """Train from nothing, or from ``start``, on drawn numbers; prints its progress."""
    tokens, _ = vocabulary()
    torch.manual_seed(seed)
    network = SmallLlava(len(tokens))
    if start is not None:
        network.load_state_dict(load_file(start))
    number = {token: index for index, token in enumerate(tokens)}
    ids = {chr(code): number[chr(code).encode()] for code in range(33, 127)} | {" ": number["▁".encode()]}
    before, after = prompt_tokens(tokens, (PROMPTS / "line-v1.txt").read_text())
    optimizer = torch.optim.AdamW(network.parameters(), rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / 50, 2.5 * (1 - step / steps) + 0.01)
    )
    began = time.perf_counter()
    for step, (images, texts) in enumerate(_batches(batch, seed, steps)):
        answers = [[ids[char] for char in text] + [number[b"<|im_end|>"]] for text in texts]
        longest = max(map(len, answers))
        given = torch.tensor([after + each + [0] * (longest - len(each)) for each in answers])
        wanted = torch.tensor([each + [IGNORED] * (longest - len(each)) for each in answers])
        logits = network(torch.tensor([before] * batch), images, given[:, :-1])[:, -longest:]
        loss = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 25 == 24:
            right = float(((logits.argmax(-1) == wanted) & (wanted != IGNORED)).sum() / (wanted != IGNORED).sum())
            print(
                f"{step + 1} loss {loss.item():.3f} right {right:.3f} {time.perf_counter() - began:.0f} s", flush=True
            )
        if step % 100 == 99:
            _save(network)
    return network


def _save(network: SmallLlava) -> None:
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, WEIGHTS)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--continue", dest="go_on", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    _save(train(options.steps, seed=options.seed, rate=options.rate, start=WEIGHTS if options.go_on else None))


if __name__ == "__main__":
    main()
