"""What a user was told, whether they have read it, and whether they want mails about it. Only ever their own."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from transcription.models import Collection, MailWish, Notification, Role
from transcription.models.keyset import paged
from transcription.steps.notify import mark_read, unread
from transcription.steps.told import path_of, sentence
from transcription.views.access import SignedInRequest, signed_in

PAGE_SIZE = 30


@require_GET
@signed_in
def notifications(request: SignedInRequest) -> HttpResponse:
    """The latest first; those about collections that the user may not see any more are left out."""
    seen = Collection.objects.visible_to(request.user, Role.STAFF)
    own = Notification.objects.filter(user=request.user, collection__in=seen)
    own = own.select_related("actor", "collection", "page__original")
    key = {name: request.GET.get(name, "") for name in ("after", "before")}
    shown = paged(own, order=["-id"], size=PAGE_SIZE, **key)
    context = {
        "section": "notifications",
        "rows": [
            {"told": each, "sentence": sentence(each), "note": each.details.get("note", "")} for each in shown.rows
        ],
        "slice": shown,
        "unread": unread(request.user).count(),
        "mails": settings.MAILS,
        "wanted": not MailWish.objects.filter(user=request.user, wanted=False).exists(),
        "email": request.user.email,
    }
    return render(request, "transcription/notifications.html", context)


@require_POST
@signed_in
def notification_open(request: SignedInRequest, pk: int) -> HttpResponse:
    """Mark it as read and go to what it is about."""
    own = Notification.objects.filter(user=request.user)
    told = get_object_or_404(own.select_related("collection", "page"), pk=pk)
    mark_read(own.filter(pk=pk))
    return redirect(path_of(told))


@require_POST
@signed_in
def notifications_read(request: SignedInRequest) -> HttpResponse:
    """Mark all as read that were there when the list was made."""
    upto = request.POST.get("upto", "")
    found = Notification.objects.filter(user=request.user)
    mark_read(found.filter(pk__lte=int(upto)) if upto.isdecimal() else found)
    return redirect("transcription:notifications")


@require_POST
@signed_in
def mail_wish(request: SignedInRequest) -> HttpResponse:
    """Switch mails on or off."""
    wanted = request.POST.get("wanted") == "on"
    MailWish.objects.update_or_create(user=request.user, defaults={"wanted": wanted})
    messages.success(request, _("You get mails again.") if wanted else _("You get no more mails."))
    return redirect("transcription:notifications")
