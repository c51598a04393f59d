"""The one way past the append-only tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def may_delete() -> Iterator[None]:
    """Within it the database lets readings and revisions be deleted; else it refuses. Must run in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL longhand.purge = 'on'")
        yield
        cursor.execute("SET LOCAL longhand.purge = 'off'")
