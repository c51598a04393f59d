"""What reviewers do with a page as a whole: turn it, split a spread, join it again."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from review import spreads
from review.answers import signed_in
from transcription.errors import Conflict
from transcription.models import Collection, Page, Role

QUARTERS = {"right": 1, "over": 2, "left": 3}


@login_required
@require_POST
def turn(request: HttpRequest, pk: int) -> HttpResponse:
    """Turn a page by 90° to the right or left, or by 180°."""
    page = _page(request, pk)
    quarters = QUARTERS.get(request.POST.get("way", ""))
    if quarters is None:
        return HttpResponseBadRequest(_("A page is turned left, right or over."))
    try:
        spreads.turn(page=page, quarters=quarters, user=signed_in(request))
        messages.success(request, _("Turned. The image is being made anew, then the page is read again."))
    except Conflict as refusal:
        messages.error(request, refusal.message)
    return redirect("transcription:page", page.pk)


@login_required
@require_POST
def split(request: HttpRequest, pk: int) -> HttpResponse:
    """Split a two-page spread; the left page keeps the address."""
    page = _page(request, pk)
    try:
        spreads.split(page=page, user=signed_in(request))
        messages.success(request, _("Split into two pages. This is the left one; texts went with their lines."))
    except Conflict as refusal:
        messages.error(request, refusal.message)
    return redirect("transcription:page", page.pk)


@login_required
@require_POST
def join(request: HttpRequest, pk: int) -> HttpResponse:
    """Join the two pages of a spread."""
    page = _page(request, pk)
    try:
        page = spreads.join(page=page, user=signed_in(request))
        messages.success(request, _("Joined: the spread is one page again, with the texts of both."))
    except Conflict as refusal:
        messages.error(request, refusal.message)
    return redirect("transcription:page", page.pk)


@login_required
@require_POST
def split_found(request: HttpRequest, pk: int) -> HttpResponse:
    """Split the spreads of a collection."""
    reachable = Collection.objects.visible_to(request.user, Role.ADMIN)
    collection = get_object_or_404(reachable, pk=pk)
    done, held = spreads.split_found(collection, signed_in(request))
    said = ngettext("%(count)d spread was split.", "%(count)d spreads were split.", done) % {"count": done}
    if held:
        more = ngettext("%(count)d is in review and stays.", "%(count)d are in review and stay.", held)
        said = f"{said} {more % {'count': held}}"
    messages.success(request, said)
    return redirect("transcription:collection_settings", collection.pk)


def _page(request: HttpRequest, pk: int) -> Page:
    pages = Page.objects.visible_to(request.user, Role.REVIEWER).select_related("original")
    return get_object_or_404(pages, pk=pk)
