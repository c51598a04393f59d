from __future__ import annotations

import pytest
from django.db import OperationalError, connection
from django.db.migrations.state import ProjectState

from transcription.migrations._extensions import NeededExtension


@pytest.mark.django_db
def test_an_extension_that_cannot_be_made_says_what_an_administrator_has_to_do() -> None:
    operation, state = NeededExtension("no_such_extension"), ProjectState()
    with pytest.raises(OperationalError, match=r"run, in the database .*: CREATE EXTENSION no_such_extension;"):
        operation.database_forwards("transcription", connection.schema_editor(), state, state)


@pytest.mark.django_db
def test_one_that_is_there_needs_nobody() -> None:
    NeededExtension("pg_trgm").database_forwards(
        "transcription", connection.schema_editor(), ProjectState(), ProjectState()
    )
