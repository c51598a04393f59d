"""Many or large files into a collection, by tus: https://tus.io/protocols, as any of its clients speaks it."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from django.http import Http404, HttpResponse
from ninja import Path, Router, Schema
from pydantic import Field

from transcription import tus
from transcription.api.access import ApiRequest, Bearer, collection_for, owner_of
from transcription.api.answers import Made, answered_once
from transcription.api.schema import Asked, Id
from transcription.models import IncomingState, KnownFiles, Original, Page, Scope, Upload
from transcription.models.page import FINISHED_STATES

router = Router(tags=["uploads"])


class UploadIn(Asked):
    known_files: Literal["keep", "skip"] = Field(
        "skip", description="What becomes of files that the collection holds already."
    )


class UploadOut(Schema):
    id: UUID
    collection: int
    files: str = Field(description="Where files are made, by tus: POST there. They may be gone on with for days.")
    receiving: int = Field(description="Files of which a part is missing.")
    refused: int
    stored: int
    pages: int = Field(description="Pages of the files that were opened so far.")
    read: int = Field(description="Pages that machines are done with.")


@router.post(
    "/collections/{pk}/uploads",
    auth=Bearer(Scope.SUBMIT),
    response={201: UploadOut},
    summary="Begin an upload",
)
def begin_upload(request: ApiRequest, pk: Path[Id], wanted: UploadIn) -> HttpResponse:
    """For boxes of scans, over bad connections. Each file's path (metadata `relativePath`) says its document: a folder
    is one. They are read in bulk; a document that somebody waits for is better submitted at /api/v1/transcribe."""

    def make() -> Made:
        collection = collection_for(request, pk)
        known = KnownFiles(wanted.known_files)
        upload = Upload.objects.create(collection=collection, uploader=owner_of(request), known_files=known)
        return Made(201, _out(upload), f"/api/v1/uploads/{upload.pk}")

    return answered_once(request, make)


@router.get("/uploads/{uuid:upload}", auth=Bearer(Scope.SUBMIT), response=UploadOut, summary="How far an upload is")
def get_upload(request: ApiRequest, upload: UUID) -> UploadOut:
    return _out(_of(request, upload))


# Not in the description, which cannot say what a protocol of its own asks.
@router.api_operation(tus.METHODS, "/uploads/{uuid:upload}/files", auth=Bearer(Scope.SUBMIT), include_in_schema=False)
def make_file(request: ApiRequest, upload: UUID) -> HttpResponse:
    return _by_tus(request, upload)


@router.api_operation(
    tus.METHODS, "/uploads/{uuid:upload}/files/{uuid:file}", auth=Bearer(Scope.SUBMIT), include_in_schema=False
)
def send_file(request: ApiRequest, upload: UUID, file: UUID) -> HttpResponse:
    return _by_tus(request, upload, file)


def _by_tus(request: ApiRequest, pk: UUID, file: UUID | None = None) -> HttpResponse:
    upload = _of(request, pk)
    return tus.answer(request, upload, lambda made: f"{_files(upload)}/{made}", file)


def _of(request: ApiRequest, pk: UUID) -> Upload:
    mine = Upload.objects.filter(
        pk=pk, uploader=request.auth.user_id, collection__in=request.auth.visible_collections()
    )
    found = mine.select_related("collection", "uploader").first()
    if found is None:
        raise Http404
    return found


def _files(upload: Upload) -> str:
    return f"/api/v1/uploads/{upload.pk}/files"


def _out(upload: Upload) -> UploadOut:
    originals = Original.objects.filter(upload=upload)
    pages = Page.objects.filter(original__in=originals)
    return UploadOut(
        id=upload.pk,
        collection=upload.collection_id,
        files=_files(upload),
        receiving=upload.files.filter(state=IncomingState.RECEIVING).count(),
        refused=upload.files.filter(state=IncomingState.REFUSED).count(),
        stored=originals.count(),
        pages=pages.count(),
        read=pages.filter(state__in=FINISHED_STATES).count(),
    )
