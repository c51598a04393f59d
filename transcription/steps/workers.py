"""Workers say what they hold and that they live; the screens say so when none does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db.models.functions import Now

from transcription.errors import WeightsError
from transcription.models import Worker
from transcription.steps.profiles import registry

FORGOTTEN_AFTER = timedelta(minutes=10)


def report_worker(*, name: str, queue: str, engine_digests: Sequence[str]) -> None:
    """Note that this process is alive and what it may be given."""
    held = list(engine_digests)
    Worker.objects.update_or_create(name=name, defaults={"queue": queue, "engine_digests": held, "seen_at": Now()})


def held_engine_digests() -> list[str]:
    """Digests of the engines this process can run at their present state; one whose weights are missing is left out."""
    digests = []
    for name in registry().names():
        try:
            digests.append(registry().digest(name))
        except WeightsError:
            continue
    return digests


def forget_workers() -> int:
    """Delete reports of processes that have long been silent."""
    return Worker.objects.filter(seen_at__lt=Now() - FORGOTTEN_AFTER).delete()[0]
