"""Write a line of the audit log: `record` is called by whatever does the deed, in the same transaction.

Who asks is known from the request at hand (`asking`); work that no request began is Longhand's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.contrib.auth.models import User

from transcription.models import Collection, Deed
from transcription.models.deed import Verb

Detail = str | int | float | bool | None | list[str] | list[int]
_SECRET = re.compile(r"password|secret|token|cookie|credential|private", re.IGNORECASE)
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Asker:
    user: User | None
    address: str | None


_asker: ContextVar[Asker | None] = ContextVar("asker", default=None)


@contextmanager
def asking(asker: Asker) -> Iterator[None]:
    """Within it, deeds are ``asker``'s unless they name another actor."""
    before = _asker.set(asker)
    try:
        yield
    finally:
        _asker.reset(before)


def record(
    verb: Verb,
    *,
    about: object = "",
    collection: Collection | int | None = None,
    actor: User | None = None,
    details: Mapping[str, Detail] | None = None,
) -> Deed:
    """Append one deed. Raises ValueError for a detail whose name says that it is a secret: a log is read by many."""
    kept = dict(details or {})
    if secret := [name for name in kept if _SECRET.search(name)]:
        raise ValueError(f"{', '.join(secret)}: secrets have no place in the audit log")
    asker = _asker.get()
    return Deed.objects.create(
        verb=verb,
        actor=actor or (asker.user if asker else None),
        address=asker.address if asker else None,
        collection_id=collection.pk if isinstance(collection, Collection) else collection,
        about=str(about)[:_LONGEST],
        details=kept,
    )
