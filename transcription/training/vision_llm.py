"""Train the projection from an encoder to a character Llama: `python -m transcription.training.vision_llm STAGE …`.

Stages, in one run folder: ``look`` keeps what the frozen encoder sees in train and tune lines; ``train`` fits the
projection, the encoder and the Llama frozen, with ``--rank`` also low-rank changes to the Llama; ``export`` writes the
folder that the engine `visionllm` reads. Taught is the text after the image; kept is what was best on tune lines.
"""

from __future__ import annotations

import argparse
import copy
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from transcription.engines.characters import BEGIN, BLANK, END, READ, UNKNOWN, CharacterVocabulary
from transcription.engines.ctc_reader import CtcReader
from transcription.engines.device import multiplies_bfloat16
from transcription.engines.registry import WEIGHTS, file_digest
from transcription.engines.starter import Starter
from transcription.engines.vision_projection import HIDDEN, VisionProjection, image_length
from transcription.engines.vision_stack import ENCODER, KIND, LANGUAGE_MODEL, PROJECTION
from transcription.engines.weights_file import save_weights
from transcription.errors import BadInput
from transcription.training.datasets import load_lines
from transcription.training.gguf_export import Numbers, export_llama
from transcription.training.llama_torch import Llama, LlamaShape
from transcription.training.lora import adapt, merge
from transcription.training.seen_lines import SeenLine, drawn, load_seen, look, save_seen

BATCH_TOKENS = 4_600
PROJECTION_RATE, LORA_RATE = 1e-3, 2e-3
WARMUP_STEPS = 50
IGNORED = -100  # cross_entropy's default


@dataclass(frozen=True, slots=True)
class SeenBatch:
    """Lines for training: ``values`` (N, C + F) of all positions of all lines, each at ``rows`` and ``places`` (N,)
    of ``tokens`` (B, T); ``targets`` (B, T) are the texts and their ends, IGNORED elsewhere."""

    values: Tensor
    rows: Tensor
    places: Tensor
    tokens: Tensor
    targets: Tensor


