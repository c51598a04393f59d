"""Exports: ask for one, follow it, take the file."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from transcription.forms import ExportForm
from transcription.models import Collection, Export, Failure, Verb
from transcription.steps.export import STATES_OF_SCOPE, request_export
from transcription.steps.record_deed import record
from transcription.views.access import SignedInRequest, collection_or_404, export_or_404, signed_in

SHOWN = 50


@require_http_methods(["GET", "POST"])
@signed_in
def exports(request: SignedInRequest, pk: int) -> HttpResponse:
    """Past exports of a collection, and the form that asks for the next."""
    collection = collection_or_404(request, pk)
    form = ExportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        request_export(collection=collection, format=wanted["format"], scope=wanted["scope"], requester=request.user)
        messages.success(request, _("The export is being written. It stays here until you need it."))
        return redirect("transcription:exports", collection.pk)
    pages = collection.pages
    counts = {scope: pages.filter(state__in=states).count() for scope, states in STATES_OF_SCOPE.items()}
    context = _list(collection) | {
        "section": "collections",
        "form": form,
        "scopes": [(scope, scope.label, counts[scope]) for scope in STATES_OF_SCOPE],
        "formats": Export.Format.choices,
    }
    return render(request, "transcription/exports.html", context, status=422 if form.errors else 200)


@require_GET
@signed_in
def export_list(request: SignedInRequest, pk: int) -> HttpResponse:
    """The list alone, polled while an export is being written."""
    return render(request, "transcription/export_list.html", _list(collection_or_404(request, pk)))


def _list(collection: Collection) -> dict[str, Any]:
    rows = list(Export.objects.offered().filter(collection=collection).select_related("requester")[:SHOWN])
    failures = Failure.objects.filter(work__export__in=[row.pk for row in rows]).order_by("pk")
    said = {failure.work.export_id: failure for failure in failures.select_related("work")}
    return {
        "collection": collection,
        "exports": [(row, said.get(row.pk)) for row in rows],
        "running": any(row.state == Export.State.QUEUED for row in rows),
    }


@require_GET
@signed_in
def export_download(request: SignedInRequest, pk: UUID) -> FileResponse:
    export = export_or_404(request, pk)
    if export.state != Export.State.DONE or not default_storage.exists(export.file):
        raise Http404
    record(Verb.EXPORT_DOWNLOADED, about=export, collection=export.collection_id)
    title = slugify(export.collection.identifier or export.collection.title) or "collection"
    name = f"{title}-{export.format.replace('_', '-')}-{export.created_at:%Y%m%d-%H%M}.zip"
    answer = FileResponse(default_storage.open(export.file, "rb"), content_type="application/zip")
    answer["Content-Disposition"] = content_disposition_header(True, name)
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer
