"""What paid endpoints may cost: caps of a collection and of each endpoint, what was used of them, what is to come."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from transcription.errors import LonghandError
from transcription.forms import BudgetForm
from transcription.models import Collection, Role, Span, Verb
from transcription.steps.budgets import (
    Estimate,
    Limit,
    Standing,
    estimate,
    estimate_waiting,
    last_charges,
    set_caps,
    standings,
)
from transcription.steps.record_deed import record
from transcription.views.access import SignedInRequest, collection_or_404, holds, signed_in

MILLIONTHS = 1_000_000


@require_http_methods(["GET", "POST"])
@signed_in
def budget(request: SignedInRequest, pk: int) -> HttpResponse:
    """A collection's caps on all endpoints together. Leads see them, admins set them."""
    collection = collection_or_404(request, pk, Role.LEAD)
    administers = holds(request, collection, Role.ADMIN)
    found = standings(collection=collection)
    form = BudgetForm(request.POST or None, initial=_initial(found))
    if request.method == "POST":
        if not administers:
            raise PermissionDenied
        if form.is_valid():
            set_caps(limits_of(form.cleaned_data), collection=collection)
            record(Verb.SETTINGS_CHANGED, about=collection, collection=collection, details={"fields": ["budget"]})
            messages.success(request, _("The budget is saved. Reading that waited for it goes on where there is room."))
            return redirect("transcription:budget", pk=collection.pk)
    context = {
        "collection": collection,
        "administers": administers,
        "rows": _rows(form, found),
        "charges": last_charges(collection=collection),
        "waiting": estimate_waiting(collection),
        "whole": _whole(collection),
        "endpoints": list(settings.ENDPOINTS.values()),
        "currency": settings.ENDPOINTS.currency,
    }
    return render(request, "transcription/budget.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def endpoint_budgets(request: SignedInRequest) -> HttpResponse:
    """Each endpoint's caps, for all collections together; whoever runs the installation sees and sets them."""
    if not request.user.is_superuser:
        raise Http404
    posted = request.POST.get("endpoint", "")
    if request.method == "POST" and posted not in settings.ENDPOINTS:
        raise Http404
    cards, wrong = [], False
    for endpoint in settings.ENDPOINTS.values():
        found = standings(endpoint=endpoint.name)
        form = BudgetForm(
            request.POST if endpoint.name == posted else None, initial=_initial(found), prefix=endpoint.name
        )
        if endpoint.name == posted:
            if form.is_valid():
                set_caps(limits_of(form.cleaned_data), endpoint=endpoint.name)
                record(Verb.SETTINGS_CHANGED, about=endpoint.name, details={"fields": ["budget"]})
                messages.success(request, _("The budget of “%(name)s” is saved.") % {"name": endpoint.name})
                return redirect("transcription:endpoint_budgets")
            wrong = True
        cards.append(
            {
                "endpoint": endpoint,
                "key": _key_of(endpoint),
                "rows": _rows(form, found),
                "charges": last_charges(endpoint=endpoint.name, count=5),
            }
        )
    context = {"cards": cards, "file": settings.ENDPOINTS_FILE, "currency": settings.ENDPOINTS.currency}
    return render(request, "transcription/endpoint_budgets.html", context, status=422 if wrong else 200)


def limits_of(cleaned: Mapping[str, Any]) -> dict[Span, Limit]:
    """The caps that a form holds."""
    limits = {}
    for span in Span:
        money: Decimal | None = cleaned[f"{span.value}_money"]
        limits[span] = Limit(cleaned[f"{span.value}_tokens"], None if money is None else int(money * MILLIONTHS))
    return limits


def _initial(found: list[Standing]) -> dict[str, Any]:
    initial: dict[str, Any] = {}
    for standing in found:
        initial[f"{standing.span.value}_tokens"] = standing.limit.tokens
        money = standing.limit.money
        initial[f"{standing.span.value}_money"] = None if money is None else Decimal(money) / MILLIONTHS
    return initial


def _rows(form: BudgetForm, found: list[Standing]) -> list[dict[str, Any]]:
    return [
        {
            "standing": standing,
            "fields": [form[f"{standing.span.value}_tokens"], form[f"{standing.span.value}_money"]],
            "share": _share(standing),
        }
        for standing in found
    ]


def _share(standing: Standing) -> float | None:
    """How much of the tighter cap is used, in [0, 1]; None without any."""
    shares = [
        used / limit if limit else 1.0
        for used, limit in (
            (standing.used_tokens, standing.limit.tokens),
            (standing.used_money, standing.limit.money),
        )
        if limit is not None
    ]
    return min(1.0, max(shares)) if shares else None


def _whole(collection: Collection) -> Estimate | None:
    """What reading the whole collection again would use; None where an engine of its passes is not here any more."""
    try:
        return estimate(collection)
    except LonghandError:
        return None


def _key_of(endpoint: Any) -> str:
    """Where the key comes from and whether it is there; never the key."""
    if endpoint.key_variable:
        said = _("%(name)s is set") if endpoint.has_key() else _("%(name)s is not set")
        return said % {"name": endpoint.key_variable}
    if endpoint.key_file:
        return _("from a file") if endpoint.has_key() else _("from a file that cannot be read")
    return _("none is sent")
