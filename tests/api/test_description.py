"""The API as its own description says it is: schemathesis makes up requests from it, right ones and wrong ones.

A short look in the suite; ``API_EXAMPLES=200`` takes a longer one (``make fuzz-api``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from pytest_django.fixtures import Settings
from schemathesis import Case

from project.wsgi import application
from tests.api.client import Program, program
from tests.factories import create_collection, create_document, create_page, create_user

EXAMPLES = int(os.environ.get("API_EXAMPLES", "4"))

schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)


@pytest.fixture(autouse=True)
def kept_connection() -> Iterator[None]:
    """A request's end closes the connection, and the test's transaction with it."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def caller(db: None, settings: Settings) -> Program:
    settings.API_CALLS_PER_MINUTE = settings.API_BURST = 1_000_000
    user = create_user(superuser=True)
    create_page(document=create_document(collection=create_collection(owner=user)))
    return program(user)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < 10,
    suppress_health_check=list(HealthCheck),
)
def test_it_answers_as_it_is_described(case: Case[Any], caller: Program) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {caller.secret}"})
