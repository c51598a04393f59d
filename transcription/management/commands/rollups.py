"""`manage.py rollups [fold | rebuild | check]`: bring the counts of reports up to date, or look for faults."""

from __future__ import annotations

import sys
from itertools import islice

from django.core.management.base import BaseCommand, CommandParser

from transcription.steps import rollups
from transcription.steps.judge_pages import judge_marked, mark_all_pages, misjudged

MOST_SHOWN = 100


class Command(BaseCommand):
    help = (
        "Without an action: fold the changes that the sweeper else folds by and by. rebuild: judge all pages that "
        "people worked on and count all rows anew, while Longhand runs. check: compare the counts with the rows; exit "
        "status 1 where they differ."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", nargs="?", choices=["fold", "rebuild", "check"], default="fold")

    def handle(self, *, action: str, **options: object) -> None:
        if action == "check":
            self._check()
            return
        if action == "rebuild":
            self.stdout.write(f"{mark_all_pages():,} pages are to be judged.")
        self.stdout.write(f"{judge_marked():,} marks settled.")
        if action == "rebuild":
            self.stdout.write(f"{rollups.mend():,} counts were wrong.")
        self.stdout.write(f"{rollups.fold_all():,} changes folded.")

    def _check(self) -> None:
        found = [str(each) for each in islice(rollups.differences(), MOST_SHOWN)]
        found += [f"Page {page} is not judged as it is." for page in islice(misjudged(), MOST_SHOWN)]
        for sentence in found:
            self.stdout.write(sentence)
        self.stdout.write(f"{len(found)} faults found.")
        if found:
            sys.exit(1)
