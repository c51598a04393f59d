"""Uploading: one request a file, streamed from the socket to the disk; then how the opening of the files goes."""

from __future__ import annotations

from typing import BinaryIO, cast
from urllib.parse import unquote
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from transcription.errors import BadInput
from transcription.formats.kinds import ARCHIVES, safe_name
from transcription.models import Beside, BesideTranscript, Collection, Failure, Original, Step, Upload, Work, WorkState
from transcription.steps.beside import beside_counts, why_waiting
from transcription.steps.progress import collection_progress
from transcription.steps.store import Received, receive_file
from transcription.views.access import SignedInRequest, collection_or_404, signed_in, upload_or_404

NAME_HEADER, FOLDER_HEADER, KEEP_HEADER = "X-File-Name", "X-Folder-Name", "X-Keep-Duplicate"
FAILURES_SHOWN = 50
TOLD = 50


class RequestBody:
    """The body of a request as a file; raises BadInput when the connection ended before all of it came.

    Without that a scan cut off in mid-air would be stored as if it were whole.
    """

    def __init__(self, request: HttpRequest, expected: int, name: str) -> None:
        self._request, self._missing, self._name = request, expected, name

    def read(self, size: int = -1) -> bytes:
        try:
            chunk = self._request.read(size)
        except UnreadablePostError:
            chunk = b""
        self._missing -= len(chunk)
        if not chunk and self._missing > 0:
            raise BadInput(
                _("“%(name)s” did not arrive whole: the connection ended. Send it again.") % {"name": self._name},
                code="interrupted",
            )
        return chunk


@require_GET
@signed_in
def upload_new(request: SignedInRequest, pk: int) -> HttpResponse:
    """The screen on which files are dropped. The upload itself begins with its first file."""
    collection = collection_or_404(request, pk)
    return _screen(request, collection, None)


