"""Models of a few hundred bytes: real safetensors and GGUF files that hold nothing worth reading with."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

TEMPLATE = "{{ messages[0].content }}"


def write_trocr(folder: Path, *, licence: str = "mit") -> Path:
    """What a folder of `save_pretrained` holds, with a README that names a licence."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {"decoder.weight": np.ones((4, 3), np.float32), "decoder.bias": np.zeros(4, np.float32)},
        folder / "model.safetensors",
    )
    (folder / "config.json").write_text(json.dumps({"model_type": "vision-encoder-decoder"}))
    (folder / "merges.txt").write_text("#version: 0.2\nt h\n", encoding="utf-8")
    if licence:
        (folder / "README.md").write_text(f"---\nlicense: {licence}\ntags:\n- ocr\n---\n# A model\n", encoding="utf-8")
    return folder


def write_gguf(
    path: Path, *, template: str | None = TEMPLATE, licence: str = "apache-2.0", arch: str = "llama"
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, arch)
    if licence:
        writer.add_license(licence)
    if template is not None:
        writer.add_chat_template(template)
    writer.add_token_list(["a", "b", "¬"])
    writer.add_array("some.numbers", [1, 2, 3])
    writer.add_float32("some.number", 0.5)
    writer.add_tensor("token_embd.weight", np.ones((3, 4), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
