"""Exports: ask for one, follow it, fetch the file."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.core.files.storage import default_storage
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from ninja import Field, Path, Query, Router, Schema

from transcription.api.access import ApiRequest, Bearer, collection_for, export_for, owner_of
from transcription.api.answers import Made, answered_once
from transcription.api.problems import Problem
from transcription.api.schema import Asked, Id, Listing, next_url, part_of
from transcription.formats.file_names import DEFAULT, LONGEST
from transcription.models import Document, Export, Failure, Scope
from transcription.steps.export import cancel_export, request_export
from transcription.steps.export_formats import listed_formats

router = Router(tags=["exports"])


class ExportIn(Asked):
    format: str = Field(max_length=20, description=f"One of {', '.join(listed_formats())}.")
    scope: Export.Scope = Export.Scope.ALL
    document: Id | None = Field(None, description="Of this document only.")
    normalised: bool = Field(False, description="Spelling made plain; else as it is written.")
    names: str = Field("", max_length=LONGEST, description=f"Template of the files' names, such as {DEFAULT}.")
    base: str = Field("", max_length=300, description="Where the files will be on the web; for IIIF manifests.")


class ExportOut(Schema):
    id: UUID
    collection: int
    format: str
    scope: Export.Scope
    document: int | None
    normalised: bool
    state: Export.State
    pages: int = Field(description="Written so far.")
    total: int
    problem: str = Field(description="Why it failed, if it did.")
    created_at: datetime
    ended_at: datetime | None
    expires_at: datetime | None = Field(description="When its file is removed.")
    size: int = Field(description="Bytes of the file, once it is done.")
    file: str | None = Field(description="Where the file is, once it is done.")


class ExportList(Schema):
    items: list[ExportOut]
    next: str | None


@router.get(
    "/collections/{pk}/exports", auth=Bearer(Scope.EXPORT), response=ExportList, summary="List exports, newest first"
)
def list_exports(request: ApiRequest, pk: Path[Id], wanted: Query[Listing]) -> ExportList:
    part = part_of(Export.objects.filter(collection=collection_for(request, pk)), wanted, order=("-created_at", "id"))
    return ExportList(items=[_out(each) for each in part.rows], next=next_url(request, part.after))


@router.post(
    "/collections/{pk}/exports", auth=Bearer(Scope.EXPORT), response={202: ExportOut}, summary="Ask for an export"
)
def make_export(request: ApiRequest, pk: Path[Id], wanted: ExportIn) -> HttpResponse:
    def make() -> Made:
        collection = collection_for(request, pk)
        document = None
        if wanted.document is not None:
            document = get_object_or_404(Document, pk=wanted.document, collection=collection)
        made = request_export(
            collection=collection,
            format=wanted.format,
            scope=wanted.scope,
            requester=owner_of(request),
            document=document,
            normalised=wanted.normalised,
            names=wanted.names,
            base=wanted.base,
        )
        return Made(202, _out(made), f"/api/v1/exports/{made.pk}")

    return answered_once(request, make)


@router.get(
    "/exports/{uuid:export}", auth=Bearer(Scope.EXPORT), response=ExportOut, summary="How far an export has come"
)
def get_export(request: ApiRequest, export: UUID) -> ExportOut:
    return _out(export_for(request, export))


@router.post("/exports/{uuid:export}/cancel", auth=Bearer(Scope.EXPORT), response=ExportOut, summary="Stop an export")
def stop_export(request: ApiRequest, export: UUID) -> ExportOut:
    found = export_for(request, export)
    if not cancel_export(found):
        raise Problem(409, "The export has ended already; ask for its state.", code="conflict")
    found.refresh_from_db()
    return _out(found)


@router.get(
    "/exports/{uuid:export}/file",
    auth=Bearer(Scope.EXPORT),
    summary="Fetch the file",
    openapi_extra={
        "responses": {200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}}
    },
)
def get_export_file(request: ApiRequest, export: UUID) -> FileResponse:
    found = export_for(request, export)
    if found.state != Export.State.DONE or not default_storage.exists(found.file):
        raise Problem(409, "The export is not written yet; ask for its state first.", code="not-ready")
    answer = FileResponse(default_storage.open(found.file, "rb"), content_type="application/zip")
    name = f"export-{found.pk}.zip"
    answer["Content-Disposition"] = content_disposition_header(True, name)
    answer["Cache-Control"] = "private, no-store"
    return answer


def _out(export: Export) -> ExportOut:
    failure = None
    if export.state == Export.State.FAILED:
        failure = Failure.objects.filter(work__export=export).order_by("pk").last()
    return ExportOut(
        id=export.pk,
        collection=export.collection_id,
        format=export.format,
        scope=Export.Scope(export.scope),
        document=export.document_id,
        normalised=export.normalised,
        state=Export.State(export.state),
        pages=export.pages,
        total=export.total,
        problem=failure.message if failure is not None else "",
        created_at=export.created_at,
        ended_at=export.ended_at,
        expires_at=export.expires_at,
        size=export.size,
        file=f"/api/v1/exports/{export.pk}/file" if export.state == Export.State.DONE else None,
    )
