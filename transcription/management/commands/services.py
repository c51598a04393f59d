from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from project import services
from project.rights import ServicesError


class Command(BaseCommand):
    help = (
        "Starts, stops or shows Longhand's own PostgreSQL and Valkey (used where no DATABASE_URL or REDIS_URL is set)."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["start", "stop", "status"])

    def handle(self, *args: Any, **options: Any) -> None:
        if not (settings.EMBEDDED_DATABASE or settings.EMBEDDED_BROKER):
            raise CommandError(
                "DATABASE_URL and REDIS_URL are set, so Longhand uses those servers and has none of its own."
            )
        try:
            if options["action"] == "start":
                services.start(settings.SERVICES, postgres=settings.EMBEDDED_DATABASE, valkey=settings.EMBEDDED_BROKER)
            elif options["action"] == "stop":
                services.stop(settings.SERVICES)
        except ServicesError as error:
            raise CommandError(str(error)) from error
        self._show()

    def _show(self) -> None:
        found = services.status(settings.SERVICES)
        for name, needed, pid, url in (
            ("PostgreSQL", settings.EMBEDDED_DATABASE, found.postgres, settings.DATABASE_URL),
            ("Valkey", settings.EMBEDDED_BROKER, found.valkey, settings.REDIS_URL),
        ):
            if needed:
                state = f"runs as process {pid}: {url}" if pid else "does not run"
                self.stdout.write(f"{name:<11}{state}")
