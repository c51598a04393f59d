"""`manage.py calibrate LINES`: fit the starter profile's word confidence on ground truth, split by document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from transcription.engines.registry import WEIGHTS
from transcription.errors import LonghandError
from transcription.management.commands.evaluate import passes_of_profile
from transcription.steps.profiles import CALIBRATION, DEFAULT_PROFILE
from transcription.training.calibrate import calibrate, label_lines
from transcription.training.datasets import load_lines


class Command(BaseCommand):
    help = "Fit P(word is right) of the starter profile on the tune split and print how well it holds. JSON."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="folder of line sets")
        parser.add_argument("--split", default="tune", help="never dev: dev only reports")
        parser.add_argument("--limit", type=int, default=0, help="at most so many lines a set")
        parser.add_argument("--write", action="store_true", help="ship the fitted bundle with the weights")

    def handle(self, *, path: Path, split: str, limit: int, write: bool, **_: Any) -> None:
        if split == "dev":
            raise CommandError("Nothing is fitted on dev; it only reports.")
        try:
            fitted = calibrate(label_lines(load_lines(path, split, limit=limit), passes_of_profile(DEFAULT_PROFILE)))
        except LonghandError as error:
            raise CommandError(error.message) from error
        if write:
            (WEIGHTS / CALIBRATION).write_text(fitted.calibration.to_json() + "\n", encoding="utf-8")
        report = {"id": fitted.calibration.id, **fitted.figures, "written": write}
        self.stdout.write(json.dumps(report, indent=2))
