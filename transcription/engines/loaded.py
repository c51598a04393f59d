"""The engines that one process has in memory: each built once, kept while it is used, let go when it is not."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from transcription.engines import memory
from transcription.engines.base import Releasable

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Loaded:
    engine: object
    digest: str
    used: float  # time.monotonic()


class LoadedEngines:
    """Engines by name and digest. Threads may ask for them at once; only one of them builds."""

    def __init__(self) -> None:
        self._loaded: dict[str, _Loaded] = {}
        self._lock = threading.RLock()
        self._users = 0
        self._building = False

    @property
    def is_loading(self) -> bool:
        """Whether a thread is just building an engine; a large one takes minutes."""
        return self._building

    def names(self) -> list[str]:
        return sorted(self._loaded)

    def get(self, name: str, digest: str, build: Callable[[], object], *, needs: int = 0) -> object:
        """The engine ``name`` at the state ``digest``, built where it is not there or is of another state.

        ``needs`` is about how many bytes it takes: engines that were not used for longest make room for it.
        """
        with self._lock:
            found = self._loaded.get(name)
            if found is not None and found.digest != digest:
                self._drop([name], "its model or its options changed")
                found = None
            if found is None:
                self._make_room(needs)
                began = time.monotonic()
                self._building = True
                try:
                    found = self._loaded[name] = _Loaded(build(), digest, began)
                finally:
                    self._building = False
                logger.info("Engine %s was loaded in %.1f s.", name, time.monotonic() - began)
            found.used = time.monotonic()
            return found.engine

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While this is open, nothing is let go that was asked for in it or before."""
        with self._lock:
            self._users += 1
        began = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                for each in self._loaded.values():
                    if each.used >= began:
                        each.used = time.monotonic()

    def release_idle(self, seconds: float, why: str) -> list[str]:
        """Let go of what was not used for ``seconds``, unless anything is in use or being built; its names."""
        if not self._lock.acquire(blocking=False):
            return []
        try:
            now = time.monotonic()
            idle = [name for name, each in self._loaded.items() if now - each.used >= seconds]
            return self._drop(idle, why) if idle and not self._users else []
        finally:
            self._lock.release()

    def _make_room(self, needs: int) -> None:
        for name in sorted(self._loaded, key=lambda name: self._loaded[name].used):
            if memory.available() >= needs and not memory.is_short():
                return
            self._drop([name], "another engine needs its memory")

    def _drop(self, names: list[str], why: str) -> list[str]:
        for name in names:
            engine = self._loaded.pop(name).engine
            if isinstance(engine, Releasable):
                engine.release()
            del engine
            logger.info("Engine %s was unloaded: %s.", name, why)
        memory.give_back()
        return names
