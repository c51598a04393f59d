from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from django.conf import settings

from tests.fake_endpoint import FakeEndpoint
from transcription.engines.endpoints import Endpoint, Endpoints, declared_engines
from transcription.engines.model_store.sources import Wanted, add_folder
from transcription.engines.model_store.store import ModelStore
from transcription.engines.openai import client
from transcription.engines.registry import WEIGHTS, EngineDeclaration, Registry

LLAVA_OPTIONS = {"context": 256, "page_context": 256, "max_tokens": 12, "page_max_tokens": 24}


@pytest.fixture(scope="session")
def brought(tmp_path_factory: pytest.TempPathFactory, small_trocr: Path) -> ModelStore:
    """A store with the small models, taken in as a person would bring them."""
    store = ModelStore(tmp_path_factory.mktemp("models"))
    add_folder(store, small_trocr, Wanted("small-trocr", licence="mit"))
    try:
        from transcription.training.small_llava import write_small_llava
        from transcription.training.small_visionllm import write_small_visionllm
    except ImportError:
        return store  # the extra llamacpp is not installed: its cases are skipped
    folder = tmp_path_factory.mktemp("small-llava")
    write_small_llava(folder)
    add_folder(store, folder, Wanted("small-llava", licence="mit", options=LLAVA_OPTIONS))
    if (WEIGHTS / "starter.safetensors").exists():  # its encoder
        folder = tmp_path_factory.mktemp("small-visionllm")
        write_small_visionllm(folder)
        add_folder(store, folder, Wanted("small-visionllm", engine="visionllm", licence="mit"))
    return store


@pytest.fixture(scope="session")
def endpoint() -> Iterator[FakeEndpoint]:
    with FakeEndpoint(looks=True, keep=False).started() as started:
        yield started
        client._pacers.clear()


@pytest.fixture(scope="session")
def declared(endpoint: FakeEndpoint) -> Mapping[str, EngineDeclaration]:
    """The engines of settings, and an endpoint as endpoints.toml would declare it."""
    endpoints = Endpoints()
    options = {"url": endpoint.url, "model": "m", "prompt": "Transcribe.", "total_seconds": 5.0}
    endpoints["endpoint"] = Endpoint(name="endpoint", **options)
    return settings.ENGINES | declared_engines(endpoints)


@pytest.fixture(scope="session")
def engines(brought: ModelStore, declared: Mapping[str, EngineDeclaration]) -> Registry:
    """All of them, as a worker holds them."""
    return Registry(declared, brought, runtime={"threads": 1, "device": "cpu"})
