"""`manage.py search_index [rebuild | check]`: make changed pages searchable now, all pages anew, or look for faults."""

from __future__ import annotations

import sys
from itertools import islice

from django.core.management.base import BaseCommand, CommandParser

from transcription.models import SearchMark
from transcription.steps.search_index import differences, mark_all_pages, settle_marks

MOST_SHOWN = 100
BATCH = 500


class Command(BaseCommand):
    help = (
        "Without an action: index the pages that changed, which the sweeper else does by and by. rebuild: index all "
        "pages anew, page by page, while Longhand runs; it may be stopped and started again. check: compare the index "
        "with the lines; exit status 1 where they differ."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", nargs="?", choices=["settle", "rebuild", "check"], default="settle")

    def handle(self, *, action: str, **options: object) -> None:
        if action == "check":
            self._check()
            return
        if action == "rebuild":
            self.stdout.write(f"{mark_all_pages():,} pages are to be indexed.")
        failed = 0
        while settled := settle_marks(most=BATCH):
            failed = settled[1]
            if settled[0] == 0:
                break
            self.stdout.write(f"{SearchMark.objects.count():,} pages left.")
        if failed:
            self.stdout.write(f"{failed:,} pages could not be indexed; the log says why. They are tried again.")
            sys.exit(1)

    def _check(self) -> None:
        found = list(islice(differences(), MOST_SHOWN))
        for sentence in found:
            self.stdout.write(sentence)
        waiting = SearchMark.objects.count()
        self.stdout.write(f"{len(found)} faults found; {waiting:,} changed pages wait to be indexed.")
        if found:
            sys.exit(1)