def seen_batch(lines: Sequence[SeenLine], vocabulary: CharacterVocabulary) -> SeenBatch:
    """``<s> image <read> text </s>`` for each line, filled up at the end."""
    texts = [[token for token in vocabulary.encode(line.text) if token != UNKNOWN] for line in lines]
    starts = [image_length(len(line.values)) + 2 for line in lines]
    width = -(-max(start + len(text) for start, text in zip(starts, texts, strict=True)) // 16) * 16
    tokens, targets = torch.full((len(lines), width), BLANK), torch.full((len(lines), width), IGNORED)
    tokens[:, 0] = BEGIN
    for row, (start, text) in enumerate(zip(starts, texts, strict=True)):
        tokens[row, start - 1] = READ
        tokens[row, start : start + len(text)] = torch.tensor(text)
        targets[row, start - 1 : start + len(text)] = torch.tensor([*text, END])
    sizes = [len(line.values) for line in lines]
    return SeenBatch(
        torch.from_numpy(np.concatenate([line.values for line in lines]).astype(np.float32)),
        torch.repeat_interleave(torch.arange(len(lines)), torch.tensor(sizes)),
        torch.cat([torch.arange(1, 1 + size) for size in sizes]),
        tokens,
        targets,
    )


def seen_batches(
    lines: Sequence[SeenLine], vocabulary: CharacterVocabulary, context: int, rng: np.random.Generator | None = None
) -> Iterator[SeenBatch]:
    """All lines once, those of like length together; with ``rng`` the batches come in random order."""
    lengths = [image_length(len(line.values)) + 2 + len(line.text) for line in lines]
    jitter = rng.random(len(lines)) * 8 if rng else np.zeros(len(lines))
    groups: list[list[int]] = [[]]
    for place in np.argsort(np.array(lengths) + jitter, kind="stable").tolist():
        if lengths[place] > context:
            continue
        if groups[-1] and (len(groups[-1]) + 1) * lengths[place] > BATCH_TOKENS:
            groups.append([])
        groups[-1].append(place)
    for number in rng.permutation(len(groups)) if rng else range(len(groups)):
        if groups[number]:
            yield seen_batch([lines[place] for place in groups[number]], vocabulary)


class SightedLlama(torch.nn.Module):
    """A Llama and the projection that feeds it images."""

    def __init__(self, llama: Llama, projection: VisionProjection) -> None:
        super().__init__()
        self.llama, self.projection = llama, projection

    def forward(self, batch: SeenBatch) -> Tensor:
        """Logits (B, T, tokens)."""
        embeddings = self.llama.embedding(batch.tokens).clone()
        embeddings[batch.rows, batch.places] = self.projection(batch.values).to(embeddings.dtype)
        logits: Tensor = self.llama(embeddings)
        return logits

    def loss(self, batch: SeenBatch) -> Tensor:
        """Mean cross-entropy (nats) a character."""
        with torch.autocast("cpu", torch.bfloat16, enabled=multiplies_bfloat16()):
            logits = self(batch)
        return functional.cross_entropy(logits.float().flatten(0, 1), batch.targets.flatten())


def load_llama(checkpoint: Path) -> tuple[Llama, CharacterVocabulary]:
    """The model that `character_llama` trained. Raises BadInput when there is none."""
    try:
        state = torch.load(checkpoint, weights_only=True)
    except OSError as error:
        raise BadInput(f"{checkpoint} is not there ({error}); train a Llama first: character_llama.") from error
    llama = Llama(LlamaShape(**state["shape"]))
    llama.load_state_dict(state["model"])
    return llama, CharacterVocabulary(state["alphabet"])


def begun(llama: Llama, vocabulary: CharacterVocabulary, values: int) -> VisionProjection:
    """A projection of ``values`` numbers a position that gives the mean embedding of what the encoder believes."""
    classes = vocabulary.of_classes()
    projection = VisionProjection(len(classes), values - len(classes), llama.shape.width)
    projection.begin(llama.embedding.weight.detach()[classes])
    return projection


@dataclass(frozen=True, slots=True)
class Settings:
    """How a projection is trained: ``rank`` of the Llama's changes, 0 for none."""

    seconds: float
    rank: int = 0
    compiles: bool = True


def train(run: Path, llama: Llama, vocabulary: CharacterVocabulary, settings: Settings) -> float:
    """Train on ``run / train.npz``; write ``projection.pt`` (both networks, changes merged) and ``log.jsonl``.

    The tune loss (nats a character) of what was kept.
    """
    lines, tune = load_seen(run / "train.npz"), load_seen(run / "tune.npz")
    model = SightedLlama(llama, begun(llama, vocabulary, lines[0].values.shape[1]))
    groups = [
        {"params": adapt(llama, settings.rank), "lr": LORA_RATE, "peak": LORA_RATE, "weight_decay": 0.0},
        {"params": list(model.projection.parameters()), "lr": PROJECTION_RATE, "peak": PROJECTION_RATE},
    ]
    optimizer = torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=0.02, fused=True)
    context = llama.shape.context
    held_out = list(seen_batches(tune, vocabulary, context))
    best = tune_loss(model, held_out)
    _log(run, {"step": 0, "tune": round(best, 4)})
    _save(run, model)
    rng = np.random.default_rng(0)
    if settings.compiles:
        llama.compile(dynamic=True)
    step, losses, seconds, began = 0, [], 0.0, time.monotonic()
    while seconds < settings.seconds:
        for batch in seen_batches(lines, vocabulary, context, rng):
            share = min(1.0, seconds / settings.seconds)
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * min(1.0, (step + 1) / WARMUP_STEPS) * (1 - share)
            loss = model.loss(batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            losses.append(float(loss.detach()))
            if step == 1:
                began = time.monotonic()  # the compiler's time is not the training's
            seconds = time.monotonic() - began
            done = seconds >= settings.seconds
            if step % 40 == 0 or done:
                found = tune_loss(model, held_out)
                _log(run, {"step": step, "seconds": round(seconds), "loss": float(np.mean(losses)), "tune": found})
                losses.clear()
                if found < best:
                    best = found
                    _save(run, model)
            if done:
                break
    return best


def tune_loss(model: SightedLlama, batches: Sequence[SeenBatch]) -> float:
    """Nats a character over all of ``batches``."""
    with torch.inference_mode():
        asked = [int((batch.targets != IGNORED).sum()) for batch in batches]
        found = [float(model.loss(batch)) for batch in batches]
    return float(np.average(found, weights=asked))


def _save(run: Path, model: SightedLlama) -> None:
    llama = merge(copy.deepcopy(model.llama))
    state = {"shape": asdict(llama.shape), "llama": llama.state_dict(), "projection": model.projection.state_dict()}
    partial = run / "projection.partial"
    torch.save(state, partial)
    partial.replace(run / "projection.pt")


def export(
    folder: Path,
    llama: Llama,
    projection: VisionProjection,
    vocabulary: CharacterVocabulary,
    encoder: Path,
    *,
    numbers: Numbers = "f16",
    bundled: bool = False,
) -> None:
    """Write the stack that the engine reads; a ``bundled`` encoder is not copied but referred to by its digest."""
    folder.mkdir(parents=True, exist_ok=True)
    export_llama(folder / LANGUAGE_MODEL, llama, vocabulary, numbers=numbers)
    if not bundled:
        shutil.copyfile(encoder, folder / ENCODER)
    classes = len(vocabulary.alphabet) + 1
    description = {
        "kind": KIND,
        "alphabet": vocabulary.alphabet,
        "classes": classes,
        "features": projection.inner.in_features - classes,
        "hidden": projection.inner.out_features,
        "width": projection.outer.out_features,
        "encoder": file_digest(encoder),
        "llm": file_digest(folder / LANGUAGE_MODEL),
        "made": time.strftime("%Y-%m-%d"),
    }
    save_weights(folder / PROJECTION, projection, description)


def export_run(run: Path, folder: Path, vocabulary: CharacterVocabulary, encoder: Path, numbers: Numbers) -> None:
    """Export what `train` kept in ``run``."""
    state = torch.load(run / "projection.pt", weights_only=True)
    llama = Llama(LlamaShape(**state["shape"]))
    llama.load_state_dict(state["llama"])
    inputs = state["projection"]["inner.weight"].shape[1]
    classes = len(vocabulary.alphabet) + 1
    projection = VisionProjection(classes, inputs - classes, llama.shape.width, HIDDEN)
    projection.load_state_dict(state["projection"])
    bundled = encoder.resolve().parent == WEIGHTS.resolve()
    export(folder, llama, projection, vocabulary, encoder, numbers=numbers, bundled=bundled)


def look_at(run: Path, folders: Sequence[Path], reader: CtcReader, count: int, tuned: int) -> None:
    """Keep ``count`` damaged train lines and ``tuned`` tune lines a set, as they are, as ``reader`` sees them."""
    run.mkdir(parents=True, exist_ok=True)
    tune = (sample for folder in folders for sample in load_lines(folder, "tune", limit=tuned))
    save_seen(run / "tune.npz", list(look(reader, tune, None)))
    rng = np.random.default_rng(7)
    save_seen(run / "train.npz", list(look(reader, drawn(folders, count, rng), rng)))


def _log(run: Path, entry: dict[str, Any]) -> None:
    print(json.dumps(entry), flush=True)
    with (run / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["look", "train", "export"])
    parser.add_argument("--run", type=Path, required=True, help="folder for what was seen, the projection and the log")
    parser.add_argument("--lines", type=Path, nargs="+", default=[], help="look: folders of <set>.tsv beside <set>.tar")
    parser.add_argument("--count", type=int, default=8000, help="look: train lines")
    parser.add_argument("--tuned", type=int, default=40, help="look: tune lines a set")
    parser.add_argument("--encoder", type=Path, default=WEIGHTS / "starter.safetensors", help="look, export")
    parser.add_argument("--llama", type=Path, help="train, export: checkpoint.pt of character_llama")
    parser.add_argument("--minutes", type=float, default=15, help="train")
    parser.add_argument("--rank", type=int, default=0, help="train: rank of the changes to the Llama; 0: it stays")
    parser.add_argument("--out", type=Path, help="export: the folder to write")
    parser.add_argument("--numbers", choices=get_args(Numbers), default="f16", help="export: of the Llama")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.stage == "look":
        reader = Starter(given.encoder, decoder="greedy").reader
        look_at(given.run, given.lines, reader, given.count, given.tuned)
        return
    if given.llama is None:
        parser.error("--llama is needed for this stage")
    llama, vocabulary = load_llama(given.llama)
    if given.stage == "train":
        settings = Settings(given.minutes * 60, given.rank)
        print(json.dumps({"kept": train(given.run, llama, vocabulary, settings)}))
    elif given.out is None:
        parser.error("--out is needed to export")
    else:
        export_run(given.run, given.out, vocabulary, given.encoder, given.numbers)


if __name__ == "__main__":
    main()
