"""The web process with places to die at: it kills itself, once, where a file named after the place lies."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from project.wsgi import application
from transcription.steps import incoming, store

__all__ = ["application"]


def _die(place: str) -> None:
    plant = Path(os.environ["LONGHAND_DATA"]) / "die" / place
    if plant.exists():
        plant.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def _dying(module: Any, name: str, *, before: str = "", after: str = "") -> None:
    real: Callable[..., Any] = getattr(module, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        if before:
            _die(before)
        result = real(*args, **kwargs)
        if after:
            _die(after)
        return result

    setattr(module, name, call)


_dying(incoming, "_write", after="piece-written")
_dying(incoming, "_acknowledge", before="piece-on-disk", after="piece-acknowledged")
_dying(store, "put_beside", before="whole", after="in-the-storage")
_dying(incoming, "_note", after="before-commit")
_dying(incoming, "_settle", after="committed")
