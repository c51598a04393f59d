"""Tesseract's command line as a reader of lines and pages: for lines of print; it is no handwriting engine."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from io import StringIO

import cv2

from transcription.errors import EngineFailure
from transcription.htr.records import Gray, Hints, ItemError, LineImage, ReadingRecord
from transcription.htr.text import clean

LANGUAGES = {"en": "eng", "fr": "fra"}
SINGLE_LINE, WHOLE_PAGE = "7", "3"  # page segmentation modes
WORD = "5"  # a row's level in its table
SMALLEST, LARGEST = 3, 32_767  # pixels a side: it refuses others


class Tesseract:
    """Runs the system's `tesseract` on one thread, a process a line (some 100 ms of which are its start).

    ``release`` is what its version must begin with ("5"; "" for any); ``languages`` gives the language pack for each
    language of hints, the first of them for all others; ``seconds`` is the most one line or page may take.
    Raises EngineFailure when it is not installed, of another release or without one of the packs.
    """

    def __init__(self, *, release: str = "", languages: Mapping[str, str] = LANGUAGES, seconds: float = 120.0) -> None:
        lack = why_not(release=release, languages=languages)
        if lack:
            raise EngineFailure(f"Tesseract cannot read here: {lack}.")
        self._program = str(_program())
        self._languages = dict(languages)
        self._seconds = seconds

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]:
        """Line by line; each character has the confidence of its word."""
        for crop in crops:
            began = time.perf_counter()
            try:
                words = self._words(crop.pixels, hints.language)
            except EngineFailure as error:
                yield ItemError(crop.key, error.code, error.message)
                continue
            text = " ".join(word for word, _ in words)
            scores = [
                score for index, (word, score) in enumerate(words) for score in [score] * (len(word) + (index > 0))
            ]
            yield ReadingRecord(crop.key, text, tuple(scores), milliseconds=(time.perf_counter() - began) * 1000)

    def read_page(self, image: Gray, language: str) -> list[str]:
        """The page's lines as Tesseract finds and reads them."""
        return [line for line in self._run(image, WHOLE_PAGE, language).splitlines() if line.strip()]

    def _words(self, image: Gray, language: str) -> list[tuple[str, float]]:
        """Words in order, each with a score in [0, 1]; several "lines" it sees in one are read on."""
        rows = csv.reader(
            StringIO(self._run(image, SINGLE_LINE, language, "tsv")), delimiter="\t", quoting=csv.QUOTE_NONE
        )
        words = [(clean(row[11]).replace(" ", ""), row[10]) for row in rows if len(row) == 12 and row[0] == WORD]
        return [(word, min(max(float(percent) / 100, 0.0), 1.0)) for word, percent in words if word]

    def _run(self, image: Gray, mode: str, language: str, *outputs: str) -> str:
        if image.ndim != 2 or min(image.shape) < SMALLEST or max(image.shape) > LARGEST:
            shape = tuple(image.shape)
            raise EngineFailure(
                f"The image has the shape {shape}; Tesseract reads (H, W) of {SMALLEST} to {LARGEST} pixels.",
                code="bad-crop",
            )
        encoded = cv2.imencode(".png", image)[1].tobytes()
        pack = self._languages.get(language.partition("-")[0], next(iter(self._languages.values())))
        # 150 dpi for lines 64 pixels high: unsaid, it guesses anew for each line and warns.
        command = [self._program, "stdin", "stdout", "--psm", mode, "--dpi", "150", "-l", pack, *outputs]
        environment = os.environ | {"OMP_THREAD_LIMIT": "1"}
        try:
            done = subprocess.run(  # a fixed program, the image on stdin
                command, input=encoded, capture_output=True, timeout=self._seconds, env=environment, check=True
            )
        except subprocess.TimeoutExpired as error:
            raise EngineFailure(f"Tesseract took more than {self._seconds:.0f} s.", code="engine-timeout") from error
        except subprocess.CalledProcessError as error:
            raise EngineFailure(f"Tesseract failed: {error.stderr.decode(errors='replace')[:200]}") from error
        except OSError as error:
            raise EngineFailure(f"Tesseract could not be started: {error}.") from error
        return done.stdout.decode("utf-8", "replace")


def why_not(*, release: str = "", languages: Mapping[str, str] = LANGUAGES, **_: object) -> str:
    """Why Tesseract with these options cannot run on this machine; "" where it can."""
    program = _program()
    if program is None:
        return "it is not installed; on Debian: apt-get install tesseract-ocr"
    version, packs = _installed(program)
    if not version.startswith(release):
        return f"release {version or 'unknown'} is installed, and {release} is declared"
    missing = sorted(set(languages.values()) - packs)
    if missing:
        return f"language pack {missing[0]} is missing; on Debian: apt-get install tesseract-ocr-{missing[0]}"
    return ""


def _program() -> str | None:
    return shutil.which("tesseract")


@lru_cache(maxsize=4)
def _installed(program: str) -> tuple[str, frozenset[str]]:
    """Version and language packs."""
    version = re.search(r"tesseract v?(\S+)", _said(program, "--version"))
    packs = _said(program, "--list-langs").splitlines()[1:]
    return version.group(1) if version else "", frozenset(pack.strip() for pack in packs)


def _said(program: str, option: str) -> str:
    try:
        done = subprocess.run([program, option], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout or done.stderr
