"""People in every relation to one collection, each with a browser of their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import create_collection, create_membership, create_user
from transcription.models import Collection, Role


@pytest.fixture
def collection(db: None) -> Collection:
    return create_collection(title="Vestry minutes")


@pytest.fixture
def member(collection: Collection) -> Callable[[Role], Client]:
    """Make a client that is logged in as a new member with a role."""

    def log_in(role: Role) -> Client:
        return client_of(create_membership(collection=collection, role=role).user)

    return log_in


@pytest.fixture
def stranger(db: None) -> Client:
    return client_of(create_user())


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
