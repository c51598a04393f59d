"""How PostgreSQL, which refuses to run as root, can be run by whoever runs Longhand."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass


class ServicesError(Exception):
    """The embedded servers cannot do what was asked; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Rights:
    """How PostgreSQL is started: words put before its command line, and the user its files belong to."""

    prefix: tuple[str, ...]
    uid: int
    gid: int


def process_rights() -> Rights:
    """The way in which PostgreSQL can run here. Raises ServicesError where none works.

    As an ordinary user simply as oneself. As root in a user namespace in which root is called something else; where
    the kernel or the container refuses that, as an unprivileged account that keeps root's right to reach files, so
    that neither the checkout nor its parents need other permissions.
    """
    if os.geteuid() != 0:
        return Rights((), os.getuid(), os.getgid())
    namespace = ("unshare", "-U", "--map-user=1000", "--map-group=1000")
    if _works(namespace):
        return Rights(namespace, 0, 0)
    account = _unprivileged_account()
    if account:
        uid, gid = account
        dropped = ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups")
        reach = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
        for prefix in ((*dropped, *reach), dropped):
            if _works(prefix):
                return Rights(prefix, uid, gid)
    raise ServicesError(
        "PostgreSQL refuses to run as root, and this machine allows neither a user namespace (unshare -U) nor another "
        "account (setpriv); run Longhand as an ordinary user or set DATABASE_URL and REDIS_URL to servers of your own."
    )


def _works(prefix: tuple[str, ...]) -> bool:
    if shutil.which(prefix[0]) is None:
        return False
    tried = subprocess.run([*prefix, "id", "-u"], capture_output=True, text=True, check=False)
    return tried.returncode == 0 and tried.stdout.strip() not in ("", "0")


def _unprivileged_account() -> tuple[int, int] | None:
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    return None
