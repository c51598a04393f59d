from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def forgotten_attempts() -> Iterator[None]:
    """allauth counts attempts in the cache of this process."""
    cache.clear()
    yield
    cache.clear()
