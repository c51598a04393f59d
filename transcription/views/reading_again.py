"""Reading pages again because somebody asked for it on a screen, and what that screen says of it."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import ngettext

from transcription.models import Collection, Page
from transcription.steps.control import rerun


def read_again(request: HttpRequest, collection: Collection, pages: QuerySet[Page]) -> HttpResponse:
    """Read ``pages`` again and lead to their collection."""
    say_read_again(request, rerun(collection, pages=pages))
    return redirect("transcription:collection", collection.pk)


def say_read_again(request: HttpRequest, count: int) -> None:
    said = ngettext("%(count)d page is read again.", "%(count)d pages are read again.", count)
    messages.success(request, said % {"count": count})
