"""What was taken down in a collection: its stones, restoring and removing for good."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from transcription.errors import Conflict
from transcription.forms import TakedownForm
from transcription.models import Role, Takedown
from transcription.models.keyset import Slice, paged
from transcription.steps import take_down
from transcription.views.access import SignedInRequest, collection_or_404, holds, page_or_404, signed_in

PAGE_SIZE = 50


@require_GET
@signed_in
def takedowns(request: SignedInRequest, pk: int) -> HttpResponse:
    """The stones, newest first; admins can restore and remove."""
    collection = collection_or_404(request, pk)
    part: Slice[Takedown] = paged(
        Takedown.objects.filter(collection=collection).select_related("author", "restored_by", "purged_by"),
        order=("-pk",),
        size=PAGE_SIZE,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    context = {
        "section": "collections",
        "collection": collection,
        "part": part,
        "administers": holds(request, collection, Role.ADMIN),
        "grace_days": settings.GRACE_DAYS,
    }
    return render(request, "transcription/takedowns.html", context)


@require_POST
@signed_in
def take_page_down(request: SignedInRequest, pk: int) -> HttpResponse:
    """Hide a page, or the document it is in (``whole``), with the reason that its stone shows."""
    page = page_or_404(request, pk, Role.ADMIN)
    form = TakedownForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say why it is taken down: whoever looks for it later will want to know."))
        return redirect("transcription:page", page.pk)
    reason = form.cleaned_data["reason"]
    try:
        if form.cleaned_data["whole"]:
            stone = take_down.take_down_document(page.document, reason=reason, by=request.user)
        else:
            stone = take_down.take_down_page(page, reason=reason, by=request.user)
        messages.success(request, _("“%(title)s” is hidden everywhere from now on.") % {"title": stone.title})
    except Conflict as meanwhile:
        messages.info(request, meanwhile.message)
    return redirect("transcription:takedowns", page.collection_id)


@require_POST
@signed_in
def takedown_restore(request: SignedInRequest, pk: int) -> HttpResponse:
    stone = _stone(request, pk)
    try:
        take_down.restore(stone, by=request.user)
        messages.success(request, _("“%(title)s” is shown again.") % {"title": stone.title})
    except Conflict as meanwhile:
        messages.error(request, meanwhile.message)
    return redirect("transcription:takedowns", stone.collection_id)


@require_POST
@signed_in
def takedown_purge(request: SignedInRequest, pk: int) -> HttpResponse:
    """Remove it before its grace is over; ``sure`` must be sent along."""
    stone = _stone(request, pk)
    if "sure" not in request.POST:
        messages.error(request, _("Nothing was removed: tick that you are sure."))
        return redirect("transcription:takedowns", stone.collection_id)
    try:
        take_down.purge(stone, by=request.user)
        messages.success(request, _("Images and texts of “%(title)s” are gone for good.") % {"title": stone.title})
    except Conflict as meanwhile:
        messages.error(request, meanwhile.message)
    return redirect("transcription:takedowns", stone.collection_id)


def _stone(request: SignedInRequest, pk: int) -> Takedown:
    return get_object_or_404(Takedown.objects.visible_to(request.user, Role.ADMIN), pk=pk)
