"""`manage.py create_sample`: the demo accounts and the sample collection."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from transcription.errors import LonghandError
from transcription.steps.sample import create_sample


class Command(BaseCommand):
    help = "Make the demo accounts and upload the sample collection, unless it is there."

    def handle(self, **_: Any) -> None:
        try:
            collection = create_sample()
        except LonghandError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Sample collection: {collection} ; a worker draws and reads it")
        names = ", ".join(f"{name} / {name}" for name in settings.DEMO_ACCOUNTS)
        self.stdout.write(f"Demo accounts (user / password): {names}")
