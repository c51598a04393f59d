from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from project.processes import AlreadyRunning, run
from project.rights import ServicesError


class Command(BaseCommand):
    help = "Runs all of Longhand on this machine in the foreground: servers, web, workers, sweeper."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run()
        except (ServicesError, AlreadyRunning) as error:
            raise CommandError(str(error)) from error
