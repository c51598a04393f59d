"""Room on the disk: uploads stop before it is full, because PostgreSQL and the workers need some to go on."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.utils.translation import gettext as _

from transcription.errors import StorageFull
from transcription.steps.files import scratch_folder

_FULL = {errno.ENOSPC, errno.EDQUOT}


def room() -> int:
    """Bytes that may still be received before the floor is reached; negative below it."""
    return shutil.disk_usage(scratch_folder()).free - int(settings.MIN_FREE_BYTES)


def check_room(wanted: int) -> None:
    """Raise StorageFull unless ``wanted`` more bytes leave the floor untouched."""
    if room() < wanted:
        raise storage_full()


def storage_full() -> StorageFull:
    return StorageFull(
        _(
            "The server's disk is full up to what it keeps for itself. Nothing that arrived is lost; ask your "
            "administrator to make room, then go on."
        )
    )


@contextmanager
def told_when_full() -> Iterator[None]:
    """A disk that fills up while it is written to is StorageFull, not a crash."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise storage_full() from error
        raise
