"""Search: one field, lines as results; what is asked stands in the address, so that it can be sent to a colleague."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from transcription.models import Collection, Document, PageState
from transcription.steps.search import MOST_COUNTED, Filters, Found, SearchTooLong, Sure, search
from transcription.steps.search_hits import LineHit, line_hits
from transcription.views.access import SignedInRequest, signed_in
from transcription.views.page import image_version

if TYPE_CHECKING:
    pass

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise as _StrPromise

MOST_DOCUMENTS = 500  # to choose from; of more, the collection's screen leads to a document
STATES: dict[str, tuple[_StrPromise, tuple[PageState, ...]]] = {
    "reviewed": (_("approved"), (PageState.REVIEWED,)),
    "review": (_("in review"), (PageState.IN_REVIEW,)),
    "accepted": (_("accepted unseen"), (PageState.ACCEPTED,)),
    "reading": (
        _("being read"),
        tuple(set(PageState) - {PageState.REVIEWED, PageState.IN_REVIEW, PageState.ACCEPTED}),
    ),
}
SURE: dict[str, tuple[_StrPromise, Sure]] = {
    "person": (_("written by people"), Sure.PERSON),
    "high": (_("sure, 0.9 and more"), Sure.HIGH),
    "low": (_("unsure, less than 0.7"), Sure.LOW),
}
SIMILAR = {"": None, "yes": True, "no": False}
KEPT = ("q", "collection", "document", "state", "sure", "since", "until", "similar")


@require_safe
@signed_in
def search_lines(request: SignedInRequest) -> HttpResponse:
    """What ``q`` finds in the collections the user belongs to. Filters that make no sense are none."""
    asked = request.GET
    text = asked.get("q", "").strip()
    collections = Collection.objects.visible_to(request.user).order_by("title", "pk")
    filters = _filters(asked)
    context = {
        "section": "search",
        "text": text,
        "searched": text,
        "asked": asked,
        "filters": filters,
        "filtered": filters != Filters(),
        "collections": collections,
        "documents": _documents(filters, collections),
        "states": {name: label for name, (label, _states) in STATES.items()},
        "sure": {name: label for name, (label, _sure) in SURE.items()},
        "most_counted": MOST_COUNTED,
    }
    status = 200
    try:
        similar = SIMILAR.get(asked.get("similar", ""))
        found = search(user=request.user, text=text, filters=filters, similar=similar, after=asked.get("after", ""))
        context |= _answer(found, asked, line_hits(found, request.user))
    except SearchTooLong as error:
        context["failure"], status = error.message, 503
    return render(request, "transcription/search.html", context, status=status)


def _answer(found: Found, asked: QueryDict, hits: list[LineHit]) -> dict[str, object]:
    return {
        "found": found,
        "rows": [
            {
                "hit": hit,
                "page": hit.page,
                "url": line_url(hit, asked.get("q", "")),
                "version": image_version(hit.page),
                "label": hit.page.label,
            }
            for hit in hits
        ],
        "spellings": [each.word for words in found.similar.values() for each in words][:12],
        "suggestions": [{"word": each, "url": _address(asked, q=each.word, after="")} for each in found.suggested],
        "next_url": _address(asked, after=found.after) if found.after else "",
        "first_url": _address(asked, after="") if asked.get("after") else "",
        "similar_url": _address(asked, similar="yes", after=""),
        "exact_url": _address(asked, similar="no", after=""),
        "unfiltered_url": f"{reverse('transcription:search')}?{urlencode({'q': asked.get('q', '')})}",
    }


def line_url(hit: LineHit, text: str) -> str:
    """The page's screen with the line chosen and what was found marked."""
    query = urlencode({"q": text, "line": hit.place.line_id})
    return f"{reverse('transcription:page', args=[hit.page.pk])}?{query}#line-{hit.place.line_id}"


def _address(asked: QueryDict, **changed: str) -> str:
    values = {name: asked.get(name, "") for name in KEPT} | changed
    return f"{reverse('transcription:search')}?{urlencode({name: value for name, value in values.items() if value})}"


def _filters(asked: Mapping[str, str]) -> Filters:
    return Filters(
        collection=_number(asked.get("collection", "")),
        document=_number(asked.get("document", "")),
        states=STATES[asked["state"]][1] if asked.get("state") in STATES else (),
        sure=SURE[asked["sure"]][1] if asked.get("sure") in SURE else Sure.ANY,
        since=_day(asked.get("since", "")),
        until=_day(asked.get("until", "")),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _documents(filters: Filters, collections: QuerySet[Collection]) -> QuerySet[Document]:
    """Documents to choose from: those of the collection that is searched, where there are not too many."""
    found = Document.objects.filter(collection=filters.collection, collection__in=collections)
    if filters.collection is None or found.count() > MOST_DOCUMENTS:
        return found.filter(pk__in=[filters.document or 0])
    return found
