"""Every error under /api/ as problem details: RFC 9457, ``application/problem+json``.

``code`` is stable and made for programs, ``detail`` one sentence for whoever reads their log.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from transcription.errors import BadInput, Conflict, LonghandError, TransientError
from transcription.steps.tokens import TooManyCalls

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
PREFIX = "/api/"
# Ways of being bad input that HTTP has a status of its own for.
_STATUS_OF_CODE = {"too-large": 413}
_TOO_LARGE = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)
_USUAL = {
    400: ("bad-request", "The request cannot be read. Compare it with the API's description, /api/v1/docs."),
    401: ("no-token", "Send a token: “Authorization: Bearer lh_…”. You make one in your browser, under API tokens."),
    403: ("forbidden", "This is not allowed."),
    404: ("not-found", "There is nothing here that this token may see."),
    405: ("method-not-allowed", "This address does not take this method; the header Allow says which it takes."),
    413: ("too-large", "The request is larger than is taken."),
    415: ("wrong-media-type", "The body is of another media type than is taken here."),
    429: ("too-many-requests", "Too many requests. Wait as Retry-After says."),
    500: (
        "unexpected",
        "This failed in a way Longhand does not know. It is logged; try again, or ask your operator.",
    ),
    503: ("service-unavailable", "The service cannot answer now. Nothing was lost; try again in a moment."),
}
_BESIDE_THE_FILE = 2**20  # bytes of fields and multipart boundaries
_BEARER = 'Bearer realm="Longhand"'


class Problem(Exception):
    """An answer other than what was asked for."""

    def __init__(
        self, status: int, detail: str = "", *, code: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.code, self.headers = status, detail, code, headers or {}


def problem_response(
    request: HttpRequest,
    status: int,
    *,
    detail: str = "",
    code: str = "",
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, str]] = (),
) -> HttpResponse:
    usual_code, usual_detail = _USUAL.get(status, ("error", ""))
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail or usual_detail,
        "code": code or usual_code,
        "instance": request.path,
    }
    if errors:
        body["errors"] = list(errors)
    sent = dict(headers or {})
    if status == 401:
        sent.setdefault("WWW-Authenticate", _BEARER)
    if status == 503:
        sent.setdefault("Retry-After", "5")
    sent["Cache-Control"] = "no-store"
    return HttpResponse(json.dumps(body), status=status, content_type=CONTENT_TYPE, headers=sent)


class ProblemAnswers:
    """Gives what is answered outside the API's own views the same form: unknown addresses, methods, defects."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(PREFIX):
            return self.get_response(request)
        if _declared_size(request) > settings.MAX_FILE_BYTES + _BESIDE_THE_FILE:
            most = settings.MAX_FILE_BYTES // 2**20
            return problem_response(request, 413, detail=f"A file may have {most} MB; this request is larger.")
        response = self.get_response(request)
        if response.status_code < 400:
            return response
        if response.headers.get("Content-Type", "").startswith(CONTENT_TYPE):
            return response
        kept = {name: response.headers[name] for name in ("Allow", "Retry-After") if name in response.headers}
        return problem_response(request, response.status_code, headers=kept)


def _declared_size(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or ""
    return int(length) if length.isascii() and length.isdecimal() else 0


def handle_problems(api: NinjaAPI) -> None:
    """Have the API answer every exception as a problem."""

    def known(request: HttpRequest, error: Problem) -> HttpResponse:
        return problem_response(request, error.status, detail=error.detail, code=error.code, headers=error.headers)

    def longhand(request: HttpRequest, error: LonghandError) -> HttpResponse:
        return _of_longhand(request, error)

    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        faults = [{"where": _where(each.get("loc", ())), "message": str(each.get("msg", ""))} for each in error.errors]
        said = "; ".join(f"{fault['where']}: {fault['message']}" for fault in faults[:3])
        return problem_response(
            request, 422, detail=f"The request is not as it should be: {said}.", code="invalid", errors=faults
        )

    def other(request: HttpRequest, error: Exception) -> HttpResponse:
        if isinstance(error, OperationalError | InterfaceError):
            logger.warning("The database did not answer a call of the API: %s", error)
            return problem_response(request, 503)
        logger.error("A call of the API failed: %s %s", request.method, request.path, exc_info=error)
        return problem_response(request, 500)

    def http(request: HttpRequest, error: HttpError) -> HttpResponse:
        return problem_response(request, error.status_code)

    def statused(status: int) -> Callable[[HttpRequest, Any], HttpResponse]:
        return lambda request, _error: problem_response(request, status)

    answer: Callable[[type[Exception], Callable[[HttpRequest, Any], HttpResponse]], None] = api.add_exception_handler
    answer(Problem, known)
    answer(LonghandError, longhand)
    answer(ValidationError, invalid)
    answer(AuthenticationError, statused(401))
    answer(HttpError, http)
    answer(Http404, statused(404))
    for kind in _TOO_LARGE:
        answer(kind, statused(413))
    for unreadable in (MultiPartParserError, UnreadablePostError):
        answer(unreadable, statused(400))
    answer(Exception, other)


def _of_longhand(request: HttpRequest, error: LonghandError) -> HttpResponse:
    headers: dict[str, str] = {}
    if isinstance(error, TooManyCalls):
        status, headers = 429, {"Retry-After": str(error.seconds)}
    elif isinstance(error, Conflict):
        status, headers = 409, {"Retry-After": "1"} if error.code == "in-progress" else {}
    elif isinstance(error, TransientError):
        seconds = getattr(error, "seconds", 5)
        status, headers = 503, {"Retry-After": str(math.ceil(seconds))}
    elif isinstance(error, BadInput):
        status = _STATUS_OF_CODE.get(error.code, 422)
    else:
        logger.error("A call of the API failed: %s", error, exc_info=error)
        status = 500
    return problem_response(request, status, detail=error.message, code=error.code, headers=headers)


def _where(location: Sequence[object]) -> str:
    """Path of a value in the request, such as body.title; ninja's own name of the parameter is left out."""
    source, *inside = map(str, location)
    return ".".join([source, *inside[1:]] if len(inside) > 1 else [source, *inside])
