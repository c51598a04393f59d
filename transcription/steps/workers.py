"""Workers say what they hold and that they live; the screens say so when none does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta

from django.db.models.functions import Now

from transcription.engines.registry import UnknownEngine
from transcription.errors import LonghandError, WeightsError
from transcription.models import Queue, Step, Work, Worker, WorkState
from transcription.steps.profiles import registry

FORGOTTEN_AFTER = timedelta(minutes=10)
SWEEPER, SWEEPS = "sweeper", "sweep"  # the name and the queue under which the sweeper says that it lives


def report_worker(*, name: str, queue: str, engine_digests: Sequence[str]) -> None:
    """Note that this process is alive, what it may be given and what it has in memory."""
    said = {"queue": queue, "engine_digests": list(engine_digests), "loaded": registry().loaded()}
    Worker.objects.update_or_create(name=name, defaults=said | {"seen_at": Now()})


def report_sweeper() -> None:
    """Note that the sweeper is alive; it takes no work."""
    Worker.objects.update_or_create(name=SWEEPER, defaults={"queue": SWEEPS, "seen_at": Now()})


def missing_weights() -> list[str]:
    """Names of the engines of this installation that lack a file of their weights."""
    return sorted(set(registry().names()) - set(_digests(registry().names())))


def held_engine_digests() -> list[str]:
    """Digests of the engines this process can run at their present state; one whose weights are missing is left out."""
    return list(_digests(registry().held()).values())


def present_digests() -> set[str]:
    """Digests of all engines of this installation at their present state, whoever holds them."""
    return set(_digests(registry().names()).values())


def _digests(names: Iterable[str]) -> dict[str, str]:
    """By name; an engine whose weights are missing is left out."""
    digests = {}
    for name in names:
        with suppress(WeightsError, UnknownEngine):  # a model that was removed a moment ago
            digests[name] = registry().digest(name)
    return digests


def load_due_engines() -> None:
    """Build the engines that queued work asks for, where this process holds them; they stay loaded."""
    due = Work.objects.filter(queue=Queue.ENGINE, state=WorkState.QUEUED)
    readers = due.filter(pass_version__isnull=False).values_list("pass_version__engine", flat=True)
    segmenters = due.filter(step=Step.SEGMENT).values_list("run__profile_version__segmenter", flat=True)
    held = set(registry().held())
    for names, load in ((readers, registry().recognizer), (segmenters, registry().segmenter)):
        for name in names.distinct().order_by():
            if name in held:
                with suppress(LonghandError):  # what is wrong with it becomes a Failure of the work that needs it
                    load(name)


def workers_seen() -> list[Worker]:
    """Workers that were heard of before they would be forgotten, by their names."""
    return list(Worker.objects.filter(seen_at__gt=Now() - FORGOTTEN_AFTER).order_by("name"))


def forget_workers() -> int:
    """Delete reports of processes that have long been silent."""
    return Worker.objects.filter(seen_at__lt=Now() - FORGOTTEN_AFTER).delete()[0]


def readers_here() -> dict[str, list[str]]:
    """The engines of this installation that a profile may read with, and what each reads."""
    return registry().readers()


def engines_held() -> set[str]:
    """Names of the engines that some worker holds, of those that were seen of late."""
    digests = {digest for worker in workers_seen() for digest in worker.engine_digests}
    return {name for name, digest in _digests(registry().names()).items() if digest in digests}
