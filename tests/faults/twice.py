"""Longhand with every message sent twice: `celery -A tests.faults.twice …`, `python -m tests.faults.twice sweep`."""

from __future__ import annotations

import sys

from celery.signals import after_task_publish
from django.core.management import execute_from_command_line

from project.celery import app

_echoing = False


@after_task_publish.connect
def send_again(sender: str, routing_key: str, **_: object) -> None:
    global _echoing
    if not _echoing:
        _echoing = True
        try:
            app.send_task(sender, queue=routing_key)
        finally:
            _echoing = False


if __name__ == "__main__":
    app.set_default()
    execute_from_command_line(["manage.py", *sys.argv[1:]])
