"""Engines by name, as settings declare them. Nothing is imported before it is used, so a web process may ask for an
engine's digest without loading what reads."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from transcription.engines.base import PageReader, Recognizer, Segmenter
from transcription.errors import PermanentError, WeightsError

WEIGHTS = Path(__file__).parent / "weights"


class EngineDeclaration(TypedDict):
    """One entry of settings.ENGINES. ``VERSION`` changes when the code reads differently with the same weights.

    ``RUNTIME`` holds options that change how fast an engine reads on this machine and never what: they are no part of
    its digest, or machines of unlike sizes could not work on one queue. ``FILES`` are options that name files beside
    the weights; their bytes are part of the engine as those of ``WEIGHTS`` are. ``MODEL`` names a model that was
    brought to this installation: its folder is given to the class as ``model``. ``READS`` says what a profile may use
    the engine for ("lines", "pages", "print": lines of print only); one without it reads nothing.
    """

    CLASS: str
    VERSION: str
    OPTIONS: NotRequired[dict[str, Any]]
    RUNTIME: NotRequired[dict[str, Any]]
    WEIGHTS: NotRequired[str]
    MODEL: NotRequired[str]
    READS: NotRequired[list[Literal["lines", "pages", "print"]]]
    FILES: NotRequired[dict[str, list[str]]]


class UnknownEngine(PermanentError):
    code = "unknown-engine"


class Registry:
    """The engines of one process: declared in ``declarations``, built on first use, kept."""

    def __init__(self, declarations: Mapping[str, EngineDeclaration]) -> None:
        self._declarations = declarations
        self._built: dict[str, object] = {}

    def names(self) -> list[str]:
        return list(self._declarations)

    def readers(self) -> dict[str, list[str]]:
        """Engines that a profile may read with, and what each reads."""
        found = {name: declared.get("READS", []) for name, declared in self._declarations.items()}
        return {name: [str(each) for each in reads] for name, reads in found.items() if reads}

    def digest(self, name: str) -> str:
        """SHA-256 over class, version, options and the bytes of weights and files: the engine's exact state."""
        declared = self._declared(name)
        weights = file_digest(WEIGHTS / declared["WEIGHTS"]) if "WEIGHTS" in declared else ""
        state: list[Any] = [declared["CLASS"], declared["VERSION"], declared.get("OPTIONS", {}), weights]
        if "FILES" in declared:
            options = declared["FILES"].items()
            state.append({option: [[name, file_digest(WEIGHTS / name)] for name in files] for option, files in options})
        return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()

    def recognizer(self, name: str) -> Recognizer:
        engine = self._build(name)
        if not isinstance(engine, Recognizer):
            raise UnknownEngine(f"Engine “{name}” does not read lines; choose another in the profile.")
        return engine

    def segmenter(self, name: str) -> Segmenter:
        engine = self._build(name)
        if not isinstance(engine, Segmenter):
            raise UnknownEngine(f"Engine “{name}” does not find lines; choose another in the profile.")
        return engine

    def page_reader(self, name: str) -> PageReader:
        engine = self._build(name)
        if not isinstance(engine, PageReader):
            raise UnknownEngine(f"Engine “{name}” does not read whole pages; choose another in the profile.")
        return engine

    def _declared(self, name: str) -> EngineDeclaration:
        try:
            return self._declarations[name]
        except KeyError:
            known = ", ".join(self._declarations)
            raise UnknownEngine(f"No engine is called “{name}”; settings.ENGINES has {known}.") from None

    def _build(self, name: str) -> object:
        if name not in self._built:
            declared = self._declared(name)
            module, _, attribute = declared["CLASS"].rpartition(".")
            engine_class = getattr(importlib.import_module(module), attribute)
            options = declared.get("OPTIONS", {}) | declared.get("RUNTIME", {})
            if "WEIGHTS" in declared:
                options["weights"] = WEIGHTS / declared["WEIGHTS"]
            for option, files in declared.get("FILES", {}).items():
                options[option] = [WEIGHTS / name for name in files]
            self._built[name] = engine_class(**options)
        return self._built[name]


def file_digest(path: Path) -> str:
    """SHA-256 of a file, remembered for as long as its size and time stay. Raises WeightsError if it is missing."""
    try:
        stat = path.stat()
    except OSError as error:
        raise WeightsError(f"{path} is missing; restore it from the repository or train it again.") from error
    return _digest_of(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest_of(path: Path, size: int, mtime: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
