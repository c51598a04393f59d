"""Collections and documents: list, make, describe, one by one or from a table."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.db.models import Count, Q
from django.http import HttpResponse
from ninja import Field, File, Form, Path, Query, Router, Schema, UploadedFile

from transcription.api.access import ApiRequest, Bearer, collection_for, document_for, owner_of
from transcription.api.answers import Made, answered_once
from transcription.api.schema import Asked, Id, Listing, Name, Text, next_url, part_of
from transcription.errors import BadInput, Conflict
from transcription.formats.metadata_csv import LARGEST_FILE, read_metadata
from transcription.htr.languages import language_tag
from transcription.models import Collection, Document, PageState, Role, Scope
from transcription.models.page import FINISHED_STATES
from transcription.steps.create import create_collection
from transcription.steps.describe import describe_document, describe_documents

router = Router(tags=["collections and documents"])


class CollectionOut(Schema):
    id: int
    title: str
    identifier: str
    dates: str
    creator: str
    language: str
    rights: str
    state: Literal["active", "paused", "cancelled"]
    role: str = Field(description="What the token's user may do there; superuser where that is not by a role.")
    created_at: datetime


class CollectionDetail(CollectionOut):
    pages: int
    read: int = Field(description="Pages that machines are done with.")
    in_review: int
    reviewed: int
    failed: int = Field(description="Open failures.")


class CollectionList(Schema):
    items: list[CollectionOut]
    next: str | None


class CollectionFilters(Listing):
    q: Text = Field("", max_length=200, description="In title, identifier or creator.")


class CollectionIn(Asked):
    title: Name = Field(max_length=200)
    identifier: Text = Field("", max_length=120)
    dates: Text = Field("", max_length=120)
    creator: Text = Field("", max_length=200)
    language: Text = Field("", max_length=35, description="A code such as en or fr, or a name; empty: mixed.")
    rights: Text = Field("", max_length=300)


class CollectionChanges(Asked):
    """What is left out stays as it is."""

    title: Name | None = Field(None, max_length=200)
    identifier: Text | None = Field(None, max_length=120)
    dates: Text | None = Field(None, max_length=120)
    creator: Text | None = Field(None, max_length=200)
    language: Text | None = Field(None, max_length=35)
    rights: Text | None = Field(None, max_length=300)


class DocumentOut(Schema):
    id: int
    collection: int
    title: str
    identifier: str
    dates: str
    creator: str
    rights: str
    created_at: datetime


class DocumentDetail(DocumentOut):
    pages: int
    read: int = Field(description="Pages that machines are done with.")


class DocumentList(Schema):
    items: list[DocumentOut]
    next: str | None


class DocumentFilters(Listing):
    identifier: Text = Field("", max_length=120)
    q: Text = Field("", max_length=200, description="In title, identifier or creator.")


class DocumentIn(Asked):
    title: Name = Field(max_length=250)
    identifier: Text = Field("", max_length=120)
    dates: Text = Field("", max_length=120)
    creator: Text = Field("", max_length=200)
    rights: Text = Field("", max_length=300)


class DocumentChanges(Asked):
    """What is left out stays as it is."""

    title: Name | None = Field(None, max_length=250)
    identifier: Text | None = Field(None, max_length=120)
    dates: Text | None = Field(None, max_length=120)
    creator: Text | None = Field(None, max_length=200)
    rights: Text | None = Field(None, max_length=300)


class TableIn(Asked):
    dry_run: bool = Field(False, description="Look at everything and change nothing.")


class RowProblemOut(Schema):
    line: int
    message: str


class TableOut(Schema):
    matched: int = Field(description="Rows that named a document.")
    changed: int = Field(description="Documents that are not as they were.")
    problems: list[RowProblemOut] = Field(description="Rows that were passed over, by their line in the file.")


@router.get("/collections", auth=Bearer(Scope.READ), response=CollectionList, summary="List collections, by title")
def list_collections(request: ApiRequest, wanted: Query[CollectionFilters]) -> CollectionList:
    collections = request.auth.visible_collections()
    if wanted.q:
        said = Q(title__icontains=wanted.q) | Q(identifier__icontains=wanted.q) | Q(creator__icontains=wanted.q)
        collections = collections.filter(said)
    part = part_of(collections, wanted, order=("title", "pk"))
    roles = _roles(request, part.rows)
    return CollectionList(
        items=[CollectionOut.model_validate(_collection(each, roles)) for each in part.rows],
        next=next_url(request, part.after),
    )


@router.post("/collections", auth=Bearer(Scope.MANAGE), response={201: CollectionOut}, summary="Make a collection")
def make_collection(request: ApiRequest, wanted: CollectionIn) -> HttpResponse:
    """You become its admin."""

    def make() -> Made:
        values = {name: _tidy(value) for name, value in wanted.model_dump().items()}
        values["language"] = _language(values["language"])
        made = create_collection(owner=owner_of(request), **values)
        if not request.auth.everywhere:
            request.auth.collections.add(made)
        out = CollectionOut.model_validate(_collection(made, {made.pk: Role.ADMIN.value}))
        return Made(201, out, f"/api/v1/collections/{made.pk}")

    return answered_once(request, make)


@router.get(
    "/collections/{pk}", auth=Bearer(Scope.READ), response=CollectionDetail, summary="A collection and its state"
)
def get_collection(request: ApiRequest, pk: Path[Id]) -> CollectionDetail:
    return _collection_detail(request, collection_for(request, pk))


@router.patch(
    "/collections/{pk}", auth=Bearer(Scope.MANAGE), response=CollectionDetail, summary="Describe a collection"
)
def describe_collection(request: ApiRequest, pk: Path[Id], changes: CollectionChanges) -> CollectionDetail:
    """Takes its admin."""
    collection = collection_for(request, pk, Role.ADMIN)
    values = {name: _tidy(value) for name, value in changes.model_dump(exclude_none=True).items()}
    if "language" in values:
        values["language"] = _language(values["language"])
    for name, value in values.items():
        setattr(collection, name, value)
    collection.save(update_fields=list(values))
    return _collection_detail(request, collection)


@router.get(
    "/collections/{pk}/documents", auth=Bearer(Scope.READ), response=DocumentList, summary="List documents, by title"
)
def list_documents(request: ApiRequest, pk: Path[Id], wanted: Query[DocumentFilters]) -> DocumentList:
    documents = collection_for(request, pk).documents.all()
    if wanted.identifier:
        documents = documents.filter(identifier=wanted.identifier)
    if wanted.q:
        said = Q(title__icontains=wanted.q) | Q(identifier__icontains=wanted.q) | Q(creator__icontains=wanted.q)
        documents = documents.filter(said)
    part = part_of(documents, wanted, order=("title", "pk"))
    items = [DocumentOut.model_validate(_document(each)) for each in part.rows]
    return DocumentList(items=items, next=next_url(request, part.after))


@router.post(
    "/collections/{pk}/documents", auth=Bearer(Scope.MANAGE), response={201: DocumentOut}, summary="Make a document"
)
def make_document(request: ApiRequest, pk: Path[Id], wanted: DocumentIn) -> HttpResponse:
    """An empty one; submit files with its title to add their pages."""

    def make() -> Made:
        collection = collection_for(request, pk)
        values = {name: _tidy(value) for name, value in wanted.model_dump().items()}
        document, created = Document.objects.get_or_create(
            collection=collection, title=values.pop("title"), defaults=values
        )
        if not created:
            raise Conflict(f"The collection has a document “{document.title}” already.", code="title-taken")
        return Made(201, DocumentOut.model_validate(_document(document)), f"/api/v1/documents/{document.pk}")

    return answered_once(request, make)


@router.post(
    "/collections/{pk}/metadata",
    auth=Bearer(Scope.MANAGE),
    response=TableOut,
    summary="Describe many documents from a CSV file",
)
def describe_from_table(
    request: ApiRequest, pk: Path[Id], form: Form[TableIn], file: File[UploadedFile]
) -> HttpResponse:
    """UTF-8, headings in the first row: one of `id`, `document` (its present title), `identifier` or `title` says which
    document a row is about; `title`, `identifier`, `dates`, `creator` and `rights` are set. An empty cell changes
    nothing, and a row with a fault is passed over."""

    def make() -> Made:
        collection = collection_for(request, pk)
        rows = read_metadata(file.read(LARGEST_FILE + 1), file.name or "")
        done = describe_documents(collection=collection, rows=rows, dry_run=form.dry_run)
        problems = [RowProblemOut(line=each.line, message=each.message) for each in done.problems]
        return Made(200, TableOut(matched=done.matched, changed=done.changed, problems=problems))

    return answered_once(request, make, files=[file])


@router.get("/documents/{pk}", auth=Bearer(Scope.READ), response=DocumentDetail, summary="A document")
def get_document(request: ApiRequest, pk: Path[Id]) -> DocumentDetail:
    return _document_detail(document_for(request, pk))


@router.patch("/documents/{pk}", auth=Bearer(Scope.MANAGE), response=DocumentDetail, summary="Describe a document")
def change_document(request: ApiRequest, pk: Path[Id], changes: DocumentChanges) -> DocumentDetail:
    document = document_for(request, pk)
    describe_document(document, {name: _tidy(value) for name, value in changes.model_dump(exclude_none=True).items()})
    return _document_detail(document)


def _tidy(text: str) -> str:
    return " ".join(text.split())


def _language(typed: str) -> str:
    tag = language_tag(typed)
    if typed and not tag:
        raise BadInput(f"“{typed}” is no language known here. Give a code, such as en, fr or de-AT.", code="language")
    return tag


def _roles(request: ApiRequest, collections: list[Collection]) -> dict[int, str]:
    """The role of the token's user in each; nothing where a superuser has none."""
    held = owner_of(request).memberships.filter(collection__in=[each.pk for each in collections])
    return dict(held.values_list("collection", "role"))


