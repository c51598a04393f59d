"""The Celery application: the doorbell and the hands; the queue itself is a table (transcription.models)."""

from __future__ import annotations

import os

from celery import Celery, Task

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")


class SafeTask(Task):  # type: ignore[misc]  # Celery has no types
    """A task from which no MemoryError escapes: Celery 5.7 ends the whole worker on one."""

    abstract = True

    def __call__(self, *args: object, **kwargs: object) -> object:
        try:
            return super().__call__(*args, **kwargs)
        except MemoryError as error:
            raise RuntimeError(f"{self.name} ran out of memory; its work is tried again when its lease ends") from error


app = Celery("longhand", task_cls=SafeTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["transcription"])
