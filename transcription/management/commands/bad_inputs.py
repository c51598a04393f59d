"""`manage.py bad_inputs [--json]`: the table of bad inputs, each sent through the door in an installation of its own,
with what is said of it."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from transcription.errors import LonghandError
from transcription.formats.kinds import safe_name
from transcription.management.door_benchmark import table_of_bad_inputs

LONGEST = 300


class Command(BaseCommand):
    help = "Send every bad input of the table through the door and print what became of it, as Markdown or JSON."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, **options: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            try:
                rows = table_of_bad_inputs(Path(folder) / "longhand")
            except LonghandError as error:
                raise CommandError(error.message) from error
        if options["json"]:
            self.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2))
            return
        self.stdout.write("| format | what is wrong | what is said |\n|---|---|---|")
        for row in _shortened(rows):
            self.stdout.write(f"| {row['group']} | {row['what']} | {_cell(row)} |")
        if any(row["defect"] for row in rows):
            raise CommandError("Some of them were not foreseen: see the rows that say so.")


def _shortened(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One row for all places at which a file was cut off, where all were refused: that of the middle one."""
    for (_, cut), group in itertools.groupby(rows, key=lambda row: (row["group"], row["what"].startswith("cut off"))):
        found = list(group)
        if cut and all(row["code"] and not row["defect"] for row in found):
            yield found[len(found) // 2] | {"what": f"cut off at {len(found)} places"}
        else:
            yield from found


def _cell(row: dict[str, Any]) -> str:
    if row["defect"]:
        return f"**not foreseen**: {row['defect'].strip().splitlines()[-1]}"
    said = str(row["sentence"])
    said = said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"
    pages = f"{row['pages']} page" + ("s" if row["pages"] != 1 else "")
    if said and row["pages"]:
        said = f"{said} ({pages} read)"
    elif not said:
        said = f"read: {pages}"
        if row["group"] == "name":
            said += f", stored as “{safe_name(row['name'])}”"
    return said.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
