"""The list of collections, and making one."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from transcription.errors import PermanentError
from transcription.forms import CollectionForm
from transcription.models import Collection, Failure, Page, PageState, Role
from transcription.models.keyset import paged
from transcription.steps.create import create_collection
from transcription.steps.sample import reset_demo, start_empty
from transcription.views.access import SignedInRequest, signed_in
from transcription.views.overview import collection_rows, with_review_count

PAGE_SIZE = 20
ORDERS = {
    "newest": ("-created_at", "-pk"),
    "title": ("title", "pk"),
    "review": ("-to_review", "-pk"),
}


@require_GET
@signed_in
def collection_list(request: SignedInRequest) -> HttpResponse:
    """All collections the user belongs to, filtered and sorted, paged by key."""
    visible = Collection.objects.visible_to(request.user)
    query = request.GET.get("q", "").strip()
    status = request.GET.get("status", "")
    sort = request.GET.get("sort", "newest")
    found = _with_status(with_review_count(_matching(visible, query)), status)
    order = ORDERS.get(sort, ORDERS["newest"])
    part = paged(
        found, order=order, size=PAGE_SIZE, after=request.GET.get("after", ""), before=request.GET.get("before", "")
    )
    context = {
        "section": "collections",
        "rows": collection_rows(part.rows),
        "part": part,
        "query": query,
        "status": status,
        "sort": sort if sort in ORDERS else "newest",
        "any": bool(part.rows) or visible.exists(),
        "sample": visible.filter(is_sample=True).first(),
        "may_reset": _may_reset(request),
    }
    return render(request, "transcription/collections.html", context)


def _matching(collections: QuerySet[Collection], query: str) -> QuerySet[Collection]:
    if not query:
        return collections
    return collections.filter(Q(title__icontains=query) | Q(identifier__icontains=query) | Q(creator__icontains=query))


def _with_status(collections: QuerySet[Collection], status: str) -> QuerySet[Collection]:
    if status == "review":
        return collections.filter(pk__in=Page.objects.awaiting_review().values("collection"))
    if status == "attention":
        return collections.filter(pk__in=Failure.objects.open().values("collection"))
    if status == "unfinished":
        machines = set(PageState) - {PageState.ACCEPTED, PageState.IN_REVIEW, PageState.REVIEWED}
        return collections.filter(pages__state__in=machines).distinct()
    if status == "paused":
        return collections.filter(state=Collection.State.PAUSED)
    return collections


@require_http_methods(["GET", "POST"])
@signed_in
def collection_new(request: SignedInRequest) -> HttpResponse:
    """Describe a new collection; whoever makes it becomes its admin and goes on to upload."""
    form = CollectionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        collection = create_collection(owner=request.user, **form.cleaned_data)
        messages.success(request, _("“%(title)s” is ready for its scans.") % {"title": collection.title})
        return redirect("transcription:upload_new", collection.pk)
    context = {"section": "collections", "form": form}
    return render(request, "transcription/collection_new.html", context, status=422 if form.errors else 200)


def _may_reset(request: SignedInRequest) -> bool:
    """The sample belongs to its admins; where there is none yet, only a superuser brings it in."""
    if not settings.DEMO:
        return False
    samples = Collection.objects.filter(is_sample=True)
    return request.user.is_superuser or samples.visible_to(request.user, Role.ADMIN).exists()


@require_POST
@signed_in
def sample_reset(request: SignedInRequest) -> HttpResponse:
    """Bring the sample collection (back) to its first state."""
    if not _may_reset(request):
        return HttpResponse(status=404)
    try:
        reset_demo(request.user)
    except PermanentError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("The sample is being made and read. Other collections were not touched."))
    return redirect("transcription:collections")


@require_POST
@signed_in
def sample_empty(request: SignedInRequest) -> HttpResponse:
    """Remove the sample collection for good."""
    if not _may_reset(request):
        return HttpResponse(status=404)
    start_empty(request.user)
    messages.success(request, _("The sample collection is gone. Other collections were not touched."))
    return redirect("transcription:collections")
