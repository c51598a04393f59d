"""Pages as images of the IIIF Image API 3: for viewers, for tools, and for those who quote a part of a page."""

from __future__ import annotations

import hashlib

from django.http import Http404, HttpResponse, HttpResponseNotModified, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags, quote_etag
from django.views.decorators.http import require_safe

from transcription.errors import BadInput, PermanentError
from transcription.formats.iiif_image import CONTENT_TYPES, CONTEXT, PROFILE, info, parse_request
from transcription.formats.pyramid import region_encoded
from transcription.models import Page
from transcription.steps.files import local_path
from transcription.views.access import SignedInRequest, page_or_404, signed_in

# A page may be turned or parted: each answer is asked for again by its ETag, which costs no decoding.
CACHED = "private, no-cache"
_STATUS = {"wrong-request": 400, "not-offered": 501}


@require_safe
@signed_in
def image_base(request: SignedInRequest, pk: int) -> HttpResponse:
    """The service itself leads to what it says of itself."""
    page_or_404(request, pk)
    answer = HttpResponseRedirect(reverse("transcription:iiif_info", args=[pk]))
    answer.status_code = 303
    return _open(answer)


@require_safe
@signed_in
def image_info(request: SignedInRequest, pk: int) -> HttpResponse:
    page = _prepared(request, pk)
    etag = _etag(page, "info")
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        return _open(HttpResponseNotModified(headers={"ETag": etag, "Cache-Control": CACHED}))
    answer = JsonResponse(info(service_url(request, page), _size(page)))
    if "application/ld+json" in request.headers.get("Accept", ""):
        answer["Content-Type"] = f'application/ld+json;profile="{CONTEXT}"'
    answer["ETag"], answer["Cache-Control"] = etag, CACHED
    patch_vary_headers(answer, ["Accept"])
    return _open(answer)


@require_safe
@signed_in
def image(request: SignedInRequest, pk: int, region: str, size: str, rotation: str, last: str) -> HttpResponse:
    """A part of a page in a size, as JPEG or PNG; ``last`` is quality.format."""
    page = _prepared(request, pk)
    quality, _, format_ = last.rpartition(".")
    try:
        asked = parse_request(
            _size(page), region=region, size=size, rotation=rotation, quality=quality, format_=format_
        )
    except BadInput as error:
        answer = HttpResponse(error.message, status=_STATUS[error.code], content_type="text/plain; charset=utf-8")
        return _open(answer)
    canonical = asked.canonical(_size(page))
    links = f'<{service_url(request, page)}/{canonical}>;rel="canonical", <{PROFILE}>;rel="profile"'
    headers = {"ETag": _etag(page, canonical), "Cache-Control": CACHED, "Link": links}
    if headers["ETag"] in parse_etags(request.headers.get("If-None-Match", "")):
        return _open(HttpResponseNotModified(headers=headers))
    try:
        with local_path(page.pyramid) as path:
            data = region_encoded(path, asked.region, asked.size, gray=asked.quality == "gray", png=format_ == "png")
    except PermanentError as error:
        raise Http404(error.message) from error
    return _open(HttpResponse(data, content_type=CONTENT_TYPES[format_], headers=headers))


def service_url(request: SignedInRequest, page: Page) -> str:
    """Where the image service of ``page`` is, absolute, without a slash at its end."""
    return request.build_absolute_uri(reverse("transcription:iiif_image", args=[page.pk]))


def _prepared(request: SignedInRequest, pk: int) -> Page:
    page = page_or_404(request, pk)
    if not page.pyramid:
        raise Http404
    return page


def _size(page: Page) -> tuple[int, int]:
    assert page.width is not None
    assert page.height is not None
    return page.width, page.height


def _etag(page: Page, what: str) -> str:
    return quote_etag(hashlib.sha256(f"{page.pyramid} {what}".encode()).hexdigest()[:32])


def _open(answer: HttpResponse) -> HttpResponse:
    """Scripts of other sites may read it where it is given without a cookie, as the API demands; theirs carry none."""
    answer["Access-Control-Allow-Origin"] = "*"
    return answer
