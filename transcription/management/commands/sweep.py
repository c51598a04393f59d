"""`manage.py sweep`: the sweeper, a plain process that must run while the broker is down."""

from __future__ import annotations

import signal
from threading import Thread

from django.core.management.base import BaseCommand, CommandParser

from transcription.steps.postman import post_forever, post_once
from transcription.steps.sweep import sweep_forever, sweep_once


class Command(BaseCommand):
    help = "Free leases that ran out, ring for work that waits and send mails, for ever; --once does it once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="sweep once and print what was done")

    def handle(self, *, once: bool, **options: object) -> None:
        if once:
            self.stdout.write(str(sweep_once()))
            post_once()
            return
        stopped: list[int] = []
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda number, _: stopped.append(number))
        # A mail server that does not answer must not keep leases from being freed.
        postman = Thread(target=post_forever, kwargs={"stopping": lambda: bool(stopped)}, name="postman", daemon=True)
        postman.start()
        sweep_forever(stopping=lambda: bool(stopped))
