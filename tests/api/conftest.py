from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from tests.steps.scribe import scribe

__all__ = ["scribe"]


@pytest.fixture(autouse=True)
def lines_found_without_a_network(settings: Settings) -> None:
    """What finds lines is no concern of these tests: the quick one does."""
    settings.SEGMENTERS = ["classical"]
