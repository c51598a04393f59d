"""Tesseract's command line as a reader of lines and pages: an honest baseline; it is no handwriting engine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator

import cv2

from transcription.errors import EngineFailure
from transcription.htr.records import Gray, Hints, ItemError, LineImage, ReadingRecord

LANGUAGES = {"en": "eng", "fr": "fra"}
SINGLE_LINE, WHOLE_PAGE = "7", "3"  # page segmentation modes


class Tesseract:
    """Runs the system's `tesseract` on one thread. Raises EngineFailure when it is not installed."""

    def __init__(self, *, seconds: float = 120.0) -> None:
        found = shutil.which("tesseract")
        if found is None:
            raise EngineFailure("Tesseract is not installed; on Debian: apt-get install tesseract-ocr.")
        self._program = found
        self._seconds = seconds

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        """Line by line; Tesseract's text output has no scores, so every character gets 0.5."""
        for crop in crops:
            try:
                text = " ".join(self._run(crop.pixels, SINGLE_LINE, hints.language).split())
            except EngineFailure as error:
                yield ItemError(crop.key, error.code, error.message)
                continue
            yield ReadingRecord(crop.key, text, (0.5,) * len(text))

    def read_page(self, image: Gray, language: str) -> list[str]:
        """The page's lines as Tesseract finds and reads them."""
        return [line for line in self._run(image, WHOLE_PAGE, language).splitlines() if line.strip()]

    def _run(self, image: Gray, mode: str, language: str) -> str:
        encoded = cv2.imencode(".png", image)[1].tobytes()
        known = LANGUAGES.get(language.partition("-")[0], "eng")
        command = [self._program, "stdin", "stdout", "--psm", mode, "-l", known]
        environment = os.environ | {"OMP_THREAD_LIMIT": "1"}
        try:
            done = subprocess.run(  # a fixed program, the image on stdin
                command, input=encoded, capture_output=True, timeout=self._seconds, env=environment, check=True
            )
        except subprocess.TimeoutExpired as error:
            raise EngineFailure(f"Tesseract took more than {self._seconds:.0f} s.", code="engine-timeout") from error
        except subprocess.CalledProcessError as error:
            raise EngineFailure(f"Tesseract failed: {error.stderr.decode(errors='replace')[:200]}") from error
        return done.stdout.decode("utf-8", "replace")
