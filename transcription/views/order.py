"""The order of a document's pages: moved up, down or to a place, by keys as well as with a pointer."""

from __future__ import annotations

import json

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from transcription.models import Collection, Document
from transcription.steps.arrange import move_page, order_by_name
from transcription.views.access import SignedInRequest, signed_in

MOST_SHOWN = 5000


@require_http_methods(["GET", "POST"])
@signed_in
def document_order(request: SignedInRequest, pk: int) -> HttpResponse:
    """The screen; POST moves: ``{page, position}``, or ``{by: "name"}`` for the order of the file names.

    Answers ``{order: [page id, …], by_hand}``: all pages as they stand, so that two people who move see the same.
    """
    seen = Collection.objects.visible_to(request.user)
    document = get_object_or_404(Document.objects.select_related("collection").filter(collection__in=seen), pk=pk)
    if request.method == "POST":
        return _moved(request, document)
    pages = document.pages.select_related("original").order_by("position", "pk")
    context = {
        "section": "collections",
        "collection": document.collection,
        "document": document,
        "pages": pages[:MOST_SHOWN],
        "count": pages.count(),
    }
    return render(request, "transcription/document_order.html", context)


def _moved(request: SignedInRequest, document: Document) -> JsonResponse:
    try:
        asked = json.loads(request.body)
        by_name = asked.get("by") == "name"
        page_id, position = (0, 0) if by_name else (int(asked["page"]), int(asked["position"]))
    except (ValueError, TypeError, KeyError, AttributeError):
        return JsonResponse({"message": _("The move could not be read."), "code": "bad-request"}, status=400)
    if by_name:
        order = order_by_name(document)
    else:
        order = move_page(page=get_object_or_404(document.pages, pk=page_id), position=position)
    return JsonResponse({"order": order, "by_hand": not by_name})
