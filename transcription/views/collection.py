"""One collection, live: how far it has come, what needs attention, its pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from transcription.models import Collection, Document, Failure, Page, PageState, Role
from transcription.models.keyset import Slice, paged
from transcription.models.page import PageQuerySet
from transcription.steps.control import retry
from transcription.steps.progress import CollectionProgress, collection_progress
from transcription.views.access import SignedInRequest, collection_or_404, holds, signed_in
from transcription.views.overview import segments
from transcription.views.promise import note_of
from transcription.views.vocabulary import stale_pages

PAGE_SIZE = 60
FAILURES_SHOWN = 50
STOP_POLLING = 286  # htmx's own status: take this answer and ask no more
FILTERS = {
    "all": gettext_lazy("All"),
    "review": gettext_lazy("To review"),
    "done": gettext_lazy("Done"),
    "failed": gettext_lazy("Failed"),
}
JOURNEY = [
    (gettext_lazy("Received"), PageState.RECEIVED),
    (gettext_lazy("Prepared"), PageState.PREPARED),
    (gettext_lazy("Read"), PageState.READ),
    (gettext_lazy("Voted"), PageState.VOTED),
    (gettext_lazy("Reviewed"), PageState.REVIEWED),
]


@dataclass(frozen=True, slots=True)
class JourneyStep:
    name: str
    count: int
    total: int

    @property
    def complete(self) -> bool:
        return self.total > 0 and self.count == self.total


@require_GET
@signed_in
def collection_page(request: SignedInRequest, pk: int) -> HttpResponse:
    """The whole screen; ``collection_live`` and ``collection_grid`` renew its parts."""
    collection = collection_or_404(request, pk)
    context = _live(request, collection) | _grid(request, collection)
    context["stale_pages"] = stale_pages(collection)
    context["note"] = note_of(collection)
    context["documents"] = Document.objects.filter(collection=collection).order_by("pk")[:200]
    return render(request, "transcription/collection.html", context)


@require_GET
@signed_in
def collection_live(request: SignedInRequest, pk: int) -> HttpResponse:
    """The part that is polled; answers 286 when nothing is left that could change by itself."""
    collection = collection_or_404(request, pk)
    context = _live(request, collection) | {"polled": True}
    status = 200 if context["moving"] else STOP_POLLING
    return render(request, "transcription/collection_live.html", context, status=status)


@require_GET
@signed_in
def collection_grid(request: SignedInRequest, pk: int) -> HttpResponse:
    """Thumbnails and states of one keyset page of pages."""
    return render(request, "transcription/collection_grid.html", _grid(request, collection_or_404(request, pk)))


def _live(request: SignedInRequest, collection: Collection) -> dict[str, Any]:
    progress = collection_progress(collection)
    failures = Failure.objects.filter(collection=collection).open().select_related("page__original", "original")
    return {
        "section": "collections",
        "collection": collection,
        "progress": progress,
        "journey": _journey(progress),
        "segments": segments(progress.by_state),
        "finished": progress.finished,
        "to_review": progress.by_state.get(PageState.IN_REVIEW, 0),
        "share": progress.finished / progress.pages if progress.pages else 0.0,
        "moving": _moving(collection, progress),
        "failures": failures[:FAILURES_SHOWN],
        "failures_more": max(0, progress.failures - FAILURES_SHOWN),
        "administers": holds(request, collection, Role.ADMIN),
        "leads": holds(request, collection, Role.LEAD),
        "version": _version(progress),
    }


def _journey(progress: CollectionProgress) -> list[JourneyStep]:
    return [JourneyStep(str(name), progress.reached(state), progress.pages) for name, state in JOURNEY]


def _moving(collection: Collection, progress: CollectionProgress) -> bool:
    waiting = progress.queued + progress.unpacking if collection.state == Collection.State.ACTIVE else 0
    return bool(waiting or progress.running)


def _version(progress: CollectionProgress) -> str:
    """Changes whenever the grid of pages may look different."""
    counts = ",".join(f"{state}{count}" for state, count in sorted(progress.by_state.items()))
    return f"{progress.pages}:{counts}:{progress.failures}"


def _grid(request: SignedInRequest, collection: Collection) -> dict[str, Any]:
    chosen = request.GET.get("show", "all")
    chosen = chosen if chosen in FILTERS else "all"
    failed = Prefetch("failures", queryset=Failure.objects.open(), to_attr="open_failures")
    pages = (
        Page.objects.filter(collection=collection)
        .select_related("document", "original", "layout")
        .prefetch_related(failed)
    )
    document = request.GET.get("document", "")
    if document.isdigit():
        pages = pages.filter(document=int(document))
    part: Slice[Page] = paged(
        _shown(pages, chosen),
        order=("document_id", "position", "pk"),
        size=PAGE_SIZE,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    kept = QueryDict(mutable=True)
    kept.update({name: value for name, value in (("show", chosen), ("document", document)) if value})
    return {
        "collection": collection,
        "part": part,
        "filters": FILTERS,
        "chosen": chosen,
        "document": document,
        "kept": kept.urlencode(),
        "here": request.GET.urlencode(),
    }


def _shown(pages: PageQuerySet, chosen: str) -> PageQuerySet:
    if chosen == "review":
        return pages.filter(state=PageState.IN_REVIEW)
    if chosen == "done":
        return pages.filter(state__in=[PageState.ACCEPTED, PageState.REVIEWED])
    if chosen == "failed":
        return pages.with_open_failure()
    return pages


@require_POST
@signed_in
def failures_retry(request: SignedInRequest, pk: int) -> HttpResponse:
    """Try again everything that was given up in a collection."""
    collection = collection_or_404(request, pk)
    count = retry(Failure.objects.filter(collection=collection).open())
    messages.success(request, _retried(count))
    return redirect("transcription:collection", collection.pk)


@require_POST
@signed_in
def failure_retry(request: SignedInRequest, pk: int) -> HttpResponse:
    """Try one given-up step again."""
    failure = get_object_or_404(Failure.objects.visible_to(request.user), pk=pk)
    count = retry(Failure.objects.filter(pk=failure.pk))
    messages.success(request, _retried(count))
    return redirect("transcription:collection", failure.collection_id)


def _retried(count: int) -> str:
    if not count:
        return _("Nothing needed a retry any more.")
    return ngettext("%(count)d step is tried again.", "%(count)d steps are tried again.", count) % {"count": count}
