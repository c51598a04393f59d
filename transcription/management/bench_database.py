"""A database made for a measurement and thrown away after it, filled by COPY."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

from django.conf import settings
from django.db import connection

from project import services


@contextmanager
def thrown_away_database(say: Callable[[str], object]) -> Iterator[None]:
    """A throw-away database, on a server of its own where Longhand brings its own."""
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


def url_of_database() -> str:
    """The DATABASE_URL by which another process finds the database of this connection."""
    database = connection.settings_dict
    query = {"host": database["HOST"]} | ({"port": database["PORT"]} if database["PORT"] else {})
    password = f":{quote(str(database['PASSWORD']), safe='')}" if database["PASSWORD"] else ""
    user = f"{quote(str(database['USER']), safe='')}{password}"
    return f"postgresql://{user}@/{quote(str(database['NAME']))}?{urlencode(query)}"


def copy_into(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Add rows to one of our tables, past Django and the checks of models."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY transcription_{table} ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)
