"""Who asks, and from where: for the audit log and for the count of wrong passwords."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from transcription.steps.record_deed import Asker, asking


def client_address(request: HttpRequest) -> str | None:
    """The visitor's address: the peer's, or what the outermost trusted proxy saw; None where that is no address."""
    seen = [request.META.get("REMOTE_ADDR", "")]
    if settings.TRUSTED_PROXIES:
        forwarded = request.headers.get("X-Forwarded-For", "").split(",")
        seen = [each.strip() for each in forwarded][-settings.TRUSTED_PROXIES :] if any(forwarded) else seen
    try:
        return str(ip_address(seen[0]))
    except ValueError:
        return None


def typed_name(request: HttpRequest, credentials: Mapping[str, str] | None) -> str:
    """The name somebody tried, in small letters: by it, with the address, wrong passwords are counted."""
    names = credentials or {}
    name = names.get("username") or names.get("email") or names.get("login") or request.POST.get("login", "")
    return str(name).strip().casefold()[:150]


class WhoAsks:
    """Makes the user and the address of each request known to the audit log."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with asking(Asker(_user(request), client_address(request))):
            return self.get_response(request)


def _user(request: HttpRequest) -> User | None:
    if not request.COOKIES.get(settings.SESSION_COOKIE_NAME):
        return None
    return request.user if isinstance(request.user, User) or request.user.is_authenticated else None
