"""Export a collection's texts as one ZIP: a background job that leaves a whole file or none.

The ZIP is written in parts (`formats.zip_parts`), each a file that is there whole or not at all. Whoever takes the job
over after a crash writes only the parts that are missing; on a machine that has none of them it begins anew.
"""

from __future__ import annotations

import shutil
import uuid
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.db.models.functions import Now

from transcription.errors import BadInput, LostLease, PermanentError
from transcription.formats import bag
from transcription.formats.file_names import check_template
from transcription.formats.writing import Manner, PageToWrite
from transcription.formats.zip_parts import Entry, ZipFolder, differing, join_parts, read_list, write_part
from transcription.models import Collection, Document, Export, Failure, Lane, Page, Step, Verb, Work, WorkState
from transcription.steps.export_formats import FORMATS, Unit, format_of
from transcription.steps.export_pages import pages_to_write
from transcription.steps.export_plan import (
    STATES_OF_SCOPE,
    Plan,
    PlannedPart,
    exports_folder,
    folder_of,
    forget_parts,
    plan_of,
)
from transcription.steps.files import delete_files, put
from transcription.steps.queue import enqueue, finishing, lock_in_order
from transcription.steps.record_deed import record

REPORT_EVERY = 20  # pages
_OPEN = [WorkState.QUEUED, WorkState.RUNNING, WorkState.FAILED]


def request_export(
    *,
    collection: Collection,
    format: str,
    scope: str = Export.Scope.ALL,
    requester: User | None = None,
    document: Document | None = None,
    normalised: bool = False,
    names: str = "",
    base: str = "",
) -> Export:
    """Queue an export; it overtakes bulk work, since somebody waits for it.

    ``document``: of that one only. ``names`` is a template (`formats.file_names`), ``base`` the address on the web
    that files of formats with ``asks_address`` are made for. Raises BadInput with code ``unknown-format``,
    ``unknown-scope``, ``unknown-document``, ``file-names``, ``no-address`` or ``nothing-to-export``.
    """
    wanted = format_of(format)
    if scope not in Export.Scope.values:
        known = ", ".join(Export.Scope.values)
        raise BadInput(f"“{scope}” does not say which pages: choose one of {known}.", code="unknown-scope")
    if document is not None and document.collection_id != collection.pk:
        raise BadInput(f"The document “{document}” is of another collection.", code="unknown-document")
    names = check_template(names)
    if base:
        try:
            URLValidator(schemes=["http", "https"])(base)
        except ValidationError:
            raise BadInput(
                f"“{base}” is no address on the web: write it as https://example.org/letters.", code="no-address"
            ) from None
    pages = collection.pages.filter(state__in=STATES_OF_SCOPE[Export.Scope(scope)])
    if not (pages.filter(document=document) if document is not None else pages).exists():
        raise BadInput("There is no such page to export: choose more pages, or wait.", code="nothing-to-export")
    with transaction.atomic():
        export = Export.objects.create(
            collection=collection,
            document=document,
            format=format,
            scope=scope,
            normalised=normalised and not wanted.literal,
            names=names,
            base=base,
            requester=requester,
        )
        record(
            Verb.EXPORTED,
            about=export,
            collection=collection,
            actor=requester,
            details={"format": format, "scope": scope, "export": str(export.pk)},
        )
        enqueue(step=Step.EXPORT, collection_id=collection.pk, lane=Lane.INTERACTIVE, export_id=export.pk)
    return export


def cancel_export(export: Export) -> bool:
    """Stop an export that waits, is being written or was given up; whoever writes it notices soon. False if it had
    ended."""
    with transaction.atomic():
        work = lock_in_order(Work.objects.filter(export=export, state__in=_OPEN))
        Failure.objects.filter(work__export=export, resolved_at=None).update(resolved_at=Now())
        work.update(state=WorkState.CANCELLED, token=None, lease_until=None, ended_at=Now())
        open_states = [Export.State.QUEUED, Export.State.RUNNING, Export.State.FAILED]
        stopped = Export.objects.filter(pk=export.pk, state__in=open_states).update(
            state=Export.State.CANCELLED, ended_at=Now()
        )
        return bool(stopped)


