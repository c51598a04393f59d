"""Extensions of PostgreSQL, with a word to whoever must allow them."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.operations import CreateExtension
from django.db import DatabaseError, OperationalError


class NeededExtension(CreateExtension):
    """CREATE EXTENSION, which says what an administrator has to do where this user may not or the server has none."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        except DatabaseError as error:
            database = schema_editor.connection.settings_dict["NAME"]
            raise OperationalError(
                f"PostgreSQL did not make the extension {self.name} ({str(error).splitlines()[0]}). Have an "
                f"administrator of the server run, in the database {database}: CREATE EXTENSION {self.name}; (where it "
                "is not available, its contrib package is to be installed first: postgresql-contrib). Then migrate "
                "again."
            ) from error
