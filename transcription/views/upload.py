"""Uploading: what is still to be sent, the tus door, decisions about known files; then how the opening goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, cast
from urllib.parse import unquote
from uuid import UUID

from django.db.models import Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from transcription import tus
from transcription.errors import BadInput, Conflict, StorageFull
from transcription.formats.kinds import ARCHIVES
from transcription.models import (
    Beside,
    BesideTranscript,
    Collection,
    Failure,
    IncomingFile,
    IncomingState,
    KnownFiles,
    Original,
    Step,
    Upload,
    Verb,
    Work,
    WorkState,
)
from transcription.models.fixity import TROUBLE
from transcription.steps import disk, incoming
from transcription.steps.beside import beside_counts, why_waiting
from transcription.steps.manifest import MOST_ENTRIES, Answer, Chosen, Standing, compare
from transcription.steps.progress import collection_progress
from transcription.steps.record_deed import record
from transcription.steps.store import Likeness, receive_file
from transcription.steps.upload_limits import MEGABYTE, limits_of
from transcription.views.access import SignedInRequest, collection_or_404, signed_in, upload_or_404

FAILURES_SHOWN = 50
TOLD = 50
UNDECIDED_SHOWN = 500
PIECE_BYTES = 32 * 2**20  # of one request of the browser: proxies limit and buffer them


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
    limits = limits_of(collection, request.user)
    context: dict[str, Any] = {
        "section": "collections",
        "collection": collection,
        "upload": upload,
        "transcript_choices": Beside.choices,
        "limits": limits,
        "limit_mb": limits.file_bytes // MEGABYTE,
        "config": {
            "start": reverse("transcription:upload_start", args=[collection.pk]),
            "pieceBytes": PIECE_BYTES,
            "places": None,
            "undecided": [],
        },
    }
    if upload is not None:
        context |= _status(upload)
        undecided = upload.files.filter(state=IncomingState.UNDECIDED).select_related("twin__document")
        context["config"] |= {
            "places": _places(upload),
            "undecided": [
                described(file) | {"path": file.path, "size": file.size} for file in undecided[:UNDECIDED_SHOWN]
            ],
        }
    return render(request, "transcription/upload.html", context)


_PLACES = {
    "page": "upload",
    "files": "upload_files",
    "manifest": "upload_manifest",
    "decide": "upload_decide",
    "status": "upload_status",
}


def _places(upload: Upload) -> dict[str, str]:
    return {name: reverse(f"transcription:{view}", args=[upload.pk]) for name, view in _PLACES.items()}


@require_POST
@signed_in
def upload_start(request: SignedInRequest, pk: int) -> JsonResponse:
    """Begin an upload; answers where its files, its manifest and its status are. ``transcripts`` says what .txt, PAGE
    and ALTO files beside the scans are: truth, draft, or nothing for refusing them."""
    collection = collection_or_404(request, pk)
    transcripts = request.POST.get("transcripts", Beside.LEFT_OUT)
    upload = Upload.objects.create(
        collection=collection,
        uploader=request.user,
        transcripts=transcripts if transcripts in Beside.values else Beside.LEFT_OUT,
    )
    record(Verb.UPLOADED, about=upload, collection=collection)
    return JsonResponse({"id": str(upload.pk)} | _places(upload), status=201)


# --- The door


def upload_files(request: HttpRequest, pk: UUID, file: UUID | None = None) -> HttpResponse:
    """Files of an upload by tus; a whole one also by PUT, with its path in X-File-Path (percent-encoded UTF-8).

    A program cannot log in: it is told 401 instead of being sent to a form.
    """
    if not request.user.is_authenticated:
        return JsonResponse({"code": "logged-out", "message": _("You were logged out. Log in again.")}, status=401)
    upload = upload_or_404(cast(SignedInRequest, request), pk)
    if request.method == "PUT" and file is None:
        return _put(request, upload)
    return tus.answer(request, upload, lambda made: reverse("transcription:upload_file", args=[pk, made]), file)


def _put(request: HttpRequest, upload: Upload) -> HttpResponse:
    path = incoming.tidy_path(unquote(request.headers.get("X-File-Path", "")))
    body, length = tus.RequestBody(request), int(request.META.get("CONTENT_LENGTH") or 0)
    try:
        disk.check_room(length)
        received = receive_file(
            collection=upload.collection,
            upload=upload,
            name=path.rpartition("/")[2],
            stream=cast(BinaryIO, WholeBody(body, length, path)),
            document_title=incoming.title_of(path),
        )
    except (BadInput, StorageFull) as error:
        status = 507 if isinstance(error, StorageFull) else 422
        return JsonResponse({"status": "rejected", "message": error.message, "code": error.code}, status=status)
    return JsonResponse({"status": "stored" if received.original or received.beside else "duplicate"})


class WholeBody:
    """A body that is of use only whole; raises BadInput when the connection ended before all of it came."""

    def __init__(self, body: incoming.Body, length: int, name: str) -> None:
        self._body, self._missing, self._name = body, length, name

    def read(self, size: int) -> bytes:
        chunk = self._body.read(size)
        self._missing -= len(chunk)
        if not chunk and self._missing > 0:
            sentence = _("“%(name)s” did not arrive whole: the connection ended. Send it again.")
            raise BadInput(sentence % {"name": self._name}, code="interrupted")
        return chunk


# --- What is still to be sent


@require_POST
@signed_in
def upload_manifest(request: SignedInRequest, pk: UUID) -> JsonResponse:
    """How chosen files stand. Asks ``{files: [[path, size, milliseconds], …], before: {document: files}, bytes}``.

    Answers ``{files: {index: {standing, …}}, warning}``, without those that are simply missing; ``bytes``, what was
    chosen in all, is held against the room on the disk.
    """
    upload = upload_or_404(request, pk)
    try:
        asked = json.loads(request.body)
        chosen = [Chosen(*_checked(entry)) for entry in asked["files"]]
        before = {str(title): int(count) for title, count in asked.get("before", {}).items()}
        total = int(asked.get("bytes", 0))
    except (ValueError, TypeError, KeyError, AttributeError):
        return JsonResponse({"message": _("The list of files could not be read."), "code": "bad-request"}, status=400)
    if len(chosen) > MOST_ENTRIES:
        return JsonResponse({"message": _("The list of files is too long."), "code": "too-many"}, status=413)
    answers = compare(upload, chosen, before)
    told = {index: _told(each) for index, each in enumerate(answers) if each.standing != Standing.MISSING}
    return JsonResponse({"files": told, "warning": _warning(total)})


def _checked(entry: Any) -> Iterator[Any]:
    path, size, modified = entry
    yield str(path).replace("\0", "")
    yield int(size)
    yield None if modified is None else int(modified)


def _told(answer: Answer) -> dict[str, Any]:
    said: dict[str, Any] = {"standing": answer.standing}
    if answer.standing == Standing.REFUSED:
        return said | {"code": answer.code, "message": answer.message, "final": answer.final}
    if answer.file is not None and answer.standing == Standing.UNDECIDED:
        return said | described(answer.file)
    if answer.file is not None and answer.standing == Standing.PARTLY:
        return said | {"url": _address(answer.file)}
    return said


def _address(file: IncomingFile) -> str:
    return reverse("transcription:upload_file", args=[file.upload_id, file.pk])


def _warning(total: int) -> str:
    room = disk.room()
    if total <= room:
        return ""
    return _(
        "These files hold %(total)s, the server has room for %(room)s. What does not fit is refused, nothing is lost; "
        "ask your administrator to make room first."
    ) % {"total": filesizeformat(total), "room": filesizeformat(max(room, 0))}


# --- Files that are known already


def described(file: IncomingFile) -> dict[str, Any]:
    """An undecided file: what it is like, in a sentence, and what may be chosen."""
    twin = file.twin
    choices = [KnownFiles.KEEP, KnownFiles.SKIP]
    if twin is None:
        message = _("What it was like was deleted since.")
    elif file.code == Likeness.ELSEWHERE:
        message = _("Same scan as “%(other)s” in the collection “%(collection)s”.") % {
            "other": twin.name,
            "collection": twin.collection.title,
        }
    elif file.code == Likeness.SAME_PLACE:
        choices.append(KnownFiles.REPLACE)
        message = _("“%(document)s” holds another scan of this name.") % {"document": twin.document.title}
    else:
        message = _("Same scan as “%(other)s” in “%(document)s”.") % {
            "other": twin.name,
            "document": twin.document.title,
        }
        if twin.fixity in TROUBLE:
            choices.append(KnownFiles.REPLACE)
            message += " " + _("Its stored copy is damaged: replace it to make it whole again.")
    return {"id": str(file.pk), "code": file.code, "message": message, "choices": choices}


@require_POST
@signed_in
def upload_decide(request: SignedInRequest, pk: UUID) -> JsonResponse:
    """Keep both, skip or replace: ``{choice, files: [id, …]}``, or ``{choice, all: true}`` for every one that waits
    and those still to come. Answers ``{decided: [id, …], refused: {id: sentence}, waiting: how many are left}``.
    """
    upload = upload_or_404(request, pk)
    try:
        asked = json.loads(request.body)
        choice = KnownFiles(asked["choice"])
        ids = [UUID(each) for each in asked.get("files", [])]
        every = bool(asked.get("all", False))
    except (ValueError, TypeError, KeyError, AttributeError):
        return JsonResponse({"message": _("The decision could not be read."), "code": "bad-request"}, status=400)
    if every:
        Upload.objects.filter(pk=upload.pk).update(known_files=choice)
    waiting = IncomingFile.objects.filter(collection=upload.collection, upload__uploader=upload.uploader)
    waiting = waiting.filter(state=IncomingState.UNDECIDED).select_related("upload__uploader", "collection")
    chosen = waiting.filter(Q(pk__in=ids) | Q(upload=upload) if every else Q(pk__in=ids)).order_by("begun_at")
    decided, refused = [], {}
    for file in chosen[:MOST_DECIDED]:
        try:
            incoming.decide(file, choice)
            decided.append(str(file.pk))
        except (BadInput, Conflict, StorageFull) as error:
            refused[str(file.pk)] = error.message
    left = waiting.filter(upload=upload).count()
    return JsonResponse({"decided": decided, "refused": refused, "waiting": left})


MOST_DECIDED = 100  # by one request: each is stored, with its fsync


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
