"""`manage.py import_folder PATH --collection NAME [--wait]`: every file of a folder, by the same door as uploads."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from transcription.errors import BadInput
from transcription.models import Collection, Upload
from transcription.steps.create import create_collection
from transcription.steps.import_transcripts import LARGEST_FILE, SUFFIXES, import_transcripts
from transcription.steps.progress import CollectionProgress, collection_progress
from transcription.steps.store import receive_file

SKIPPED = {".xml", ".txt", ".tsv", ".csv", ".json", ".md"}  # what stands beside scans


class Command(BaseCommand):
    help = "Import all images and PDFs below PATH; each subfolder becomes a document. Prints JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path)
        parser.add_argument("--collection", required=True, help="title; made when there is none")
        parser.add_argument("--owner", help="user name of the new collection's admin (default: the first superuser)")
        parser.add_argument(
            "--transcripts", action="store_true", help="take .txt, PAGE and ALTO files of the same name along"
        )
        parser.add_argument("--wait", action="store_true", help="until every page is read; workers must be running")
        parser.add_argument("--seconds", type=float, default=86_400, help="longest wait")

    def handle(
        self, *, path: Path, collection: str, owner: str | None, wait: bool, seconds: float, **more: Any
    ) -> None:
        if not path.is_dir():
            raise CommandError(f"{path} is not a folder.")
        target = self._collection(collection, owner)
        upload = Upload.objects.create(collection=target)
        report: dict[str, Any] = {"collection": target.pk, "stored": 0, "duplicates": [], "rejected": []}
        for file in sorted(entry for entry in path.rglob("*") if entry.is_file() and not _is_beside(entry)):
            self._receive(file, path, target, upload, report)
        if more["transcripts"]:
            self._take_transcripts(path, target, owner, report)
        if wait:
            self._wait(target, seconds)
            progress = collection_progress(target)
            report |= {"pages": progress.pages, "finished": progress.finished, "failures": progress.failures}
        self.stdout.write(json.dumps(report, ensure_ascii=False, indent=2))
        self.stderr.write(_who_sees(target))

    def _collection(self, title: str, owner: str | None) -> Collection:
        existing = Collection.objects.filter(title=title).first()
        if existing is not None:
            return existing
        users = User.objects.filter(username=owner) if owner else User.objects.filter(is_superuser=True)
        user = users.order_by("pk").first()
        if owner and user is None:
            raise CommandError(f"There is no user “{owner}”; make one with manage.py createsuperuser.")
        return create_collection(title=title, owner=user)

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

    def _take_transcripts(self, root: Path, target: Collection, owner: str | None, report: dict[str, Any]) -> None:
        """Each folder's transcripts belong to its own scans."""
        report |= {"transcripts": 0, "transcripts_known": 0, "remarks": []}
        importer = User.objects.filter(username=owner).first() if owner else None
        folders = defaultdict(list)
        for file in sorted(entry for entry in root.rglob("*") if entry.is_file() and _is_transcript(entry)):
            folders[_document_title(file, root)].append(file)
        for title, files in folders.items():
            document = target.documents.filter(title=title[:250]).first()
            named = ((file.name, _beginning(file)) for file in files)
            taken = import_transcripts(collection=target, files=named, importer=importer, document=document)
            report["transcripts"] += taken.new
            report["transcripts_known"] += len(taken.imported) - taken.new
            report["remarks"] += [remark for each in taken.imported for remark in each.remarks()]
            report["rejected"] += [
                {"file": each.name, "code": each.code, "message": each.message} for each in taken.refused
            ]

    def _wait(self, target: Collection, seconds: float) -> None:
        ends = time.monotonic() + seconds
        shown = None
        while time.monotonic() < ends:
            target.refresh_from_db(fields=["state"])
            progress = collection_progress(target)
            if progress.idle:
                return
            if target.state != Collection.State.ACTIVE:
                raise CommandError(f"“{target}” was {target.get_state_display()}; resume it and its pages are read.")
            said = _said(progress)
            if said != shown:
                shown = said
                self.stderr.write(said)
            time.sleep(1.0)
        raise CommandError(f"Not done after {seconds:.0f} s; the work goes on in the workers.")


def _said(progress: CollectionProgress) -> str:
    """How far the collection has come. How many pages it has is known only once all files are opened."""
    failed = f", {progress.failures} failed" if progress.failures else ""
    if progress.unpacking:
        files = "1 file" if progress.unpacking == 1 else f"{progress.unpacking} files"
        return f"{files} still to be opened; pages done: {progress.finished}{failed}"
    return f"{progress.finished} of {progress.pages} pages done{failed}"


def _who_sees(target: Collection) -> str:
    members = ", ".join(target.memberships.order_by("user__username").values_list("user__username", flat=True))
    whom = f"its members ({members}) and superusers" if members else "superusers"
    return f"“{target}” is seen only by {whom}; others are let in under Settings → Members."


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
