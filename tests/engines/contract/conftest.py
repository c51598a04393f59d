from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from transcription.engines.model_store.sources import Wanted, add_folder
from transcription.engines.model_store.store import ModelStore
from transcription.engines.registry import Registry

LLAVA_OPTIONS = {"context": 256, "page_context": 256, "max_tokens": 12, "page_max_tokens": 24}


@pytest.fixture(scope="session")
def brought(tmp_path_factory: pytest.TempPathFactory, small_trocr: Path) -> ModelStore:
    """A store with the two small models, taken in as a person would bring them."""
    store = ModelStore(tmp_path_factory.mktemp("models"))
    add_folder(store, small_trocr, Wanted("small-trocr", licence="mit"))
    try:
        from transcription.training.small_llava import write_small_llava
    except ImportError:
        return store  # the extra llamacpp is not installed: its case is skipped
    folder = tmp_path_factory.mktemp("small-llava")
    write_small_llava(folder)
    add_folder(store, folder, Wanted("small-llava", licence="mit", options=LLAVA_OPTIONS))
    return store


@pytest.fixture(scope="session")
def engines(brought: ModelStore) -> Registry:
    """The engines of settings and those two, as a worker holds them."""
    return Registry(settings.ENGINES, brought, runtime={"threads": 1, "device": "cpu"})
