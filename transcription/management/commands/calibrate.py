"""`manage.py calibrate LINES [--profile NAME]`: fit a bundled profile's word confidence on ground truth, split by
document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from transcription.errors import LonghandError
from transcription.management.commands.evaluate import passes_of_profile
from transcription.steps.profiles import DEFAULT_PROFILE, calibration_file
from transcription.training.calibrate import calibrate, label_words
from transcription.training.datasets import load_lines


class Command(BaseCommand):
    help = "Fit P(word is right) of a bundled profile on the tune split and print how well it holds. JSON."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="folder of line sets")
        parser.add_argument("--profile", default=DEFAULT_PROFILE)
        parser.add_argument("--split", default="tune", help="never dev: dev only reports")
        parser.add_argument("--limit", type=int, default=0, help="at most so many lines a set")
        parser.add_argument("--write", action="store_true", help="ship the fitted bundle with the weights")

    def handle(self, *, path: Path, profile: str, split: str, limit: int, write: bool, **_: Any) -> None:
        if split == "dev":
            raise CommandError("Nothing is fitted on dev; it only reports.")
        try:
            words = label_words(load_lines(path, split, limit=limit), passes_of_profile(profile))
            fitted = calibrate(words)
        except LonghandError as error:
            raise CommandError(error.message) from error
        if write:
            calibration_file(profile).write_text(fitted.calibration.to_json() + "\n", encoding="utf-8")
        figures = {"words": fitted.words, "share_right": fitted.share_right, "ece": fitted.ece, "auroc": fitted.auroc}
        self.stdout.write(json.dumps({"id": fitted.calibration.id, **figures, "written": write}, indent=2))
