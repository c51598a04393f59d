"""`manage.py import_folder PATH --collection NAME [--wait]`: every file of a folder, by the same door as uploads."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from transcription.errors import BadInput
from transcription.management.collections import (
    add_collection_arguments,
    collection_called,
    wait_until_read,
    who_sees,
)
from transcription.models import Beside, Collection, Upload
from transcription.steps.import_transcripts import LARGEST_FILE, SUFFIXES, import_transcripts
from transcription.steps.store import receive_file

SKIPPED = {".xml", ".txt", ".tsv", ".csv", ".json", ".md"}  # what stands beside scans


class Command(BaseCommand):
    help = "Import all images and PDFs below PATH; each subfolder becomes a document. Prints JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path)
        add_collection_arguments(parser)
        parser.add_argument(
            "--transcripts",
            nargs="?",
            const=Beside.TRUTH,
            choices=[Beside.TRUTH, Beside.DRAFT],
            default=Beside.LEFT_OUT,
            help="take .txt, PAGE and ALTO files of the same name along, as ground truth or as drafts",
        )

    def handle(
        self, *, path: Path, collection: str, owner: str | None, wait: bool, seconds: float, **more: Any
    ) -> None:
        if not path.is_dir():
            raise CommandError(f"{path} is not a folder.")
        target = collection_called(collection, owner)
        upload = Upload.objects.create(collection=target, transcripts=more["transcripts"])
        report: dict[str, Any] = {"collection": target.pk, "stored": 0, "duplicates": [], "rejected": []}
        for file in sorted(entry for entry in path.rglob("*") if entry.is_file() and not _is_beside(entry)):
            self._receive(file, path, target, upload, report)
        if more["transcripts"]:
            draft = more["transcripts"] == Beside.DRAFT
            self._take_transcripts(path, target, owner, report, draft=draft)
        if wait:
            progress = wait_until_read(target, seconds, self.stderr.write)
            report |= {"pages": progress.pages, "finished": progress.finished, "failures": progress.failures}
        self.stdout.write(json.dumps(report, ensure_ascii=False, indent=2))
        self.stderr.write(who_sees(target))

    def _receive(self, file: Path, root: Path, target: Collection, upload: Upload, report: dict[str, Any]) -> None:
        title = _document_title(file, root)
        try:
            with file.open("rb") as stream:
                received = receive_file(
                    collection=target, upload=upload, name=file.name, stream=stream, document_title=title
                )
        except BadInput as error:
            report["rejected"].append({"file": str(file), "code": error.code, "message": error.message})
            return
        if received.original is None:
            report["duplicates"].append({"file": str(file), "same_as": str(received.duplicate_of)})
        else:
            report["stored"] += 1

    def _take_transcripts(
        self, root: Path, target: Collection, owner: str | None, report: dict[str, Any], *, draft: bool
    ) -> None:
        """Each folder's transcripts belong to its own scans."""
        report |= {"transcripts": 0, "transcripts_known": 0, "remarks": []}
        importer = User.objects.filter(username=owner).first() if owner else None
        folders = defaultdict(list)
        for file in sorted(entry for entry in root.rglob("*") if entry.is_file() and _is_transcript(entry)):
            folders[_document_title(file, root)].append(file)
        for title, files in folders.items():
            document = target.documents.filter(title=title[:250]).first()
            named = ((file.name, _beginning(file)) for file in files)
            taken = import_transcripts(
                collection=target, files=named, importer=importer, document=document, draft=draft
            )
            report["transcripts"] += taken.new
            report["transcripts_known"] += len(taken.imported) - taken.new
            report["remarks"] += [remark for each in taken.imported for remark in each.remarks()]
            report["rejected"] += [
                {"file": each.name, "code": each.code, "message": each.message} for each in taken.refused
            ]


def _document_title(file: Path, root: Path) -> str:
    folder = file.parent.relative_to(root)
    return str(folder) if folder.parts else root.name


def _beginning(file: Path) -> bytes:
    """At most one byte more than a transcript may have."""
    with file.open("rb") as stream:
        return stream.read(LARGEST_FILE + 1)


def _is_transcript(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".")


def _is_beside(file: Path) -> bool:
    return file.suffix.lower() in SKIPPED or file.name.startswith(".")
