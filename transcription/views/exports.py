"""Exports: ask for one, follow it, stop it, take the file."""

from __future__ import annotations

from itertools import groupby
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from transcription.errors import BadInput
from transcription.forms import ExportForm
from transcription.models import Collection, Export, Failure
from transcription.models.keyset import paged
from transcription.steps.export import cancel_export, request_export
from transcription.steps.export_formats import FORMATS, listed_formats
from transcription.steps.export_plan import STATES_OF_SCOPE
from transcription.views.access import SignedInRequest, collection_or_404, export_or_404, signed_in

SHOWN = 20
ORDER = ("-created_at", "-id")


@require_http_methods(["GET", "POST"])
@signed_in
def exports(request: SignedInRequest, pk: int) -> HttpResponse:
    """Past exports of a collection, and the form that asks for the next."""
    collection = collection_or_404(request, pk)
    form = ExportForm(request.POST or None, collection=collection)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        try:
            request_export(
                collection=collection,
                format=wanted["format"],
                scope=wanted["scope"],
                requester=request.user,
                document=wanted["document"],
                normalised=wanted["spelling"] == "normalised",
                names=wanted["names"],
                base=wanted["base"],
            )
        except BadInput as bad:
            form.add_error("base" if bad.code == "no-address" else "scope", bad.message)
        else:
            days = settings.EXPORT_DAYS
            said = _("The export is being written. Its file will be kept for %(days)d days.") % {"days": days}
            messages.success(request, said)
            return redirect("transcription:exports", collection.pk)
    pages = collection.pages
    counts = {scope: pages.filter(state__in=states).count() for scope, states in STATES_OF_SCOPE.items()}
    formats = groupby(listed_formats().items(), lambda each: each[1].group)
    context = _list(request, collection) | {
        "section": "collections",
        "form": form,
        "scopes": [(scope, scope.label, counts[scope]) for scope in STATES_OF_SCOPE],
        "groups": [(group, list(members)) for group, members in formats],
        "options_open": bool(form.errors.keys() & {"document", "spelling", "names", "base"}),
        "days": settings.EXPORT_DAYS,
    }
    return render(request, "transcription/exports.html", context, status=422 if form.errors else 200)


@require_GET
@signed_in
def export_list(request: SignedInRequest, pk: int) -> HttpResponse:
    """The list alone, polled while an export is being written."""
    context = _list(request, collection_or_404(request, pk))
    return render(request, "transcription/export_list.html", context, status=200 if context["running"] else 286)


def _list(request: SignedInRequest, collection: Collection) -> dict[str, Any]:
    found = Export.objects.filter(collection=collection).select_related("requester", "document")
    after, before = request.GET.get("after", ""), request.GET.get("before", "")
    shown = paged(found, order=ORDER, size=SHOWN, after=after, before=before)
    failures = Failure.objects.filter(work__export__in=[row.pk for row in shown.rows]).order_by("pk")
    said = {failure.work.export_id: failure for failure in failures.select_related("work")}
    return {
        "collection": collection,
        "exports": [(row, FORMATS.get(row.format), said.get(row.pk), _percent(row)) for row in shown.rows],
        "slice": shown,
        "key": f"after={after}" if after else f"before={before}" if before else "",
        "running": any(row.state in (Export.State.QUEUED, Export.State.RUNNING) for row in shown.rows),
    }


def _percent(export: Export) -> int:
    return 100 * export.pages // export.total if export.total else 0


@require_POST
@signed_in
def export_cancel(request: SignedInRequest, pk: UUID) -> HttpResponse:
    export = export_or_404(request, pk)
    if cancel_export(export):
        messages.success(request, _("The export is cancelled. Nothing of it is kept."))
    return redirect("transcription:exports", export.collection_id)


@require_GET
@signed_in
def export_download(request: SignedInRequest, pk: UUID) -> FileResponse:
    export = export_or_404(request, pk)
    if export.state != Export.State.DONE or not default_storage.exists(export.file):
        raise Http404
    title = slugify(export.collection.identifier or export.collection.title) or "collection"
    name = f"{title}-{export.format.replace('_', '-')}-{export.created_at:%Y%m%d-%H%M}.zip"
    answer = FileResponse(default_storage.open(export.file, "rb"), content_type="application/zip")
    answer["Content-Disposition"] = content_disposition_header(True, name)
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer
