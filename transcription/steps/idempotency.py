"""Do what a key asks once: a request that is sent again gets the answer of the first, and nothing happens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now

from transcription.errors import BadInput, Conflict
from transcription.models import IdempotentAnswer

KEPT = timedelta(hours=24)
LONGEST_KEY = 255
_WAIT = "5s"
_LOCKED = "55P03"  # SQLSTATE: another request holds the key


class KeyReused(BadInput):
    """A key came with another request than before."""

    code = "idempotency-key-reused"


@dataclass(slots=True)
class Answer:
    """What was answered, or is to be; ``status`` 0: nothing yet."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


@contextmanager
def once(*, user: AbstractBaseUser, key: str, asked: bytes) -> Iterator[Answer]:
    """One transaction around what the request does and the answer that is kept for its key.

    Yields the earlier answer, or an empty one to fill in. A request that runs at the same time under the same key waits
    for this one to be committed; one that is not committed leaves nothing behind, so it can be sent again. Raises
    KeyReused where the key stands for another request, Conflict where the other one takes too long.
    """
    if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise BadInput(
            f"Idempotency-Key has 1 to {LONGEST_KEY} printable characters; a random UUID is a good one.",
            code="bad-idempotency-key",
        )
    digest = hashlib.sha256(asked).hexdigest()
    mine = IdempotentAnswer.objects.filter(user_id=user.pk, key=key)
    with transaction.atomic():
        mine.filter(created_at__lt=Now() - KEPT).delete()
        _claim(user.pk, key, digest)
        row = mine.get()
        if row.digest != digest:
            raise KeyReused(
                "This Idempotency-Key was used for another request. Send the same body, or use a new key for a new one."
            )
        answer = Answer(row.status, row.headers, row.body)
        yield answer
        if not row.status:
            mine.update(status=answer.status, headers=answer.headers, body=answer.body)


def _claim(user_id: int, key: str, digest: str) -> None:
    """Add the key unless it is there; waits where another transaction is adding it."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_WAIT])
            cursor.execute(
                "INSERT INTO transcription_idempotentanswer (user_id, key, digest, status, headers, body, created_at) "
                "VALUES (%s, %s, %s, 0, '{}', '', clock_timestamp()) ON CONFLICT (user_id, key) DO NOTHING",
                [user_id, key, digest],
            )
            cursor.execute("SELECT set_config('lock_timeout', '0', true)")
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != _LOCKED:
            raise
        raise Conflict(
            "A request with this Idempotency-Key is being answered. Ask again in a moment.", code="in-progress"
        ) from error


def forget_answers() -> int:
    """Delete the answers that are no longer kept; returns how many."""
    return IdempotentAnswer.objects.filter(created_at__lt=Now() - KEPT).delete()[0]
