"""Words of a language, one a line, as `htr.lexicon.core_of` spells them: bundled beside the weights."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from transcription.engines.registry import WEIGHTS
from transcription.htr.languages import language_tag


@lru_cache(maxsize=4)  # about 5 MB each
def word_list(language: str, folder: Path = WEIGHTS) -> frozenset[str] | None:
    """The words of a language by its tag or a collection's name for it; None where none are bundled."""
    path = list_path(language_tag(language).partition("-")[0].lower(), folder)
    if path is None or not path.exists():
        return None
    return frozenset(gzip.decompress(path.read_bytes()).decode().splitlines())


def list_path(language: str, folder: Path = WEIGHTS) -> Path | None:
    return folder / f"words-{language}.txt.gz" if language.isalpha() else None


def save_word_list(words: Iterable[str], path: Path) -> None:
    """Write ``words`` sorted, the same bytes for the same words."""
    path.write_bytes(gzip.compress("\n".join(sorted(set(words))).encode(), mtime=0))
