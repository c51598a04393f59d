"""`manage.py verify_originals [--all] [--seconds N]`: hash stored originals again; exit 1 while one is in trouble."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter

from django.core.management.base import BaseCommand, CommandParser

from transcription.models import Original
from transcription.steps.verify import due_originals, verify_original


class Command(BaseCommand):
    help = (
        "Hash the stored originals whose turn it is, or all of them, and record what is found. The sweeper does it in "
        "small bites anyway. Prints JSON; exit status 1 while an original is altered or missing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="all of them, not only those whose turn it is")
        parser.add_argument("--seconds", type=float, default=float("inf"), help="end after so long; the rest waits")

    def handle(self, *, all: bool, seconds: float, **options: object) -> None:
        until = time.monotonic() + seconds
        found: Counter[str] = Counter()
        if all:
            for original in Original.objects.kept().order_by("verified_at").iterator(chunk_size=500):
                if time.monotonic() > until:
                    break
                found[verify_original(original)] += 1
        else:
            while (due := due_originals()) and time.monotonic() < until:
                for original in due:
                    found[verify_original(original)] += 1
        trouble = Original.objects.kept().in_trouble().select_related("collection")
        report = {
            "checked": dict(found),
            "due": len(due_originals()),
            "trouble": [
                {
                    "original": str(original.pk),
                    "name": original.name,
                    "collection": original.collection.title,
                    "file": original.file,
                    "fixity": original.fixity,
                    "looked_at": original.verified_at.isoformat(timespec="seconds"),
                }
                for original in trouble[:1000]
            ],
        }
        self.stdout.write(json.dumps(report, ensure_ascii=False, indent=2))
        if report["trouble"]:
            sys.exit(1)
