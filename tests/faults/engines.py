"""Engines that fail on purpose, around the real one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from transcription.engines.starter import Starter
from transcription.htr.records import Hints, ItemError, LineImage, ReadingRecord

DEADLY_WIDTH = 320  # pixels: a line image narrower than this kills the process that reads it


class FragileStarter(Starter):
    """The starter, slow enough to be caught in the middle, killed by very short lines."""

    def __init__(self, weights: Path, *, pause: float = 0.02, **options: Any) -> None:
        super().__init__(weights, **options)
        self._pause = pause

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        harmless = []
        for crop in crops:
            if crop.pixels.shape[1] < DEADLY_WIDTH:
                os.kill(os.getpid(), signal.SIGKILL)
            harmless.append(crop)
        for result in super().recognize(harmless, hints):
            time.sleep(self._pause)
            yield result
