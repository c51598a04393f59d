"""What an export will write, settled once when it begins: which pages, under which names, in which parts.

The plan is kept beside the parts. Whoever goes on with an export that was interrupted goes by it, so that names and
parts stay what they were though pages have come and gone meanwhile.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path, PurePath
from uuid import UUID

from transcription.formats.bag import DATA
from transcription.formats.file_names import DEFAULT, FileNames, safe_part
from transcription.models import Export, Page, PageState, Part
from transcription.steps.export_formats import FORMATS, Unit, members_of
from transcription.steps.files import scratch_folder

PAGES_A_PART = 400
PART_SUFFIXES = {Part.WHOLE: "", Part.LEFT: "-left", Part.RIGHT: "-right"}
STATES_OF_SCOPE = {
    Export.Scope.REVIEWED: [PageState.REVIEWED],
    Export.Scope.ACCEPTED: [PageState.REVIEWED, PageState.ACCEPTED],
    Export.Scope.ALL: [PageState.REVIEWED, PageState.ACCEPTED, PageState.IN_REVIEW, PageState.SCORED, PageState.VOTED],
}


@dataclass(frozen=True, slots=True)
class PlannedPage:
    """``number`` counts from 1 in its document; ``name`` is its path in the export without a suffix."""

    page: int
    document: int
    number: int
    name: str


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """Pages ``first`` to before ``last`` of the plan, written in one format under ``prefix``."""

    format: str
    prefix: str
    first: int
    last: int
    file: str


@dataclass(frozen=True, slots=True)
class Plan:
    """``documents`` are their names in the export by their ids; ``folder`` is where the parts are."""

    folder: Path
    top: str
    pages: list[PlannedPage]
    documents: dict[int, str]
    parts: list[PlannedPart]

    def path(self, part: PlannedPart) -> Path:
        return self.folder / part.file

    @property
    def formats(self) -> int:
        return len({part.format for part in self.parts})


def exports_folder() -> Path:
    return scratch_folder() / "exports"


def folder_of(export: UUID) -> Path:
    """Where the parts of an export are until it is whole; on the disk of the worker that writes it."""
    return exports_folder() / str(export)


def forget_parts(export: UUID) -> None:
    shutil.rmtree(folder_of(export), ignore_errors=True)


def plan_of(export: Export) -> Plan:
    """The plan of an export, made if this machine has none: then it begins anew."""
    folder = folder_of(export.pk)
    path = folder / "plan.json"
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Plan(
            folder,
            kept["top"],
            [PlannedPage(*row) for row in kept["pages"]],
            {int(key): name for key, name in kept["documents"].items()},
            [PlannedPart(**part) for part in kept["parts"]],
        )
    folder.mkdir(parents=True, exist_ok=True)
    plan = _planned(export, folder)
    pages = [[each.page, each.document, each.number, each.name] for each in plan.pages]
    kept = {"top": plan.top, "pages": pages, "documents": plan.documents, "parts": list(map(asdict, plan.parts))}
    temporary = path.with_name(f"plan.{os.getpid()}.writing")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(kept, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return plan


def _planned(export: Export, folder: Path) -> Plan:
    pages, documents = _named(export)
    top = ""
    if FORMATS[export.format].write is None:
        top = f"{safe_part(export.collection.identifier or export.collection.title)}-{export.created_at:%Y%m%d}/"
    parts: list[PlannedPart] = []
    for code in members_of(export.format):
        prefix = f"{top}{DATA}{code}/" if top else ""
        for first, last in _cut(pages, FORMATS[code].unit):
            parts.append(PlannedPart(code, prefix, first, last, f"{len(parts):05}.zip"))
    return Plan(folder, top, pages, documents, parts)


def _named(export: Export) -> tuple[list[PlannedPage], dict[int, str]]:
    """All pages in order, and the documents' names."""
    found = Page.objects.filter(collection=export.collection, state__in=STATES_OF_SCOPE[Export.Scope(export.scope)])
    if export.document_id is not None:
        found = found.filter(document=export.document_id)
    fields = ("pk", "document_id", "document__title", "document__identifier", "position", "part", "original__name")
    rows = found.order_by("document", "position", "pk").values_list(*fields).iterator(chunk_size=2000)
    collection = export.collection
    of_pages = FileNames(export.names or DEFAULT)
    of_documents = FileNames(export.names or DEFAULT)
    pages: list[PlannedPage] = []
    documents: dict[int, str] = {}
    for document, of_document in groupby(rows, lambda row: row[1]):
        for number, (pk, _, title, identifier, position, part, original) in enumerate(of_document, 1):
            values: dict[str, str | int] = {
                "identifier": identifier or collection.identifier or title,
                "collection": collection.title,
                "document": title,
                "reference": collection.identifier or collection.title,
                "page": position,
                "original": f"{PurePath(original).stem}{PART_SUFFIXES[Part(part)]}",
                "number": len(pages) + 1,
                "id": pk,
            }
            if number == 1:
                documents[document] = of_documents.document(values)
            pages.append(PlannedPage(pk, document, number, of_pages.page(values)))
    return pages, documents


def _cut(pages: list[PlannedPage], unit: Unit) -> Iterator[tuple[int, int]]:
    """Parts of some ``PAGES_A_PART`` pages; a document, or everything, stays in one where it becomes one file."""
    if not pages:
        return
    first = 0
    for index in range(1, len(pages)):
        at_end = unit is Unit.PAGE or (unit is Unit.DOCUMENT and pages[index].document != pages[index - 1].document)
        if at_end and index - first >= PAGES_A_PART:
            yield first, index
            first = index
    yield first, len(pages)
