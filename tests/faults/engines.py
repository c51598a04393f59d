"""Engines that fail on purpose, around the real one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from transcription.engines.segmenters.classical import ClassicalSegmenter
from transcription.engines.starter import Starter
from transcription.htr.records import Gray, Hints, ItemError, LayoutRecord, LineImage, ReadingRecord

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


class SpreadSegmenter(ClassicalSegmenter):
    """The classical segmenter, which takes what is high for a spread on its side and what is wide for a spread."""

    def segment(self, image: Gray) -> LayoutRecord:
        height, width = image.shape
        found = super().segment(image)
        if height > 2 * width:
            return replace(found, lines=(), turn=1)
        return replace(found, gutter=width // 2 if width > 2 * height else None)
