"""The screen where the lines of a page are repaired. Rows are reached through ``visible_to(user, REVIEWER)`` only."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from review import claims, layouts
from review.answers import answers_json, cleaned, signed_in
from review.forms import QueueForm
from review.layout_forms import BackForm, ChangeForm
from review.layout_wording import texts
from transcription.htr.languages import language_tag
from transcription.models import Page, Production, Role
from transcription.steps.layout_regions import RegionKind
from transcription.views.page import viewer_config

_URLS = ("claim", "heartbeat", "release")
_LAYOUT_URLS = {"state": "layout-state", "change": "layout-change", "undo": "layout-undo", "redo": "layout-redo"}


@login_required
@require_GET
def layout(request: HttpRequest, pk: int) -> HttpResponse:
    """The lines of one page over its image. Opening it claims nothing yet: the screen's script does."""
    user = signed_in(request)
    pages = Page.objects.visible_to(user, Role.REVIEWER).select_related("collection", "document", "original", "layout")
    page = get_object_or_404(pages, pk=pk)
    wanted = QueueForm(request.GET, user=user).wanted
    editor = f"{reverse('review:editor', args=[page.pk])}?{wanted.query}"
    data = {
        "id": page.pk,
        "title": page.label,
        "image": viewer_config(page),
        "layout": layouts.layout_data(page),
        "texts": texts(),
        "kinds": dict(RegionKind.choices),
        "productions": dict(Production.choices),
        "heartbeatSeconds": claims.HEARTBEAT_SECONDS,
        "urls": {
            "editor": editor,
            "queue": reverse("review:queue"),
            "page": reverse("transcription:page", args=[page.pk]),
            "login": f"{reverse('login')}?{urlencode({'next': request.get_full_path()})}",
            **{name: reverse(f"review:{name}", args=[page.pk]) for name in _URLS},
            **{name: reverse(f"review:{view}", args=[page.pk]) for name, view in _LAYOUT_URLS.items()},
            "reread": reverse("review:layout-reread", args=[page.pk]),
        },
    }
    context = {
        "section": "review",
        "page": page,
        "data": data,
        "language": language_tag(page.collection.language),
        "kinds": RegionKind.choices,
        "productions": Production.choices,
    }
    return render(request, "review/layout.html", context)


@login_required
@require_GET
def state(request: HttpRequest, pk: int) -> JsonResponse:
    """The lines as they are now: asked for while they are being read, and after a conflict."""
    return JsonResponse({"layout": layouts.layout_data(_page(request, pk))})


@answers_json
def change(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Make one change of the lines."""
    page, data = _page(request, pk), cleaned(ChangeForm(request.POST))
    changed = layouts.change_lines(
        page=page, base_version=data["version"], operation=data["operation"], reviewer=signed_in(request)
    )
    return _answer(changed)


@answers_json
def undo(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Take the last change back."""
    return _answer(layouts.undo_change(page=_page(request, pk), reviewer=signed_in(request), **_back(request)))


@answers_json
def redo(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Make the change again that was undone last."""
    return _answer(layouts.redo_change(page=_page(request, pk), reviewer=signed_in(request), **_back(request)))


@answers_json
def read_again(request: HttpRequest, pk: int) -> dict[str, Any]:
    """Read the changed lines again."""
    return {"layout": layouts.read_changes(page=_page(request, pk), reviewer=signed_in(request))}


def _back(request: HttpRequest) -> dict[str, Any]:
    data = cleaned(BackForm(request.POST))
    return {"base_version": data["version"], "sure": data["sure"]}


def _answer(changed: layouts.Changed) -> dict[str, Any]:
    return {"layout": changed.layout, "touched": changed.touched, "done": changed.done}


def _page(request: HttpRequest, pk: int) -> Page:
    return get_object_or_404(Page.objects.visible_to(request.user, Role.REVIEWER), pk=pk)
