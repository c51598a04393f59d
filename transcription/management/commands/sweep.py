"""`manage.py sweep`: the sweeper, a plain process that must run while the broker is down; it sends webhooks beside."""

from __future__ import annotations

import signal
import threading

from django.core.management.base import BaseCommand, CommandParser

from transcription.steps.deliver import ANSWER_SECONDS, deliver_forever
from transcription.steps.sweep import sweep_forever, sweep_once


class Command(BaseCommand):
    help = "Free leases that ran out and ring for work that waits, for ever; --once does it once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="sweep once and print what was done")

    def handle(self, *, once: bool, **options: object) -> None:
        if once:
            self.stdout.write(str(sweep_once()))
            return
        stopped: list[int] = []
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda number, _: stopped.append(number))
        # A receiver that takes its time must not keep leases waiting. Should the sender end by a defect, so does the
        # sweeper, and whoever supervises it starts both anew.
        sender = threading.Thread(target=deliver_forever, kwargs={"stopping": lambda: bool(stopped)}, daemon=True)
        sender.start()
        sweep_forever(stopping=lambda: bool(stopped) or not sender.is_alive())
        sender.join(timeout=ANSWER_SECONDS)
