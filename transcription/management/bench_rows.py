"""Rows for measurements, filled in by COPY, and the way to them for another process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from django.db import connection


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
