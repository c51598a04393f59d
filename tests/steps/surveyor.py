from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from transcription.steps.profiles import registry


@pytest.fixture
def surveyor(settings: Settings) -> Iterator[Callable[..., None]]:
    """Puts tests.steps.engines.Surveyor in the place of the segmenter; call it again to change what it finds."""

    def install(**options: Any) -> None:
        settings.ENGINES = settings.ENGINES | {
            "surveyor": {"CLASS": "tests.steps.engines.Surveyor", "VERSION": "1", "RUNTIME": options}
        }
        settings.SEGMENTERS = ["surveyor"]
        registry.cache_clear()

    install()
    yield install
    registry.cache_clear()