def _collection(collection: Collection, roles: dict[int, str]) -> dict[str, object]:
    names = ("title", "identifier", "dates", "creator", "language", "rights", "state", "created_at")
    values = {name: getattr(collection, name) for name in names}
    return values | {"id": collection.pk, "role": roles.get(collection.pk, "superuser")}


def _collection_detail(request: ApiRequest, collection: Collection) -> CollectionDetail:
    counts = collection.pages.aggregate(
        pages=Count("pk"),
        read=Count("pk", filter=Q(state__in=FINISHED_STATES)),
        in_review=Count("pk", filter=Q(state=PageState.IN_REVIEW)),
        reviewed=Count("pk", filter=Q(state=PageState.REVIEWED)),
    )
    described = _collection(collection, _roles(request, [collection]))
    return CollectionDetail.model_validate(described | counts | {"failed": collection.failures.open().count()})


def _document(document: Document) -> dict[str, object]:
    names = ("title", "identifier", "dates", "creator", "rights", "created_at")
    return {name: getattr(document, name) for name in names} | {"id": document.pk, "collection": document.collection_id}


def _document_detail(document: Document) -> DocumentDetail:
    counts = document.pages.aggregate(pages=Count("pk"), read=Count("pk", filter=Q(state__in=FINISHED_STATES)))
    return DocumentDetail.model_validate(_document(document) | counts)
