"""Who may see what: rows of others do not exist (404), the anonymous are asked to log in."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar, cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, resolve_url

from transcription.models import Collection, Export, Original, Page, Role, Trial, Upload


class SignedInRequest(HttpRequest):
    """A request whose user is known; views get it from ``signed_in``."""

    user: User


P = ParamSpec("P")
R = TypeVar("R", bound=HttpResponseBase)


def signed_in(
    view: Callable[Concatenate[SignedInRequest, P], R],
) -> Callable[Concatenate[HttpRequest, P], R | HttpResponse]:
    """Send the anonymous to the login page. A request of htmx is told to load it whole, not to swap it in."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> R | HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)  # type: ignore[arg-type]  # checked: its user is a User
        if request.headers.get("HX-Request"):
            return HttpResponse(status=401, headers={"HX-Redirect": resolve_url(settings.LOGIN_URL)})
        return redirect_to_login(request.get_full_path())

    return cast("Callable[Concatenate[HttpRequest, P], R | HttpResponse]", guarded)


def collection_or_404(request: SignedInRequest, pk: int, role: Role = Role.STAFF) -> Collection:
    return get_object_or_404(Collection.objects.visible_to(request.user, role), pk=pk)


def page_or_404(request: SignedInRequest, pk: int, role: Role = Role.STAFF) -> Page:
    pages = Page.objects.visible_to(request.user, role).select_related("collection", "document", "original__container")
    return get_object_or_404(pages, pk=pk)


def upload_or_404(request: SignedInRequest, pk: UUID) -> Upload:
    seen = Collection.objects.visible_to(request.user, Role.STAFF)
    return get_object_or_404(Upload.objects.select_related("collection").filter(collection__in=seen), pk=pk)


def original_or_404(request: SignedInRequest, pk: UUID) -> Original:
    return get_object_or_404(Original.objects.visible_to(request.user), pk=pk)


def export_or_404(request: SignedInRequest, pk: UUID) -> Export:
    exports = Export.objects.visible_to(request.user).select_related("collection")
    return get_object_or_404(exports, pk=pk)


def trial_or_404(request: SignedInRequest, pk: UUID, role: Role = Role.STAFF) -> Trial:
    trials = Trial.objects.visible_to(request.user, role).select_related("collection", "author", "profile_version")
    return get_object_or_404(trials, pk=pk)


def holds(request: SignedInRequest, collection: Collection, role: Role) -> bool:
    """Whether the user holds ``role`` in ``collection``, or one that includes it."""
    return Collection.objects.visible_to(request.user, role).filter(pk=collection.pk).exists()
