"""Celery tasks: each only means "there is work on this queue"."""

from __future__ import annotations

from billiard import Event
from celery import shared_task
from celery.signals import worker_shutting_down

from transcription.models import Queue
from transcription.steps.drain import drain

# Made before the worker forks, so the child that computes sees what the parent is told: stop after this row.
_stopping = Event()


@worker_shutting_down.connect
def _stop(**_: object) -> None:
    _stopping.set()


@shared_task(name="transcription.tasks.drain_cpu")
def drain_cpu() -> None:
    drain(Queue.CPU, stopping=_stopping.is_set)


@shared_task(name="transcription.tasks.drain_engine")
def drain_engine() -> None:
    drain(Queue.ENGINE, stopping=_stopping.is_set)
