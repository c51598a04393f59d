"""`manage.py import_vocabulary COLLECTION FILE`: merge a word list into a collection's vocabulary."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from transcription.errors import BadInput
from transcription.formats.word_list import LARGEST_FILE, read_word_list
from transcription.models import Collection
from transcription.steps.vocabulary import merge_terms, pages_read_before


class Command(BaseCommand):
    help = "Merge the terms of FILE (.txt, .csv or .tsv) into a collection's vocabulary. Prints JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("collection", help="title or number")
        parser.add_argument("file", type=Path)

    def handle(self, *, collection: str, file: Path, **_: Any) -> None:
        target = self._collection(collection)
        try:
            with file.open("rb") as stream:
                found = read_word_list(stream.read(LARGEST_FILE + 1), file.name)
            merged = merge_terms(collection=target, entries=found.entries)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        except BadInput as error:
            raise CommandError(error.message) from error
        report = {"collection": target.pk} | asdict(merged) | {"repeated": found.repeated}
        report["problems"] = [asdict(problem) for problem in found.problems]
        report["pages_read_before"] = pages_read_before(target).count()
        self.stdout.write(json.dumps(report, ensure_ascii=False, indent=2))

    def _collection(self, name: str) -> Collection:
        named = list(Collection.objects.filter(title=name)[:2])
        if not named and name.isdigit():
            named = list(Collection.objects.filter(pk=int(name)))
        if len(named) != 1:
            what = "no collection" if not named else "more than one collection"
            raise CommandError(f"There is {what} called “{name}”; give its title or the number in its address.")
        return named[0]
