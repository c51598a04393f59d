"""A user's webhooks: make and remove them, see what they were told and how it went, tell it again."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from transcription.errors import LonghandError
from transcription.forms import WebhookForm
from transcription.models import Delivery, DeliveryState, Webhook
from transcription.models.keyset import paged
from transcription.steps.webhooks import NewWebhook, create_webhook, remove_webhook, resend
from transcription.views.access import SignedInRequest, signed_in

SHOWN = 50


@require_http_methods(["GET", "POST"])
@signed_in
def webhooks(request: SignedInRequest) -> HttpResponse:
    """The secret of a new one is in the answer to the form itself."""
    form = WebhookForm(request.POST or None)
    new: NewWebhook | None = None
    if request.method == "POST" and form.is_valid():
        try:
            new = create_webhook(user=request.user, url=form.cleaned_data["url"])
            form = WebhookForm()
        except LonghandError as error:
            form.add_error("url", error.message)
    counted = {state: Count("deliveries", filter=Q(deliveries__state=state)) for state in DeliveryState.values}
    context = {
        "section": "tokens",
        "tab": "webhooks",
        "form": form,
        "new": new,
        "webhooks": Webhook.objects.of(request.user).annotate(**counted),
    }
    answer = render(request, "transcription/webhooks.html", context, status=422 if form.errors else 200)
    answer["Cache-Control"] = "no-store"
    return answer


@require_safe
@signed_in
def webhook(request: SignedInRequest, pk: UUID) -> HttpResponse:
    """What one was told, newest first; of a removed one too."""
    found = get_object_or_404(Webhook, pk=pk, user=request.user)
    deliveries = found.deliveries.select_related("job__original")
    asked = request.GET
    part = paged(
        deliveries,
        order=("-created_at", "id"),
        size=SHOWN,
        after=asked.get("after", ""),
        before=asked.get("before", ""),
    )
    context = {"section": "tokens", "tab": "webhooks", "webhook": found, "part": part, "deliveries": part.rows}
    return render(request, "transcription/webhook.html", context)


@require_POST
@signed_in
def webhook_remove(request: SignedInRequest, pk: UUID) -> HttpResponse:
    found = get_object_or_404(Webhook.objects.of(request.user), pk=pk)
    remove_webhook(found)
    messages.success(request, _("Nothing more is sent to %(url)s.") % {"url": found.url})
    return redirect("transcription:webhooks")


@require_POST
@signed_in
def delivery_resend(request: SignedInRequest, pk: UUID) -> HttpResponse:
    delivery = get_object_or_404(Delivery.objects.of(request.user), pk=pk)
    if resend(delivery):
        messages.success(request, _("It is sent again, under the same id."))
    else:
        messages.error(request, _("This webhook was removed; nothing is sent to it."))
    return redirect("transcription:webhook", delivery.webhook_id)
