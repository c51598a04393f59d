"""A collection's settings: what it is, whether machines may go on."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from transcription.forms import CollectionForm, LimitForm
from transcription.models import Collection, Role, UploadLimit, Verb, WorkState
from transcription.steps import control
from transcription.steps.record_deed import record
from transcription.steps.upload_limits import MEGABYTE, limits_of_installation
from transcription.views.access import SignedInRequest, collection_or_404, signed_in
from transcription.views.reading_again import say_read_again


def _screen(
    request: SignedInRequest,
    collection: Collection,
    *,
    form: CollectionForm | None = None,
    limit_forms: list[LimitForm] | None = None,
) -> HttpResponse:
    wrong = any(each is not None and each.errors for each in [form, *(limit_forms or [])])
    # A form that failed has already changed its instance: the rest of the screen shows what is stored.
    stored = Collection.objects.get(pk=collection.pk)
    most = limits_of_installation()
    context: dict[str, Any] = {
        "section": "collections",
        "collection": stored,
        "form": form or CollectionForm(instance=stored),
        "limit_forms": limit_forms or _limit_forms(stored),
        "most": most,
        "most_file_mb": most.file_bytes // MEGABYTE,
        "most_megapixels": most.pixels // 1_000_000,
        "most_archive_mb": most.archive_bytes // MEGABYTE,
        "open_work": stored.work.filter(state__in=[WorkState.QUEUED, WorkState.RUNNING]).count(),
        "page_count": stored.pages.count(),
        "spread_count": stored.pages.unsplit_spreads().count(),
    }
    return render(request, "transcription/collection_settings.html", context, status=422 if wrong else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def collection_settings(request: SignedInRequest, pk: int) -> HttpResponse:
    collection = collection_or_404(request, pk, Role.ADMIN)
    if request.method != "POST":
        return _screen(request, collection)
    form = CollectionForm(request.POST, instance=collection)
    if not form.is_valid():
        return _screen(request, collection, form=form)
    # Only these columns: workers write served_at of the same row meanwhile.
    form.instance.save(update_fields=list(form.cleaned_data))
    if form.changed_data:
        record(Verb.SETTINGS_CHANGED, about=collection, collection=collection, details={"fields": form.changed_data})
    messages.success(request, _("Saved."))
    return redirect("transcription:collection_settings", collection.pk)


def _limit_forms(collection: Collection, data: QueryDict | None = None) -> list[LimitForm]:
    """One form a role, with what this collection has of its own."""
    stored = {limit.role: limit for limit in UploadLimit.objects.filter(collection=collection)}
    return [
        LimitForm(
            data,
            instance=stored.get(role) or UploadLimit(collection=collection, role=role),
            prefix=str(role),
        )
        for role in Role
    ]


@require_POST
@signed_in
def limits_save(request: SignedInRequest, pk: int) -> HttpResponse:
    """What each role may bring; a role whose fields are all empty has the installation's limits."""
    collection = collection_or_404(request, pk, Role.ADMIN)
    forms = _limit_forms(collection, request.POST)
    valid = [form.is_valid() for form in forms]  # each, so that each shows its faults
    if not all(valid):
        return _screen(request, collection, limit_forms=forms)
    for form in forms:
        if any(value is not None for value in form.cleaned_data.values()):
            UploadLimit.objects.update_or_create(
                collection=collection, role=form.instance.role, defaults=form.cleaned_data
            )
        else:
            UploadLimit.objects.filter(collection=collection, role=form.instance.role).delete()
    record(Verb.SETTINGS_CHANGED, about=collection, collection=collection, details={"fields": ["limits of uploads"]})
    messages.success(request, _("Saved."))
    return redirect("transcription:collection_settings", collection.pk)


@require_POST
@signed_in
def collection_control(request: SignedInRequest, pk: int, action: str) -> HttpResponse:
    """Pause, resume, cancel or re-run the work of a collection."""
    collection = collection_or_404(request, pk, Role.ADMIN)
    if action == "pause":
        control.pause(collection)
        messages.success(request, _("Paused. What is being read right now is finished; nothing is lost."))
    elif action == "resume":
        control.resume(collection)
        messages.success(request, _("Going on."))
    elif action == "cancel":
        control.cancel(collection)
        messages.success(request, _("Cancelled. Pages keep what was read so far."))
    elif action == "rerun":
        _read_again(request, collection)
    else:
        raise Http404
    record(Verb.CONTROLLED, about=collection, collection=collection, details={"action": action})
    return redirect("transcription:collection", collection.pk)


def _read_again(request: SignedInRequest, collection: Collection) -> None:
    find_lines, redraw = "find_lines" in request.POST, "redraw" in request.POST
    drawn = collection.pages.with_drawn_lines().count() if find_lines and not redraw else 0
    count = control.rerun(collection, find_lines=find_lines, redraw=redraw)
    say_read_again(request, count)
    if drawn:
        left = ngettext(
            "%(count)d page was left as it is: a person drew its lines.",
            "%(count)d pages were left as they are: a person drew their lines.",
            drawn,
        )
        messages.info(request, left % {"count": drawn})
