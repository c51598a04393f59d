"""Engines by name, as settings declare them and as models were brought. Nothing is imported before it is used, so a
web process may ask for an engine's digest without loading what reads."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from transcription.engines.base import PageReader, Recognizer, Segmenter, TextScorer
from transcription.engines.loaded import LoadedEngines
from transcription.engines.model_store.kinds import KINDS
from transcription.engines.model_store.store import ModelStore, file_sha256
from transcription.errors import PermanentError, WeightsError

WEIGHTS = Path(__file__).parent / "weights"
PROMPTS = Path(__file__).parent / "prompts"


class EngineDeclaration(TypedDict):
    """One entry of settings.ENGINES. ``VERSION`` changes when the code reads differently with the same weights.

    ``RUNTIME`` holds options that change how fast an engine reads on this machine and never what: they are no part of
    its digest, or machines of unlike sizes could not work on one queue. ``FILES`` are options that name files beside
    the weights; their bytes are part of the engine as those of ``WEIGHTS`` are. ``MODEL`` names a model that was
    brought to this installation: its folder is given to the class as ``model``. ``READS`` says what a profile may use
    the engine for ("lines", "pages", "print": lines of print only); one without it reads nothing. A worker holds the
    engine only where the Python ``PACKAGES`` are installed and where ``PROBE``, the path of a function that takes the
    engine's options, has nothing to say against it. ``LITERAL`` engines put down letter for letter what they see: they
    cannot translate.
    """

    CLASS: str
    VERSION: str
    OPTIONS: NotRequired[dict[str, Any]]
    RUNTIME: NotRequired[dict[str, Any]]
    WEIGHTS: NotRequired[str]
    MODEL: NotRequired[str]
    READS: NotRequired[list[Literal["lines", "pages", "print"]]]
    FILES: NotRequired[dict[str, list[str]]]
    PACKAGES: NotRequired[list[str]]
    PROBE: NotRequired[str]
    LITERAL: NotRequired[bool]


class UnknownEngine(PermanentError):
    code = "unknown-engine"


LOADED_OVER_FILES = 1.2  # what a model takes in memory, over the bytes of its files


class Registry:
    """The engines of one process: those of ``declarations`` and one for each brought model, looked up anew whenever
    they are asked for; built on first use, kept until they are idle. ``held`` names those that this process may hold
    (all when empty); ``runtime`` are the options of brought models that change how fast they read, never what."""

    def __init__(
        self,
        declarations: Mapping[str, EngineDeclaration],
        models: ModelStore | None = None,
        *,
        held: Collection[str] = (),
        runtime: Mapping[str, Any] | None = None,
    ) -> None:
        self._declarations = declarations
        self._models = models
        self._held = frozenset(held)
        self._runtime = dict(runtime or {})
        self._loaded = LoadedEngines()

    def names(self) -> list[str]:
        brought = self._models.names() if self._models is not None else []
        return [*self._declarations, *(name for name in brought if name not in self._declarations)]

    def readers(self) -> dict[str, list[str]]:
        """Engines that a profile may read with, and what each reads."""
        found = {name: self.declaration(name).get("READS", []) for name in self.names()}
        return {name: [str(each) for each in reads] for name, reads in found.items() if reads}

    def held(self) -> list[str]:
        """Engines that this process may be given work for: those it was told to hold and this machine can run."""
        return [name for name in self.names() if self.why_not(name) == ""]

    def why_not(self, name: str) -> str:
        """Why this process does not hold the engine; "" where it does. For workers: it may start programs."""
        if self._held and name not in self._held:
            return "LONGHAND_ENGINES does not name it"
        declared = self.declaration(name)
        for package in declared.get("PACKAGES", []):
            if not _is_installed(package):
                return f"the Python package {package} is not installed"
        if "PROBE" in declared:
            return _probed(declared["PROBE"], json.dumps(declared.get("OPTIONS", {}), sort_keys=True))
        return ""

    def digest(self, name: str) -> str:
        """SHA-256 over class, version, options and the bytes of weights and files: the engine's exact state.

        The bytes of a brought model are those its manifest says it has; they are looked at before it is loaded.
        """
        declared = self.declaration(name)
        weights = file_digest(WEIGHTS / declared["WEIGHTS"]) if "WEIGHTS" in declared else ""
        state: list[Any] = [declared["CLASS"], declared["VERSION"], declared.get("OPTIONS", {}), weights]
        if declared.get("FILES"):
            options = declared["FILES"].items()
            state.append({option: [[name, file_digest(WEIGHTS / name)] for name in files] for option, files in options})
        if "MODEL" in declared:
            state.append([self._store().manifest(declared["MODEL"]).state, declared.get("READS", [])])
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

    def scorer(self, name: str) -> TextScorer:
        engine = self._build(name)
        if not isinstance(engine, TextScorer):
            raise UnknownEngine(f"Engine “{name}” cannot say how probable a text is; choose another in the profile.")
        return engine

    def page_reader(self, name: str) -> PageReader:
        engine = self._build(name)
        if not isinstance(engine, PageReader):
            raise UnknownEngine(f"Engine “{name}” does not read whole pages; choose another in the profile.")
        return engine

    def loaded(self) -> list[str]:
        """Engines in memory at this moment."""
        return self._loaded.names()

    def is_loading(self) -> bool:
        """Whether a thread of this process is just loading an engine."""
        return self._loaded.is_loading

    def in_use(self) -> AbstractContextManager[None]:
        """While this is open, no engine is unloaded."""
        return self._loaded.in_use()

    def release_idle(self, seconds: float, why: str) -> list[str]:
        """Unload the engines that were not used for so long, unless some are in use; their names."""
        return self._loaded.release_idle(seconds, why)

    def declaration(self, name: str) -> EngineDeclaration:
        """What settings or the manifest of a brought model say of the engine. Raises UnknownEngine."""
        if name in self._declarations:
            return self._declarations[name]
        try:
            manifest = self._store().manifest(name)
        except WeightsError:
            known = ", ".join(self.names())
            raise UnknownEngine(f"No engine is called “{name}”; there are {known}.") from None
        kind = KINDS[manifest.engine]
        return {
            "CLASS": kind.engine_class,
            "VERSION": kind.version,
            "OPTIONS": dict(manifest.options),
            "RUNTIME": {option: value for option, value in self._runtime.items() if option in kind.runtime},
            "MODEL": name,
            "READS": list(manifest.reads or kind.reads[:1]),
            "FILES": kind.files,
            "PACKAGES": list(kind.packages),
        }

    def family(self, name: str) -> str:
        """Engines of one class read with the same eyes and err together; one that is gone is its own family."""
        try:
            return self.declaration(name)["CLASS"]
        except UnknownEngine:
            return name

    def voice(self, name: str) -> str:
        """Engines of one voice err together, and a vote hears their passes as correlated: those of one class with the
        same weights, and where a class runs models of any origin, those that run the same model. One that is gone is
        its own voice."""
        try:
            declared = self.declaration(name)
        except UnknownEngine:
            return name
        model: object = declared.get("OPTIONS", {}).get("model", "")  # of an endpoint
        if "MODEL" in declared:
            manifest = self._store().manifest(declared["MODEL"])
            model = "" if KINDS[manifest.engine].one_lineage else manifest.state
        return f"{declared['CLASS']} {json.dumps(model or declared.get('WEIGHTS', ''))}"

    def is_literal(self, name: str) -> bool:
        """Whether it is declared so; an engine that is gone may have been a language model."""
        try:
            return self.declaration(name).get("LITERAL", False)
        except UnknownEngine:
            return False

    def prompts(self) -> tuple[str, ...]:
        """What language models of this installation are asked: the bundled prompts, and those in settings."""
        declared = [str(each.get("OPTIONS", {}).get("prompt", "")) for each in self._declarations.values()]
        return tuple(dict.fromkeys(filter(None, [*_bundled_prompts(), *declared])))

    def _store(self) -> ModelStore:
        if self._models is None:
            raise WeightsError("This process knows no folder of brought models; set LONGHAND_MODELS.")
        return self._models

    def _build(self, name: str) -> object:
        declared = self.declaration(name)
        model = declared.get("MODEL")
        needs = int(self._store().manifest(model).size * LOADED_OVER_FILES) if model is not None else 0
        return self._loaded.get(name, self._state(name, declared), lambda: self._made(declared), needs=needs)

    def _state(self, name: str, declared: EngineDeclaration) -> str:
        """What makes a built engine another one. Of engines in settings, nothing does while the process lives."""
        return self.digest(name) if "MODEL" in declared else ""

    def _made(self, declared: EngineDeclaration) -> object:
        options = declared.get("OPTIONS", {}) | declared.get("RUNTIME", {})
        if "WEIGHTS" in declared:
            options["weights"] = WEIGHTS / declared["WEIGHTS"]
        for option, files in declared.get("FILES", {}).items():
            options[option] = [WEIGHTS / name for name in files]
        if "MODEL" in declared:
            self._store().check(declared["MODEL"])
            options["model"] = self._store().path(declared["MODEL"])
        # What reads is here or nowhere: no library may look on the network for what a model lacks.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        return _named(declared["CLASS"])(**options)


def _named(path: str) -> Any:
    module, _, attribute = path.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


@cache
def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


@cache
def _probed(path: str, options: str) -> str:
    return str(_named(path)(**json.loads(options)))


@cache
def _bundled_prompts() -> tuple[str, ...]:
    return tuple(path.read_text(encoding="utf-8") for path in sorted(PROMPTS.glob("*.txt")))


def file_digest(path: Path) -> str:
    """SHA-256 of a file, remembered for as long as its size and time stay. Raises WeightsError if it is missing."""
    try:
        stat = path.stat()
    except OSError as error:
        raise WeightsError(f"{path} is missing; restore it from the repository or train it again.") from error
    return _digest_of(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest_of(path: Path, size: int, mtime: int) -> str:
    return file_sha256(path)