def expire_exports() -> int:
    """Remove the files of exports that were kept long enough, and parts that nobody goes on with; returns how many
    files. The row first, then the file: a crash leaves a file without a row, never a row without its file."""
    count = 0
    for pk, file in list(
        Export.objects.filter(state=Export.State.DONE, expires_at__lt=Now()).values_list("pk", "file")
    ):
        count += Export.objects.filter(pk=pk, state=Export.State.DONE).update(state=Export.State.EXPIRED, file="")
        delete_files([file])
    kept = {path.name: path for path in exports_folder().glob("*")}
    if kept:
        going_on = Export.objects.unfinished().filter(pk__in=[name for name in kept if _is_uuid(name)])
        for name in kept.keys() - {str(pk) for pk in going_on.values_list("pk", flat=True)}:
            shutil.rmtree(kept[name], ignore_errors=True)
    return count


def _is_uuid(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def export(work: Work, token: uuid.UUID, progress: Callable[[], None] = lambda: None) -> None:
    """Write what is missing of the ZIP, join it, verify it, publish it and mark the export done.

    ``progress`` is called after each page, so that the lease of a long export is kept.
    """
    assert work.export_id is not None
    job = Export.objects.select_related("collection").get(pk=work.export_id)
    if job.state == Export.State.CANCELLED:
        with finishing(work, token):
            return
    try:
        _Job(job, work, token, progress).run()
    except LostLease:
        if Export.objects.filter(pk=job.pk, state=Export.State.CANCELLED).exists():
            forget_parts(job.pk)
        raise


class _Job:
    """One worker's time with an export."""

    def __init__(self, job: Export, work: Work, token: uuid.UUID, progress: Callable[[], None]) -> None:
        self.job, self.work, self.token, self.progress = job, work, token, progress
        self.written = 0  # pages, each once for every format
        self.formats = 1

    def run(self) -> None:
        job = self.job
        self._still_ours()  # whoever comes late begins nothing anew
        Export.objects.filter(pk=job.pk, started_at=None).update(started_at=Now())
        plan = plan_of(job)
        Export.objects.unfinished().filter(pk=job.pk).update(state=Export.State.RUNNING, total=len(plan.pages))
        self.formats = max(1, plan.formats)
        missing = [part for part in plan.parts if not plan.path(part).exists()]
        self.written = sum(part.last - part.first for part in plan.parts) - sum(p.last - p.first for p in missing)
        for part in missing:
            self._write(plan, part)
        whole = folder_of(job.pk) / f"{self.token}.zip"
        try:
            entries = self._join(plan, whole)
            self._verify(plan, whole, entries)
            self._still_ours()
            size = whole.stat().st_size
            name = f"exports/{job.pk}.zip"
            put(whole, name)
        finally:
            whole.unlink(missing_ok=True)
        with finishing(self.work, self.token):
            Export.objects.filter(pk=job.pk).update(
                file=name,
                size=size,
                state=Export.State.DONE,
                pages=len(plan.pages),
                ended_at=Now(),
                expires_at=Now() + timedelta(days=settings.EXPORT_DAYS),
            )
        forget_parts(job.pk)

    def _write(self, plan: Plan, part: PlannedPart) -> None:
        format = FORMATS[part.format]
        assert format.write is not None
        planned = plan.pages[part.first : part.last]
        pages = pages_to_write(planned, plan.documents, votes=format.votes, normal=self.job.normalised)
        manner = Manner(self.job.normalised, self.job.base or "https://example.org/")
        writer = format.write

        def write(folder: ZipFolder) -> int:
            counted = _Counted(pages, self._step_on)
            writer(iter(counted), folder, manner)
            return counted.count

        write_part(plan.path(part), dated=self.job.created_at, prefix=part.prefix, write=write)

    def _step_on(self) -> None:
        self.progress()
        self.written += 1
        if self.written % REPORT_EVERY == 0:
            self._still_ours()

    def _still_ours(self) -> None:
        """Say how far it is; raise LostLease where the work was cancelled or given to another worker."""
        if not Work.objects.filter(pk=self.work.pk, token=self.token, state=WorkState.RUNNING).exists():
            raise LostLease(f"The export {self.job.pk} was cancelled or given to another worker.")
        Export.objects.filter(pk=self.job.pk).update(pages=self.written // self.formats)

    def _join(self, plan: Plan, whole: Path) -> list[Entry]:
        """Put the parts together, for a package with its tag files; what the whole is to hold."""
        paths = [plan.path(part) for part in plan.parts]
        entries = [entry for path in paths for entry in read_list(path)[1]]
        if plan.top:
            tags = folder_of(self.job.pk) / "tags.zip"
            payload = [Entry(each.name.removeprefix(plan.top), each.size, each.sha256) for each in entries]
            files = bag.tag_files(payload, self._facts(plan), self.job.created_at)

            def write(folder: ZipFolder) -> int:
                for name, data in files:
                    with folder.file(name) as file:
                        file.write(data)
                return 0

            write_part(tags, dated=self.job.created_at, prefix=plan.top, write=write)
            paths.append(tags)
            entries += read_list(tags)[1]
        join_parts(paths, whole, self.progress)
        return entries

    def _facts(self, plan: Plan) -> dict[str, str]:
        collection = self.job.collection
        return {
            "External-Identifier": collection.identifier,
            "External-Description": collection.title,
            "Contact-Name": collection.creator,
            "Longhand-Dates": collection.dates,
            "Longhand-Rights": collection.rights,
            "Longhand-Scope": self.job.scope,
            "Longhand-Pages": str(len(plan.pages)),
            "Longhand-Documents": str(len(plan.documents)),
            "Longhand-Export": str(self.job.pk),
        }

    def _verify(self, plan: Plan, whole: Path, entries: Sequence[Entry]) -> None:
        """Raise PermanentError ``incomplete`` unless every page of the plan that still exists was written in every
        format, and the ZIP holds what was written."""
        gone = len(plan.pages) - sum(
            Page.objects.filter(pk__in=[each.page for each in plan.pages[start : start + 5000]]).count()
            for start in range(0, len(plan.pages), 5000)
        )
        for code in dict.fromkeys(part.format for part in plan.parts):
            lists = [read_list(plan.path(part)) for part in plan.parts if part.format == code]
            pages, files = sum(count for count, _ in lists), sum(len(found) for _, found in lists)
            short = len(plan.pages) - pages
            if not 0 <= short <= gone or (FORMATS[code].unit is Unit.PAGE and files != pages):
                raise _incomplete(f"{pages} pages and {files} files of {len(plan.pages)} pages as {code}")
            if code == "originals":
                wanted = self._originals(plan)
                if not gone and files != wanted:
                    raise _incomplete(f"{files} of {wanted} originals")
        with zipfile.ZipFile(whole) as archive:
            if archive.namelist() != [each.name for each in entries]:
                raise _incomplete("the files in the ZIP are not those that were written")
        if plan.top and (wrong := differing(whole, entries, self.progress)):
            raise _incomplete(f"“{wrong}” is not as it was written")

    def _originals(self, plan: Plan) -> int:
        """How many files the pages of the plan came in; one counts for each document it is in."""
        found: set[tuple[int, uuid.UUID]] = set()
        for start in range(0, len(plan.pages), 5000):
            pages = Page.objects.filter(pk__in=[each.page for each in plan.pages[start : start + 5000]])
            found.update(pages.values_list("document_id", "original_id"))
        return len(found)


class _Counted:
    """Pages on their way to a writer, counted; ``step_on`` is called when the next one is asked for."""

    def __init__(self, pages: Iterator[PageToWrite], step_on: Callable[[], None]) -> None:
        self._pages, self._step_on = pages, step_on
        self.count = 0

    def __iter__(self) -> Iterator[PageToWrite]:
        for page in self._pages:
            yield page
            self.count += 1
            self._step_on()


def _incomplete(found: str) -> PermanentError:
    return PermanentError(
        f"The export was not complete ({found}), so it was not published. Ask for it again; tell your administrator if "
        "it happens twice.",
        code="incomplete",
    )
