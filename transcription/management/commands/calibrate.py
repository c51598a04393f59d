"""`manage.py calibrate LINES [--profile NAME]` fits a bundled profile's word confidence on ground truth, split by
document; `manage.py calibrate --collection TITLE` has a collection's own fitted on what people read whole there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from transcription.errors import LonghandError
from transcription.management.commands.evaluate import passes_of_profile
from transcription.models import Collection, Lane
from transcription.steps.calibrate import ask_for_calibration
from transcription.steps.profiles import DEFAULT_PROFILE, calibration_file
from transcription.training.calibrate import calibrate, label_lines
from transcription.training.datasets import load_lines


class Command(BaseCommand):
    help = (
        "Fit P(word is right) of a bundled profile on the tune split and print how well it holds, as JSON; or ask "
        "the workers to fit a collection's own, which is used where it proves better."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, nargs="?", help="folder of line sets")
        parser.add_argument("--collection", metavar="TITLE", help="title or number of the collection to fit on")
        parser.add_argument("--profile", default=DEFAULT_PROFILE, help="bundled profile that LINES are read with")
        parser.add_argument("--split", default="tune", help="never dev: dev only reports")
        parser.add_argument("--limit", type=int, default=0, help="at most so many lines a set")
        parser.add_argument("--write", action="store_true", help="ship the fitted bundle with the weights")

    def handle(
        self, *, path: Path | None, collection: str | None, profile: str, split: str, limit: int, write: bool, **_: Any
    ) -> None:
        if (path is None) == (collection is None):
            raise CommandError("Give a folder of line sets, or --collection with a collection's title; not both.")
        if collection is not None:
            self._ask(collection)
            return
        assert path is not None
        if split == "dev":
            raise CommandError("Nothing is fitted on dev; it only reports.")
        try:
            fitted = calibrate(label_lines(load_lines(path, split, limit=limit), passes_of_profile(profile)))
        except LonghandError as error:
            raise CommandError(error.message) from error
        if write:
            calibration_file(profile).write_text(fitted.calibration.to_json() + "\n", encoding="utf-8")
        report = {"id": fitted.calibration.id, **fitted.figures, "written": write}
        self.stdout.write(json.dumps(report, indent=2))

    def _ask(self, said: str) -> None:
        found = Collection.objects.filter(pk=int(said)) if said.isdecimal() else Collection.objects.filter(title=said)
        if found.count() != 1:
            raise CommandError(
                f"{found.count()} collections are called “{said}”; give a title that one collection has, or its number."
            )
        asked = ask_for_calibration(found.get(), lane=Lane.INTERACTIVE)
        if asked is None:
            raise CommandError("One is being fitted already; the reports screen shows what comes of it.")
        self.stdout.write(f"Asked for calibration {asked.number}; the reports screen shows what comes of it.")
