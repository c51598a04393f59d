"""Say what documents are: one by one, or many from a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

from transcription.errors import BadInput, Conflict
from transcription.formats.metadata_csv import FIELDS, MetadataRow
from transcription.models import Collection, Document

LENGTHS: dict[str, int] = {name: getattr(Document._meta.get_field(name), "max_length", 0) for name in FIELDS}


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row of a table was passed over; ``line`` is that of the file."""

    line: int
    message: str


@dataclass(slots=True)
class Described:
    """What a table did: documents it named, those of them that changed, rows that were passed over."""

    matched: int = 0
    changed: int = 0
    problems: list[RowProblem] = field(default_factory=list)


def describe_document(document: Document, values: Mapping[str, str]) -> None:
    """Set some of ``FIELDS``. Raises BadInput for an empty title or too long a value, Conflict for a title taken."""
    faults = _faults(values)
    if faults:
        raise BadInput(faults[0], code="bad-metadata")
    for name, value in values.items():
        setattr(document, name, value)
    try:
        with transaction.atomic():
            document.save(update_fields=list(values))
    except IntegrityError as error:
        raise Conflict(
            f"The collection has another document “{values.get('title')}”; titles are given once.", code="title-taken"
        ) from error


def _faults(values: Mapping[str, str]) -> list[str]:
    found = [
        f"{name} may have {LENGTHS[name]} characters, here are {len(value)}; shorten it."
        for name, value in values.items()
        if len(value) > LENGTHS[name]
    ]
    if "title" in values and not values["title"].strip():
        found.append("A document needs a title; give it one.")
    return found


def describe_documents(*, collection: Collection, rows: Sequence[MetadataRow], dry_run: bool = False) -> Described:
    """Set what the rows of a table say, in one transaction; a row with a fault is passed over and told, by its line.

    With ``dry_run`` everything is looked at and nothing changed.
    """
    done = Described()
    with transaction.atomic():
        documents = list(collection.documents.select_for_update(no_key=True).order_by("pk"))
        finder = _Finder(documents)
        titles = {document.title: document.pk for document in documents}
        changed: dict[int, Document] = {}
        for row in rows:
            try:
                document = finder.find(row)
                _take(document, row, titles, changed)
            except BadInput as error:
                done.problems.append(RowProblem(row.line, error.message))
                continue
            done.matched += 1
        done.changed = len(changed)
        if not dry_run:
            _save(changed.values())
    return done


class _Finder:
    """Finds the documents that rows name, each by the column that names them."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._by: dict[tuple[str, str], list[Document]] = {}
        for document in documents:
            for key in (("id", str(document.pk)), ("document", document.title), ("title", document.title)):
                self._by.setdefault(key, []).append(document)
            if document.identifier:
                self._by.setdefault(("identifier", document.identifier), []).append(document)

    def find(self, row: MetadataRow) -> Document:
        column, value = row.key
        if not value:
            raise BadInput(f"The column {column} is empty, so that it names no document.")
        found = self._by.get(row.key, [])
        if not found:
            raise BadInput(f"There is no document whose {column} is “{value[:100]}”.")
        if len(found) > 1:
            raise BadInput(f"{len(found)} documents have the {column} “{value[:100]}”; name them by id.")
        return found[0]


def _take(document: Document, row: MetadataRow, titles: dict[str, int], changed: dict[int, Document]) -> None:
    faults = _faults(row.values)
    if faults:
        raise BadInput(faults[0])
    title = row.values.get("title", document.title)
    if titles.get(title, document.pk) != document.pk:
        raise BadInput(f"Another document has the title “{title[:100]}”; titles are given once.")
    new = {name: value for name, value in row.values.items() if getattr(document, name) != value}
    if not new:
        return
    titles.pop(document.title)
    titles[title] = document.pk
    for name, value in new.items():
        setattr(document, name, value)
    changed[document.pk] = document


def _save(documents: Iterable[Document]) -> None:
    """Titles one after the other, as a title may be given on to the next document only once it is free."""
    documents = list(documents)
    before = dict(Document.objects.filter(pk__in=[each.pk for each in documents]).values_list("pk", "title"))
    try:
        with transaction.atomic():
            for document in documents:
                if before[document.pk] != document.title:
                    document.save(update_fields=["title"])
    except IntegrityError as error:
        raise Conflict("Two of the titles are given to each other's document; do it in two steps.") from error
    Document.objects.bulk_update(documents, [name for name in FIELDS if name != "title"], batch_size=500)
