"""The engines and brought models of this installation, for the person who runs it; they are changed by manage.py."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from transcription.steps.brought_models import engine_reports
from transcription.views.access import SignedInRequest, signed_in


@require_GET
@never_cache
@signed_in
def engines(request: SignedInRequest) -> HttpResponse:
    """Models and engines; for superusers."""
    if not request.user.is_superuser:
        raise Http404
    context = {"section": "engines", "reports": engine_reports(), "folder": settings.MODELS}
    return render(request, "transcription/engines.html", context)
