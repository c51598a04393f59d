"""The header of a GGUF file, as far as it must be known before llama.cpp is given the file.

Read front to back with every length checked against the file: it comes from strangers. Layout: ggml/docs/gguf.md.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from transcription.errors import WeightsError

MAGIC = b"GGUF"
STRING, ARRAY = 8, 9
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
MOST_KEYS, LONGEST_KEY, LONGEST_STRING, MOST_ELEMENTS = 10_000, 65_535, 2**24, 2**24
CHAT_TEMPLATE = "tokenizer.chat_template"


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """``strings`` are the string values of the file by their keys."""

    version: int
    tensors: int
    strings: dict[str, str]

    @property
    def architecture(self) -> str:
        return self.strings.get("general.architecture", "")

    @property
    def is_projector(self) -> bool:
        return self.architecture == "clip"

    @property
    def chat_template(self) -> str | None:
        """The template; where there are several, all of them with their keys as one text; None without any."""
        templates = {key: text for key, text in self.strings.items() if key.startswith(CHAT_TEMPLATE)}
        if templates.keys() == {CHAT_TEMPLATE}:
            return templates[CHAT_TEMPLATE]
        return "\x00".join(f"{key}\x00{templates[key]}" for key in sorted(templates)) if templates else None


def read_gguf_header(path: Path) -> GgufHeader:
    """Raises WeightsError when the file is no GGUF or its header does not add up."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise WeightsError(f"{path.name} does not begin as a GGUF file does.")
        try:
            return _read(file, size)
        except (struct.error, UnicodeDecodeError, _Lie) as error:
            raise WeightsError(f"{path.name} has a GGUF header that does not add up ({error}).") from error


class _Lie(Exception):
    """The header says what cannot be."""


def _read(file: BinaryIO, size: int) -> GgufHeader:
    (version,) = _unpack(file, "I")
    if version not in (2, 3):
        raise _Lie(f"version {version}, expected 2 or 3, little-endian")
    tensors, keys = _unpack(file, "QQ")
    if keys > MOST_KEYS or tensors > size:
        raise _Lie(f"{keys} keys and {tensors} tensors")
    strings: dict[str, str] = {}
    seen: set[str] = set()
    for _ in range(keys):
        key = _string(file, size, LONGEST_KEY)
        if key in seen:
            raise _Lie(f"the key {key} twice")
        seen.add(key)
        (kind,) = _unpack(file, "I")
        if kind == STRING:
            strings[key] = _string(file, size, LONGEST_STRING)
        else:
            _skip(file, kind, size)
    return GgufHeader(version, tensors, strings)


def _skip(file: BinaryIO, kind: int, size: int) -> None:
    if kind in SCALARS:
        file.seek(struct.calcsize(f"<{SCALARS[kind]}"), 1)
        return
    if kind != ARRAY:
        raise _Lie(f"a value of type {kind}")
    of, count = _unpack(file, "IQ")
    if count > MOST_ELEMENTS or file.tell() + count > size:
        raise _Lie(f"an array of {count} elements")
    if of in SCALARS:
        file.seek(count * struct.calcsize(f"<{SCALARS[of]}"), 1)
    elif of == STRING:
        for _ in range(count):
            (length,) = _unpack(file, "Q")
            _step(file, length, size)
    else:
        raise _Lie(f"an array of type {of}")


def _string(file: BinaryIO, size: int, most: int) -> str:
    (length,) = _unpack(file, "Q")
    if length > most or file.tell() + length > size:
        raise _Lie(f"a text of {length} bytes")
    return file.read(length).decode("utf-8")


def _step(file: BinaryIO, length: int, size: int) -> None:
    if file.tell() + length > size:
        raise _Lie(f"a text of {length} bytes")
    file.seek(length, 1)


def _unpack(file: BinaryIO, format_: str) -> tuple[int, ...]:
    form = f"<{format_}"
    return struct.unpack(form, file.read(struct.calcsize(form)))
