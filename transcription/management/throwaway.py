"""A database that is made for a benchmark and thrown away with it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from django.conf import settings
from django.db import connection

from project import services


@contextmanager
def throwaway_database(say: Callable[[str], object]) -> Iterator[None]:
    """On a server of its own where Longhand brings its own."""
    with tempfile.TemporaryDirectory(prefix="longhand-bench-") as name:
        folder = Path(name) / "services"
        if settings.EMBEDDED_DATABASE:
            say("starting PostgreSQL")
            started = services.start(folder, valkey=False, durable=False)
            connection.settings_dict["HOST"] = unquote(started.database_url.rpartition("host=")[2])
        connection.close()
        before = connection.settings_dict["NAME"]
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        try:
            yield
        finally:
            connection.creation.destroy_test_db(before, verbosity=0)
            connection.close()
            if settings.EMBEDDED_DATABASE:
                services.stop(folder)
