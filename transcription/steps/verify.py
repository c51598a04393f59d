"""Whether the stored originals are still what was received: hashed again in small bites, every look an event."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from transcription.models import FixityEvent, FixityOutcome, Original
from transcription.steps.files import put_beside

BITE = 2**20
DUE_SHARE = 2 / 3  # of the days allowed: what is left is for a store that is large, or a sweeper that stood still
MOST_VERIFYING = 0.2  # seconds between two sweeps


def verify_original(original: Original) -> FixityOutcome:
    """Hash the stored bytes of one original and record what was found."""
    steps = _hashing(original)
    try:
        while True:
            next(steps)
    except StopIteration as done:
        return record(original, done.value)


def _hashing(original: Original) -> Generator[None, None, str | None]:
    """Hash a stored file, a bite a step; returns its SHA-256, None where there is no file."""
    sha = hashlib.sha256()
    try:
        with default_storage.open(original.file, "rb") as file:
            while chunk := file.read(BITE):
                sha.update(chunk)
                yield
    except FileNotFoundError:
        return None
    return sha.hexdigest()


def record(original: Original, found: str | None) -> FixityOutcome:
    """Write down what a look at the stored bytes found: their SHA-256, None where there are none."""
    if found is None:
        outcome = FixityOutcome.MISSING
    else:
        outcome = FixityOutcome.INTACT if found == original.sha256 else FixityOutcome.ALTERED
    _write(original, outcome, found or "")
    return outcome


def _write(original: Original, outcome: FixityOutcome, found: str) -> None:
    kept = FixityOutcome.INTACT if outcome == FixityOutcome.RESTORED else outcome
    with transaction.atomic():
        # Not where it was deleted, or stored anew under another name, while it was hashed.
        there = Original.objects.filter(pk=original.pk, file=original.file)
        if there.update(verified_at=timezone.now(), fixity=kept):
            FixityEvent.objects.create(original=original, outcome=outcome, sha256=found, file=original.file)


def restore_original(original: Original, path: Path) -> bool:
    """Store the bytes at ``path``, which are those of ``original``, once more if its stored copy is damaged or gone.

    Returns whether they were. What was there stays under its old name.
    """
    if verify_original(original) == FixityOutcome.INTACT:
        return False
    before = original.file
    number = 1 + FixityEvent.objects.filter(original=original, outcome=FixityOutcome.RESTORED).count()
    folder, _, name = before.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    restored = f"{folder}/{stem.split('~')[0]}~{number}{dot}{suffix}"
    put_beside(path, restored)
    with transaction.atomic():
        if Original.objects.filter(pk=original.pk, file=before).update(file=restored):
            original.file = restored
            _write(original, FixityOutcome.RESTORED, original.sha256)
    return True


def due_originals() -> list[Original]:
    """Originals whose last look lies so far back that it is their turn, the longest first."""
    before = timezone.now() - timedelta(days=settings.VERIFY_DAYS * DUE_SHARE)
    return list(Original.objects.kept().filter(verified_at__lt=before).order_by("verified_at")[:100])


class Verifier:
    """Goes on, a little at a time, with hashing what is due; remembers where it was within a large file."""

    def __init__(self) -> None:
        self._steps: Generator[None, None, None] | None = None

    def go_on(self, seconds: float) -> None:
        """Hash for about ``seconds``, or until nothing is due."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._steps = self._steps or self._round()
            try:
                next(self._steps)
            except StopIteration:
                self._steps = None
                return
            except BaseException:
                self._steps = None
                raise

    def _round(self) -> Generator[None, None, None]:
        for original in due_originals():
            record(original, (yield from _hashing(original)))
            yield