@require_GET
@signed_in
def upload_page(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """The same screen for an upload that has begun: what was received, and how its opening goes."""
    upload = upload_or_404(request, pk)
    return _screen(request, upload.collection, upload)


def _screen(request: SignedInRequest, collection: Collection, upload: Upload | None) -> HttpResponse:
    context = {
        "section": "collections",
        "collection": collection,
        "upload": upload,
        "transcript_choices": Beside.choices,
        "limit_mb": settings.MAX_FILE_BYTES // 2**20,
        "limits": {
            "start": reverse("transcription:upload_start", args=[collection.pk]),
            "collection": reverse("transcription:collection", args=[collection.pk]),
            "maxBytes": settings.MAX_FILE_BYTES,
        },
    }
    if upload is not None:
        context |= _status(upload)
    return render(request, "transcription/upload.html", context)


@require_POST
@signed_in
def upload_start(request: SignedInRequest, pk: int) -> JsonResponse:
    """Begin an upload; answers where its files and its status are. ``transcripts`` says what .txt, PAGE and ALTO files
    beside the scans are: truth, draft, or nothing for refusing them."""
    collection = collection_or_404(request, pk)
    transcripts = request.POST.get("transcripts", Beside.LEFT_OUT)
    upload = Upload.objects.create(
        collection=collection,
        uploader=request.user,
        transcripts=transcripts if transcripts in Beside.values else Beside.LEFT_OUT,
    )
    places = {name: reverse(f"transcription:{view}", args=[upload.pk]) for name, view in _PLACES.items()}
    return JsonResponse({"id": str(upload.pk)} | places, status=201)


_PLACES = {"page": "upload", "files": "upload_file", "status": "upload_status"}


@require_POST
@signed_in
def upload_file(request: SignedInRequest, pk: UUID) -> JsonResponse:
    """Receive one file, as raw body with its name in X-File-Name (percent-encoded UTF-8), or as multipart ``file``.

    Answers ``{status: stored | duplicate | rejected, message, code, name}``: 200, or 422 where it was rejected.
    """
    upload = upload_or_404(request, pk)
    if request.content_type == "multipart/form-data":
        file = request.FILES.get("file")
        if file is None:
            return _rejected("", BadInput(_("No file was sent. Choose one and send it again."), code="no-file"))
        name, stream = file.name or "", cast(BinaryIO, file)
    else:
        name = unquote(request.headers.get(NAME_HEADER, ""))
        stream = cast(BinaryIO, RequestBody(request, _content_length(request), name))
    if not name.strip():
        return _rejected("", BadInput(_("The file came without a name. Send it again with one."), code="no-name"))
    keep = request.headers.get(KEEP_HEADER) == "yes"
    folder = unquote(request.headers.get(FOLDER_HEADER, "")).strip()
    try:
        received = receive_file(
            collection=upload.collection,
            upload=upload,
            name=name,
            stream=stream,
            document_title=folder,
            keep_duplicate=keep,
        )
    except BadInput as error:
        return _rejected(name, error)
    return _accepted(upload, name, received)


def _content_length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or ""
    return int(length) if length.isdigit() else 0


def _rejected(name: str, error: BadInput) -> JsonResponse:
    answer = {"status": "rejected", "name": name, "message": error.message, "code": error.code}
    return JsonResponse(answer, status=422)


def _accepted(upload: Upload, name: str, received: Received) -> JsonResponse:
    if received.original is not None or received.beside is not None:
        return JsonResponse({"status": "stored", "name": name, "message": "", "code": ""})
    other = cast(Original, received.duplicate_of)
    # The same file under the same name is an upload that is continued, or an answer that got lost: no problem to show.
    code = "here-already" if other.name == safe_name(name) else "duplicate"
    message = _("“%(name)s” is the same scan as “%(other)s”, which this collection already holds.") % {
        "name": name,
        "other": other.name,
    }
    return JsonResponse({"status": "duplicate", "name": name, "message": message, "code": code})


@require_GET
@signed_in
def upload_status(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """How far the opening of the received files has come, as JSON with a rendered part; polled by the screen."""
    status = _status(upload_or_404(request, pk))
    html = render_to_string("transcription/upload_status.html", status, request=request)
    return JsonResponse({"html": html, "waiting": status["waiting"]})


def _status(upload: Upload) -> dict[str, object]:
    received = Original.objects.filter(upload=upload)
    of_upload = Q(original__in=received) | Q(page__original__in=received, step=Step.PREPARE)
    failures = Failure.objects.open().filter(of_upload).select_related("original", "page__original")
    counts = beside_counts(upload)
    waiting = Work.objects.filter(of_upload, state__in=[WorkState.QUEUED, WorkState.RUNNING]).count()
    return {
        "upload": upload,
        "collection": upload.collection,
        "received": received.count(),
        "opened": received.filter(frames__isnull=False).count(),
        "pages": received.aggregate(pages=Sum("frames"))["pages"] or 0,
        "waiting": waiting,
        "beside": counts,
        "beside_total": sum(counts.values()),
        "told": _not_taken(upload, received, settled=not waiting),
        "failures": failures[:FAILURES_SHOWN],
        "failure_count": failures.count(),
        "reason": collection_progress(upload.collection).waiting_reason if waiting else "",
    }


def _not_taken(upload: Upload, received: QuerySet[Original], *, settled: bool) -> list[str]:
    """Sentences about what of the upload was left: in its archives, and transcripts; those that still may find their
    scan only once nothing is being opened any more (``settled``)."""
    of_archives = received.filter(kind__in=ARCHIVES).exclude(remarks=[]).values_list("remarks", flat=True)
    told = [remark["message"] for remarks in of_archives for remark in remarks]
    state = BesideTranscript.State
    told += upload.beside.filter(state=state.REFUSED).values_list("message", flat=True)[:TOLD]
    if settled:
        told += map(why_waiting, upload.beside.filter(state=state.WAITING).order_by("pk")[:TOLD])
    return told[:TOLD]
