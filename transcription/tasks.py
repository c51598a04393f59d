"""Celery tasks: each only means "there is work on this queue"."""

from __future__ import annotations

from typing import Any

from billiard import Event
from celery import shared_task
from celery.signals import celeryd_init, worker_shutting_down
from django.conf import settings

from transcription.models import Queue
from transcription.steps.drain import drain
from transcription.steps.watch import keep_watch

# Made before the worker forks, so the child that computes sees what the parent is told: stop after this row.
_stopping = Event()


@worker_shutting_down.connect
def _stop(**_: object) -> None:
    _stopping.set()


@celeryd_init.connect
def _set_ceiling(conf: Any, options: dict[str, Any], **_: object) -> None:
    """Celery replaces a process of an engine worker once it has held more than its ceiling, between two turns."""
    if settings.ENGINE_MEMORY_BYTES and "engine" in str(options.get("queues") or "engine"):
        conf.worker_max_memory_per_child = settings.ENGINE_MEMORY_BYTES // 1024


@shared_task(name="transcription.tasks.drain_cpu")
def drain_cpu() -> None:
    drain(Queue.CPU, stopping=_stopping.is_set)


@shared_task(name="transcription.tasks.drain_engine")
def drain_engine() -> None:
    keep_watch()
    drain(Queue.ENGINE, stopping=_stopping.is_set)
