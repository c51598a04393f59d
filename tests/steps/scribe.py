from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from transcription.steps.profiles import registry


@pytest.fixture
def scribe(settings: Settings) -> Iterator[Callable[..., None]]:
    """Puts tests.steps.engines.Scribe in the place of the starter; call it again to change how it behaves."""

    def install(**options: Any) -> None:
        settings.ENGINES = settings.ENGINES | {
            "starter": {"CLASS": "tests.steps.engines.Scribe", "VERSION": "1", "READS": ["lines"], "RUNTIME": options}
        }
        registry.cache_clear()

    install()
    yield install
    registry.cache_clear()
