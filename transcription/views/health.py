"""Whether Longhand is well: for load balancers, and for the person who runs it."""

from __future__ import annotations

from datetime import timedelta

from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from transcription.models import Original, Worker
from transcription.steps.condition import Level, findings, worst
from transcription.steps.progress import ALIVE_FOR
from transcription.views.access import SignedInRequest, signed_in

TROUBLE_SHOWN = 50


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while this process can reach the database, 503 else. Says nothing about workers: they are not the web."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "unavailable", "database": "unreachable"}, status=503)
    return JsonResponse({"status": "ok", "database": "ok"})


@require_GET
@never_cache
@signed_in
def status(request: SignedInRequest) -> HttpResponse:
    """Every part that can go wrong, with a sentence and the next step; for superusers."""
    if not request.user.is_superuser:
        raise Http404
    found = findings()
    now = timezone.now()
    seen = Worker.objects.filter(seen_at__gt=now - timedelta(days=1)).order_by("queue", "name")
    context = {
        "section": "status",
        "findings": found,
        "worst": worst(found),
        "workers": [(worker, (now - worker.seen_at).total_seconds()) for worker in seen],
        "alive_for": ALIVE_FOR.total_seconds(),
        "originals_in_trouble": Original.objects.shown().in_trouble().select_related("collection")[:TROUBLE_SHOWN],
    }
    return render(request, "transcription/status.html", context)


@require_GET
@never_cache
@signed_in
def status_json(request: SignedInRequest) -> JsonResponse:
    """The same for monitoring: 503 while anything is an alarm."""
    if not request.user.is_superuser:
        raise Http404
    found = findings()
    level = worst(found)
    answer = {"status": level, "findings": [finding.to_json() for finding in found]}
    return JsonResponse(answer, status=503 if level == Level.ALARM else 200)
