"""What the catalogue says of a collection's documents: seen, taken from a table, given as one."""

from __future__ import annotations

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from transcription.errors import LonghandError
from transcription.formats.metadata_csv import COLUMNS, LARGEST_FILE, read_metadata, write_metadata
from transcription.models import Collection, Role
from transcription.models.keyset import paged
from transcription.steps.describe import Described, describe_documents
from transcription.views.access import SignedInRequest, collection_or_404, holds, signed_in

SHOWN = 100
MOST_PROBLEMS = 100


@require_http_methods(["GET", "POST"])
@signed_in
def documents(request: SignedInRequest, pk: int) -> HttpResponse:
    """The documents, and the form that takes a table; a table is only looked at unless it is to be taken."""
    collection = collection_or_404(request, pk)
    if request.method != "POST":
        return _screen(request, collection)
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        return _screen(request, collection, refused=_("Choose a table first: a .csv file."))
    try:
        rows = read_metadata(file.read(LARGEST_FILE + 1), file.name or "")
        dry_run = "dry_run" in request.POST
        done = describe_documents(collection=collection, rows=rows, dry_run=dry_run)
    except LonghandError as error:
        return _screen(request, collection, refused=error.message)
    return _screen(request, collection, done=done, dry_run=dry_run, name=file.name or "")


def _screen(
    request: SignedInRequest,
    collection: Collection,
    *,
    refused: str = "",
    done: Described | None = None,
    dry_run: bool = False,
    name: str = "",
) -> HttpResponse:
    asked = request.GET
    part = paged(
        collection.documents.all(),
        order=("title", "pk"),
        size=SHOWN,
        after=asked.get("after", ""),
        before=asked.get("before", ""),
    )
    context = {
        "section": "collections",
        "collection": collection,
        "administers": holds(request, collection, Role.ADMIN),
        "refused": refused,
        "done": done,
        "dry_run": dry_run,
        "name": name,
        "problems": done.problems[:MOST_PROBLEMS] if done is not None else [],
        "more": max(0, len(done.problems) - MOST_PROBLEMS) if done is not None else 0,
        "columns": ", ".join(COLUMNS),
        "limit_mb": LARGEST_FILE // 2**20,
        "part": part,
    }
    return render(request, "transcription/documents.html", context, status=422 if refused else 200)


@require_safe
@signed_in
def documents_download(request: SignedInRequest, pk: int) -> StreamingHttpResponse:
    """All documents as the table that is taken back."""
    collection = collection_or_404(request, pk)
    values = collection.documents.order_by("title", "pk").values_list(
        "pk", "title", "title", "identifier", "dates", "creator", "rights"
    )
    answer = StreamingHttpResponse(write_metadata(values.iterator()), content_type="text/csv; charset=utf-8")
    name = f"{slugify(collection.identifier or collection.title) or 'collection'}-documents.csv"
    answer["Content-Disposition"] = content_disposition_header(True, name)
    answer["Cache-Control"] = "private, no-store"
    return answer
