"""One page: its image, its lines, its text, and where the text comes from; and the files behind it."""

from __future__ import annotations

from uuid import UUID

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from transcription.errors import PermanentError
from transcription.formats.pyramid import DZI_OVERLAP, DZI_TILE, dzi_tile
from transcription.models import LayoutLine, Page, PageState, Part, Role, TextLayer
from transcription.steps.files import local_path
from transcription.steps.placement import other_half
from transcription.steps.reread import changes_since_reading
from transcription.steps.search_hits import hits_on_page
from transcription.steps.turn import is_worked_on
from transcription.views.access import SignedInRequest, holds, original_or_404, page_or_404, signed_in
from transcription.views.brought import brought_for
from transcription.views.displaced import displaced_of
from transcription.views.page_readings import unplaced_readings
from transcription.views.page_text import line_texts, overlay, run_passes

# A page's image never changes under its URL: the URL carries the name of the pyramid. Private: not for shared caches.
CACHED = "private, max-age=604800, immutable"
# Whatever a browser makes of an original, it runs no script and reaches nothing of ours.
SANDBOX = "sandbox; default-src 'none'"


@require_safe
@signed_in
def page_view(request: SignedInRequest, pk: int) -> HttpResponse:
    page = page_or_404(request, pk)
    siblings = Page.objects.filter(document=page.document_id)
    lines = line_texts(page)
    may_review = holds(request, page.collection, Role.REVIEWER)
    context = {
        "section": "collections",
        "page": page,
        "collection": page.collection,
        "lines": lines,
        "brought": brought_for(page),
        "text_layer": TextLayer.objects.filter(original=page.original_id, frame=page.frame).first(),
        "displaced": displaced_of(page),
        "unplaced_readings": unplaced_readings(page),
        "passes": run_passes(page),
        "previous": siblings.filter(position__lt=page.position).order_by("-position").first(),
        "next": siblings.filter(position__gt=page.position).order_by("position").first(),
        "last_position": siblings.order_by("-position").values_list("position", flat=True).first(),
        "failures": page.failures.open(),
        "other_half": other_half(page),
        "decision": page.route_decisions.order_by("-pk").first(),
        "may_review": may_review,
        "splittable": may_review and page.part == Part.WHOLE and page.approved_at is None and bool(page.pyramid),
        "worked_on": may_review and is_worked_on(page),  # else turning the page finds its lines anew
        "machine_done": page.state in {PageState.ACCEPTED, PageState.IN_REVIEW, PageState.REVIEWED},
        "changed_lines": len(changes_since_reading(page).lines),
        "viewer": viewer_config(page) | {"lines": overlay(lines), "found": found_on(request, page)},
        "searched": request.GET.get("q", ""),
    }
    return render(request, "transcription/page.html", context)


def found_on(request: SignedInRequest, page: Page) -> list[dict[str, object]]:
    """Words of the page's lines that the search found whose result was opened (``q``, ``line``), for viewer.js to mark:
    their characters in the line's text, and with their place on the line what it takes to say where on the page."""
    line = request.GET.get("line", "")
    number = int(line) if line.isascii() and line.isdecimal() and len(line) < 19 else None
    hits = hits_on_page(page, request.GET.get("q", ""), number)
    places = LayoutLine.objects.filter(layout=page.layout_id, line__in=hits)
    return [
        {
            "line": place.line_id,
            "opened": place.line_id == number,
            "baseline": place.baseline,
            "polygon": place.polygon,
            "words": [{"start": hit.start, "end": hit.end, "span": hit.span} for hit in hits[place.line_id]],
        }
        for place in places.order_by("position")
    ]


def viewer_config(page: Page) -> dict[str, object]:
    """What viewer.js needs to show the page: sizes in pixels of the upright image, and the URL of its tiles."""
    return {
        "width": page.width,
        "height": page.height,
        "tileSize": DZI_TILE,
        "overlap": DZI_OVERLAP,
        "tiles": reverse("transcription:page_tile", args=[page.pk, 0, 0, 0]).replace("/0/0_0.jpg", "/"),
        "version": image_version(page),
    }


def image_version(page: Page) -> str:
    """Changes when the page's image was made anew; part of the URLs of what is cached for long."""
    return page.pyramid.rsplit("/", 1)[-1].split(".")[0][-16:]


@require_safe
@signed_in
def page_tile(request: SignedInRequest, pk: int, level: int, column: int, row: int) -> HttpResponse:
    """One Deep Zoom tile as JPEG."""
    page = page_or_404(request, pk)
    if not page.pyramid:
        raise Http404
    try:
        with local_path(page.pyramid) as path:
            tile = dzi_tile(path, level, column, row)
    except PermanentError as error:
        raise Http404(error.message) from error
    return HttpResponse(tile, content_type="image/jpeg", headers={"Cache-Control": CACHED})


@require_safe
@signed_in
def page_thumbnail(request: SignedInRequest, pk: int) -> FileResponse:
    page = page_or_404(request, pk)
    if not page.thumbnail or not default_storage.exists(page.thumbnail):
        raise Http404
    answer = FileResponse(default_storage.open(page.thumbnail, "rb"), content_type="image/jpeg")
    # Without the image's version in its URL it may have been turned or parted since.
    answer["Cache-Control"] = CACHED if "v" in request.GET else "private, max-age=60"
    return answer


@require_safe
@signed_in
def original_download(request: SignedInRequest, pk: UUID) -> FileResponse:
    """The bytes as they were received, only ever as a download: they come from outside and may pose as anything."""
    original = original_or_404(request, pk)
    if not default_storage.exists(original.file):
        raise Http404
    answer = FileResponse(default_storage.open(original.file, "rb"), content_type="application/octet-stream")
    answer["Content-Disposition"] = content_disposition_header(True, original.name)
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = SANDBOX
    answer["Cache-Control"] = "private, no-store"
    return answer
