"""A second pair of eyes in an engine worker: a thread that sees an engine hang, memory run short, models lie idle.

An engine that makes no progress for as long as a lease lasts has lost its work to others already; what it would still
find could not be written. Nothing but the end of its process stops native code, so the process ends; its worker
starts a fresh one at once, and the work, tried alone, is set aside when that happens to it a third time.

The ceiling on memory is kept by ending turns and processes, not by RLIMIT_AS: torch and CUDA reserve address space by
the tens of gigabytes and mapped weights count in it, so that a limit on it says nothing about memory held.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from transcription.engines import memory
from transcription.steps.profiles import registry

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.5  # seconds
HARD = 1.5  # times the ceiling: ended in the middle of its work
IN_A_HURRY = 10.0  # seconds: what is idle for so long goes when memory is short
EXIT_HANGING, EXIT_TOO_LARGE = 75, 76
_moved_at: float | None = None  # time.monotonic() of the last progress; None while nothing is computed
_watching = threading.Lock()


@contextmanager
def working() -> Iterator[None]:
    """Engines compute while this is open and are watched."""
    global _moved_at
    _moved_at = time.monotonic()
    try:
        yield
    finally:
        _moved_at = None


def progress() -> None:
    """An engine has given a result."""
    global _moved_at
    if _moved_at is not None:
        _moved_at = time.monotonic()


def is_over_ceiling() -> bool:
    """Whether this process holds more than it may even after letting go of what is idle."""
    ceiling = settings.ENGINE_MEMORY_BYTES
    if not ceiling or memory.resident() <= ceiling:
        return False
    if registry().release_idle(IN_A_HURRY, "this process is at its ceiling") and memory.resident() <= ceiling:
        return False
    logger.warning("This worker has reached its ceiling of %d MiB; a fresh one takes over.", ceiling // 2**20)
    return True


def keep_watch() -> None:
    """Start the watching thread of this process, once. For worker processes: it ends them."""
    if _watching.acquire(blocking=False):
        threading.Thread(target=_watch_for_ever, name="watch", daemon=True).start()


def _watch_for_ever() -> None:
    while True:
        time.sleep(LOOK_EVERY)
        look()


def look() -> None:
    """One look: ends the process, unloads what is idle, or does nothing."""
    if registry().is_loading():
        progress()  # that is slow, not stuck
    moved_at = _moved_at
    if moved_at is not None and time.monotonic() - moved_at > settings.LEASE_SECONDS:
        _end(EXIT_HANGING, f"no line was read for {settings.LEASE_SECONDS} s: an engine hangs, its work is lost")
    ceiling = settings.ENGINE_MEMORY_BYTES
    if ceiling and memory.resident() > HARD * ceiling:
        _end(EXIT_TOO_LARGE, f"it holds more than {HARD:g} times its ceiling of {ceiling // 2**20} MiB")
    registry().release_idle(float(settings.ENGINE_IDLE_SECONDS), f"idle for {settings.ENGINE_IDLE_SECONDS} s")
    if memory.is_short():
        registry().release_idle(IN_A_HURRY, "memory is short")


def _end(status: int, why: str) -> None:
    logger.error("This worker process ends itself: %s.", why)
    logging.shutdown()
    os._exit(status)
