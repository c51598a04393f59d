from __future__ import annotations

from pathlib import Path

import pytest

from transcription.engines.model_store.store import ModelStore


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store")
