"""Whether a file may be part of a model: safetensors, GGUF and texts, nothing that runs when it is opened."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transcription.engines.model_store.gguf_header import read_gguf_header
from transcription.errors import WeightsError

TAKEN = (".safetensors", ".gguf", ".json", ".txt", ".model")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".pdparams")
CODE = (".py", ".pyc", ".so", ".dll", ".dylib", ".sh", ".exe")
# A zip archive (torch's own format since 1.6) and the first two bytes of pickle's protocols 2 to 5.
PICKLE_BEGINNINGS = (b"PK\x03\x04", *(bytes([0x80, protocol]) for protocol in range(2, 6)))
LARGEST_TEXT = 256 * 2**20  # bytes of a JSON or text file: the largest tokenizer seen has 35 MB
LONGEST_HEADER = 100_000_000  # bytes, as the safetensors library itself allows
BITS = {"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16}
BITS |= {"BF16": 16, "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64, "C64": 64, "F4": 4}
BITS |= {"F6_E2M3": 6, "F6_E3M2": 6}


def is_taken(name: str) -> bool:
    """Whether files of this name's kind are part of models."""
    return name.lower().endswith(TAKEN)


def faults(path: Path, name: str) -> Iterator[str]:
    """Why the file at ``path``, called ``name`` in its model, may not be loaded: a sentence each; none when it may."""
    kind = Path(name).suffix.lower()
    if kind in PICKLES:
        yield f"{name} is a pickle: opening one runs whatever it says; take the model as safetensors or GGUF."
        return
    if kind in CODE:
        yield f"{name} is code: Longhand runs none that comes with a model."
        return
    if kind not in TAKEN:
        yield f"{name} is of a kind that Longhand does not take ({', '.join(TAKEN)})."
        return
    with path.open("rb") as file:
        beginning = file.read(4)
    if beginning.startswith(PICKLE_BEGINNINGS):
        yield f"{name} is a pickle under another name: opening one runs whatever it says."
        return
    try:
        yield from _LOOK[kind](path, name)
    except WeightsError as error:
        yield error.message


def chat_template_digest(path: Path) -> str | None:
    """SHA-256 of a GGUF file's chat template; None where it has none. Raises WeightsError on a damaged file."""
    template = read_gguf_header(path).chat_template
    return None if template is None else hashlib.sha256(template.encode()).hexdigest()


def _look_at_safetensors(path: Path, name: str) -> Iterator[str]:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(LONGEST_HEADER, size - 8):
            yield f"{name} is no safetensors file: its header would have {length} bytes of the file's {size}."
            return
        raw = file.read(length)
    try:
        header = json.loads(raw, object_pairs_hook=_without_doubles)
        places = [_place(tensor, value) for tensor, value in header.items() if tensor != "__metadata__"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        yield f"The header of {name} is wrong: {error}."
        return
    places.sort()
    ends = 0
    for begin, end, tensor in places:
        if begin != ends:
            what = "overlaps another" if begin < ends else "leaves a gap before it"
            yield f"The header of {name} lies: its tensor {tensor} {what}."
            return
        ends = end
    if ends != size - 8 - length:
        yield f"The header of {name} lies: it speaks of {ends} bytes, and {size - 8 - length} follow."


def _place(tensor: str, value: dict[str, Any]) -> tuple[int, int, str]:
    """Where a tensor begins and ends. Raises ValueError where its size is not that of its shape."""
    begin, end = value["data_offsets"]
    shape = value["shape"]
    if not all(type(number) is int and number >= 0 for number in (begin, end, *shape)):
        raise ValueError(f"the tensor {tensor} has a shape or a place that is not in whole numbers")
    needed = math.prod(shape) * BITS[value["dtype"]]
    if (end - begin) * 8 != needed:
        raise ValueError(f"the tensor {tensor} takes {end - begin} bytes where its shape needs {needed / 8:.0f}")
    return begin, end, tensor


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _look_at_gguf(path: Path, name: str) -> Iterator[str]:
    read_gguf_header(path)
    return iter(())


def _look_at_json(path: Path, name: str) -> Iterator[str]:
    text = _text(path, name)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        yield f"{name} is no JSON: {error}."
        return
    if _names_code(found):
        yield f"{name} asks for code of its own (auto_map): Longhand runs none that comes with a model."


def _names_code(found: object) -> bool:
    """Whether ``auto_map`` stands in it, at any depth: transformers would fetch and run what it names."""
    waiting = [found]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if each.get("auto_map") or each.get("custom_pipelines"):
                return True
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return False


def _look_at_text(path: Path, name: str) -> Iterator[str]:
    if "\x00" in _text(path, name):
        yield f"{name} is no text: it holds NUL characters."


def _text(path: Path, name: str) -> str:
    if path.stat().st_size > LARGEST_TEXT:
        raise WeightsError(f"{name} has more than {LARGEST_TEXT // 2**20} MiB; no such file of a model has.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise WeightsError(f"{name} is no text in UTF-8 ({error.reason} at byte {error.start}).") from error


def _look_at_sentencepiece(path: Path, name: str) -> Iterator[str]:
    with path.open("rb") as file:
        if file.read(1) != b"\x0a":  # a protocol buffer whose first field is its list of pieces
            yield f"{name} is no SentencePiece model."


_LOOK = {
    ".safetensors": _look_at_safetensors,
    ".gguf": _look_at_gguf,
    ".json": _look_at_json,
    ".txt": _look_at_text,
    ".model": _look_at_sentencepiece,
}
