"""Answers of operations that make something: with a Location, and once only where the caller gave a key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.core.files.base import File
from django.http import HttpResponse
from ninja import Schema

from transcription.api.access import ApiRequest
from transcription.steps.idempotency import Answer, once

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: its status, what is said of it, and where it is."""

    status: int
    body: Schema
    location: str = ""


def answered_once(request: ApiRequest, make: Callable[[], Made], *, files: Iterable[File[bytes]] = ()) -> HttpResponse:
    """The answer to ``make``; under a key that was used before, the answer given then, and nothing is made.

    Errors are not kept: a request that failed may be sent again under its key. ``files`` are those of the request:
    their bytes tell it from others, and not the boundaries between them, which differ each time.
    """
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return _response(_answer(make()))
    with once(user=request.auth.user, key=key, asked=_asked(request, files)) as answer:
        if answer.status:
            response = _response(answer)
            response[REPLAYED_HEADER] = "true"
            return response
        fresh = _answer(make())
        answer.status, answer.headers, answer.body = fresh.status, fresh.headers, fresh.body
    return _response(answer)


def _answer(made: Made) -> Answer:
    headers = {"Location": made.location} if made.location else {}
    return Answer(made.status, headers, made.body.model_dump_json(by_alias=True))


def _response(answer: Answer) -> HttpResponse:
    return HttpResponse(answer.body, status=answer.status, content_type="application/json", headers=answer.headers)


def _asked(request: ApiRequest, files: Iterable[File[bytes]]) -> bytes:
    """What tells one request from another."""
    said = [f"{request.method} {request.get_full_path()}".encode()]
    if request.content_type == "multipart/form-data":
        said += [repr(sorted(request.POST.lists())).encode()]
        for file in files:
            digest = hashlib.sha256()
            for chunk in file.chunks():
                digest.update(chunk)
            file.seek(0)
            said += [(file.name or "").encode("utf-8", "replace"), digest.digest()]
    else:
        said.append(request.body)
    return b"\n".join(said)
