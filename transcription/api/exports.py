"""Exports: ask for one, follow it, fetch the file."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.core.files.storage import default_storage
from django.http import FileResponse, HttpResponse
from django.utils.http import content_disposition_header
from ninja import Field, Path, Query, Router, Schema

from transcription.api.access import ApiRequest, Bearer, collection_for, export_for, owner_of
from transcription.api.answers import Made, answered_once
from transcription.api.problems import Problem
from transcription.api.schema import Asked, Id, Listing, next_url, part_of
from transcription.models import Export, Failure, Scope
from transcription.steps.export import request_export

router = Router(tags=["exports"])


class ExportIn(Asked):
    format: Export.Format
    scope: Export.Scope = Export.Scope.ALL


class ExportOut(Schema):
    id: UUID
    collection: int
    format: Export.Format
    scope: Export.Scope
    state: Export.State
    pages: int = Field(description="Written so far.")
    total: int
    problem: str = Field(description="Why it failed, if it did.")
    created_at: datetime
    ended_at: datetime | None
    file: str | None = Field(description="Where the file is, once it is done.")


class ExportList(Schema):
    items: list[ExportOut]
    next: str | None


@router.get(
    "/collections/{pk}/exports", auth=Bearer(Scope.EXPORT), response=ExportList, summary="List exports, newest first"
)
def list_exports(request: ApiRequest, pk: Path[Id], wanted: Query[Listing]) -> ExportList:
    part = part_of(
        Export.objects.offered().filter(collection=collection_for(request, pk)), wanted, order=("-created_at", "id")
    )
    return ExportList(items=[_out(each) for each in part.rows], next=next_url(request, part.after))


@router.post(
    "/collections/{pk}/exports", auth=Bearer(Scope.EXPORT), response={202: ExportOut}, summary="Ask for an export"
)
def make_export(request: ApiRequest, pk: Path[Id], wanted: ExportIn) -> HttpResponse:
    def make() -> Made:
        collection = collection_for(request, pk)
        made = request_export(
            collection=collection, format=wanted.format, scope=wanted.scope, requester=owner_of(request)
        )
        return Made(202, _out(made), f"/api/v1/exports/{made.pk}")

    return answered_once(request, make)


@router.get(
    "/exports/{uuid:export}", auth=Bearer(Scope.EXPORT), response=ExportOut, summary="How far an export has come"
)
def get_export(request: ApiRequest, export: UUID) -> ExportOut:
    return _out(export_for(request, export))


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
        format=Export.Format(export.format),
        scope=Export.Scope(export.scope),
        state=Export.State(export.state),
        pages=export.pages,
        total=export.total,
        problem=failure.message if failure is not None else "",
        created_at=export.created_at,
        ended_at=export.ended_at,
        file=f"/api/v1/exports/{export.pk}/file" if export.state == Export.State.DONE else None,
    )
