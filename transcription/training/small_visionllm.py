"""A stack for the engine `visionllm` that is made in seconds: the bundled encoder before a Llama of 60,000 weights.

It has seen a few sentences, so it reads next to nothing; all else is as in a real one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from transcription.engines.characters import CharacterVocabulary
from transcription.engines.registry import WEIGHTS
from transcription.engines.vision_projection import VisionProjection
from transcription.engines.weights_file import load_tensors, read_description
from transcription.training.character_llama import collate, image_row, line_row, mixed
from transcription.training.gguf_export import Numbers
from transcription.training.llama_torch import Llama, LlamaShape
from transcription.training.misreadings import Mixture
from transcription.training.vision_llm import export

TEXTS = ("the parish register", "a letter of the tenth of May", "paid to the miller", "le douze mars")
STEPS = 30


def small_llama(vocabulary: CharacterVocabulary, *, steps: int = STEPS) -> Llama:
    """Two layers of 48 numbers, two heads that share their keys; it has seen TEXTS ``steps`` times."""
    shape = LlamaShape(len(vocabulary), width=48, layers=2, heads=2, kv_heads=1, hidden=96, context=256)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        llama = Llama(shape)
        optimizer = torch.optim.AdamW(llama.parameters(), lr=1e-2)
        tokens = [np.array(vocabulary.encode(text), np.int64) for text in TEXTS]
        seen = [image_row(Mixture(row, row, np.ones(len(row), np.float32)), row) for row in tokens]
        batch = collate([*seen, *(line_row(row) for row in tokens)])
        for _ in range(steps):
            logits = llama(mixed(llama, batch))
            optimizer.zero_grad()
            loss = functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return llama.eval()


def write_small_visionllm(folder: Path, *, numbers: Numbers = "f32") -> None:
    """Write the stack to ``folder``, made if need be; it refers to the bundled encoder by its digest."""
    encoder = WEIGHTS / "starter.safetensors"
    vocabulary = CharacterVocabulary(str(read_description(encoder)["alphabet"]))
    features = load_tensors(encoder)["head.weight"].shape[1]
    llama = small_llama(vocabulary)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        projection = VisionProjection(len(vocabulary.alphabet) + 1, features, llama.shape.width, hidden=16)
    projection.begin(llama.embedding.weight.detach()[vocabulary.of_classes()])
    export(folder, llama, projection, vocabulary, encoder, numbers=numbers, bundled=True)
