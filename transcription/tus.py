"""The tus protocol, version 1.0: resumable uploads for the browser and for programs. https://tus.io/protocols

Core and the extensions creation, creation-with-upload, expiration, checksum and termination. It knows nothing of who
asks: a view that has settled that hands over the upload whose files these are and how the address of one is made.

Beyond the protocol: ``Longhand-State`` says what became of a whole file (stored, undecided, skipped); one that cannot
be used is answered 422 with a sentence; GET on a file says all of it as JSON.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.utils.http import http_date
from django.utils.translation import gettext as _

from transcription.errors import BadInput, LonghandError, StorageFull
from transcription.models import IncomingFile, IncomingState, Upload
from transcription.steps import incoming
from transcription.steps.incoming import BadChecksum, BeingReceived, Checksum, Settled, WrongOffset
from transcription.steps.upload_limits import limits_of

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
ALGORITHMS = {"sha1": "sha1", "sha256": "sha256"}
CONTENT_TYPE = "application/offset+octet-stream"
SILENT_SECONDS = 30.0  # how long a connection that sends nothing keeps its file locked
METHODS = ["OPTIONS", "POST", "HEAD", "PATCH", "DELETE", "GET"]
_STATUS: list[tuple[type[LonghandError], int]] = [
    (StorageFull, 507),
    (WrongOffset, 409),
    (BeingReceived, 423),
    (Settled, 410),
    (BadChecksum, 460),
]
_CODES = {"too-large": 413, "too-long": 413, "no-length": 411, "bad-request": 400, "wrong-type": 415}
Address = Callable[[UUID], str]


def answer(request: HttpRequest, upload: Upload, address: Address, file_id: UUID | None = None) -> HttpResponse:
    """Answer any request of the protocol: on ``upload`` itself, where files are made, or on one of its files."""
    method = request.headers.get("X-HTTP-Method-Override", request.method or "").upper()
    if method == "OPTIONS":
        return _options(upload)
    if method != "GET" and request.headers.get("Tus-Resumable") != VERSION:
        return HttpResponse(status=412, headers={"Tus-Version": VERSION})
    try:
        if file_id is None:
            response = _create(request, upload, address) if method == "POST" else _not_allowed()
        else:
            file = upload.files.filter(pk=file_id).first()
            if file is None:
                raise IncomingFile.DoesNotExist
            file.upload, file.collection = upload, upload.collection
            response = _on_file(request, method, file)
    except IncomingFile.DoesNotExist:
        response = HttpResponse(status=404)
    except LonghandError as error:
        response = _refusal(error)
    response["Tus-Resumable"] = VERSION
    return response


def state_of(file: IncomingFile) -> dict[str, Any]:
    """What a sender may know of a file, as JSON."""
    return {
        "id": str(file.pk),
        "path": file.path,
        "size": file.size,
        "offset": incoming.acknowledged(file),
        "state": file.state,
        "code": file.code,
        "message": file.message,
        "original": str(file.original_id) if file.original_id else None,
        "sha256": file.sha256 or None,
    }


def _on_file(request: HttpRequest, method: str, file: IncomingFile) -> HttpResponse:
    if method == "PATCH":
        return _append(request, file)
    if method == "HEAD":
        return _told(file, HttpResponse(headers={"Cache-Control": "no-store", "Upload-Length": str(file.size)}))
    if method == "GET":
        return JsonResponse(state_of(file), headers={"Cache-Control": "no-store"})
    if method == "DELETE":
        incoming.forget(file)
        return HttpResponse(status=204)
    return _not_allowed()


def _options(upload: Upload) -> HttpResponse:
    return HttpResponse(
        status=204,
        headers={
            "Tus-Resumable": VERSION,
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
            "Tus-Max-Size": str(limits_of(upload.collection, upload.uploader).file_bytes),
        },
    )


def _create(request: HttpRequest, upload: Upload, address: Address) -> HttpResponse:
    if "Upload-Defer-Length" in request.headers:
        raise BadInput(_("Say how long the file is: its length cannot be told later."), code="bad-request")
    told = metadata(request.headers.get("Upload-Metadata", ""))
    path = told.get("relativePath") or told.get("filename") or told.get("name") or ""
    if not path.strip():
        raise BadInput(_("The file came without a name. Send it again with one."), code="no-name")
    modified = told.get("modified", "")
    limits = limits_of(upload.collection, upload.uploader)
    file = incoming.begin(
        upload=upload,
        limits=limits,
        path=path,
        size=_number(request, "Upload-Length"),
        modified=int(modified) if re.fullmatch(r"-?\d{1,16}", modified) else None,
        promised_sha256=told.get("sha256", ""),
    )
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length and request.content_type == CONTENT_TYPE:
        body, checksum = RequestBody(request), _checksum(request)
        incoming.receive(file, body, offset=0, length=length, checksum=checksum, limits=limits)
    if file._state.adding and file.state == IncomingState.RECEIVING:
        file.save(force_insert=True)
    response = HttpResponse(status=201)
    response["Location"] = address(file.pk)
    return _told(file, response)


def _append(request: HttpRequest, file: IncomingFile) -> HttpResponse:
    if request.content_type != CONTENT_TYPE:
        raise BadInput(_("A piece of a file is sent as %(type)s.") % {"type": CONTENT_TYPE}, code="wrong-type")
    offset = _number(request, "Upload-Offset")
    if not request.META.get("CONTENT_LENGTH"):
        raise BadInput(_("Say with Content-Length how much is sent."), code="no-length")
    length = int(request.META["CONTENT_LENGTH"])
    incoming.receive(file, RequestBody(request), offset=offset, length=length, checksum=_checksum(request))
    return _told(file, HttpResponse(status=204))


def _told(file: IncomingFile, response: HttpResponse) -> HttpResponse:
    """The same with what of the file is here for good."""
    response["Upload-Offset"] = str(incoming.acknowledged(file))
    if file.state == IncomingState.RECEIVING:
        response["Upload-Expires"] = http_date(incoming.expires_at(file).timestamp())
    else:
        response["Longhand-State"] = str(file.state)
    return response


def _refusal(error: LonghandError) -> HttpResponse:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), _CODES.get(error.code, 422))
    response = JsonResponse({"code": error.code, "message": error.message}, status=status)
    if isinstance(error, WrongOffset):
        response["Upload-Offset"] = str(error.offset)
    if status in (423, 507):
        response["Retry-After"] = "5"
    return response


def _not_allowed() -> HttpResponse:
    return HttpResponse(status=405, headers={"Allow": ", ".join(METHODS)})


def _number(request: HttpRequest, header: str) -> int:
    value = request.headers.get(header, "")
    if not re.fullmatch(r"\d{1,18}", value):
        raise BadInput(_("%(header)s must be a number of bytes.") % {"header": header}, code="bad-request")
    return int(value)


def metadata(header: str) -> dict[str, str]:
    """The pairs of an Upload-Metadata header: keys, and values in Base64 of UTF-8. Raises BadInput."""
    found = {}
    for pair in filter(None, (each.strip() for each in header.split(","))):
        key, _space, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode("utf-8").replace("\0", "")
        except (binascii.Error, UnicodeDecodeError) as error:
            sentence = _("Upload-Metadata is not as tus has it: %(key)s is no Base64 of UTF-8.")
            raise BadInput(sentence % {"key": key[:40]}, code="bad-request") from error
    return found


def _checksum(request: HttpRequest) -> Checksum | None:
    header = request.headers.get("Upload-Checksum")
    if header is None:
        return None
    name, _space, value = header.partition(" ")
    if name not in ALGORITHMS:
        sentence = _("Upload-Checksum must be one of %(names)s.")
        raise BadInput(sentence % {"names": ", ".join(ALGORITHMS)}, code="bad-request")
    try:
        return Checksum(ALGORITHMS[name], base64.b64decode(value, validate=True))
    except binascii.Error as error:
        raise BadInput(_("Upload-Checksum is no Base64."), code="bad-request") from error


class RequestBody:
    """The body of a request as it comes; where the connection breaks, or falls silent, it ends."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        # Without it a connection that went away without a word would hold its thread and its file for ever.
        if (socket := request.META.get("gunicorn.socket")) is not None:
            socket.settimeout(SILENT_SECONDS)

    def read(self, size: int, /) -> bytes:
        try:
            return self._request.read(size)
        except UnreadablePostError:
            return b""
