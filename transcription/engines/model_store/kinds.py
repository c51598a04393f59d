"""The engines that read with brought models, and what each is built of."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from transcription.engines.model_store.manifest import ENGINE_KINDS, EngineKind, Reads
from transcription.errors import WeightsError


@dataclass(frozen=True, slots=True)
class Kind:
    """``version`` changes when the engine's code reads differently with the same model. ``packages`` are what must be
    installed; ``runtime`` the options that change how fast it reads and never what; ``files`` the options that name
    files of ours beside `registry.WEIGHTS`; ``reads`` what it can be used for, what it is used for unsaid first. Models
    of ``one_lineage`` descend from the same checkpoints and err together, whoever trained them further."""

    engine_class: str
    version: str
    packages: tuple[str, ...]
    runtime: tuple[str, ...] = ()
    files: dict[str, list[str]] = field(default_factory=dict)
    reads: tuple[Reads, ...] = ("lines", "print")
    one_lineage: bool = False


PROMPTS = ["../prompts/line-v1.txt", "../prompts/page-v1.txt"]
KINDS: dict[EngineKind, Kind] = {
    "trocr": Kind(
        "transcription.engines.trocr.TrOcr", "1", ("torch", "transformers"), ("threads", "device"), one_lineage=True
    ),
    "llamacpp": Kind(
        "transcription.engines.llamacpp.LlamaCpp",
        "1",
        ("llama_cpp",),
        ("threads", "n_gpu_layers"),
        files={"prompts": PROMPTS},
        reads=("lines", "pages", "print"),
    ),
    "visionllm": Kind("transcription.engines.visionllm.VisionLlm", "1", ("torch", "llama_cpp"), ("threads", "device")),
}


def guess_engine(folder: Path) -> EngineKind:
    """The engine that a model's files are made for. Raises WeightsError where they do not say."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = {}
    if isinstance(config, dict) and config.get("model_type") == "vision-encoder-decoder":
        return "trocr"
    kinds = {path.suffix.lower() for path in folder.iterdir()}
    if ".gguf" in kinds and ".safetensors" not in kinds:
        return "llamacpp"
    raise WeightsError(f"Its files do not say what reads with it; give --engine {' or '.join(ENGINE_KINDS)}.")
