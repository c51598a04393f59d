"""What every answer carries besides Django's own security headers."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

DIRECTIVES = (
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",  # htmx and OpenSeadragon set style attributes
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'self'",
    "frame-ancestors 'none'",
)


def policy() -> str:
    """The directives, with the one origin besides ours that a form may lead to: that of the login provider."""
    provider = urlsplit(settings.OIDC_URL)
    origin = f" {provider.scheme}://{provider.netloc}" if provider.netloc else ""
    return "; ".join((*DIRECTIVES, f"form-action 'self'{origin}"))


class ContentSecurityPolicy:
    """Allows scripts from our own files only, unless a view set a policy of its own (originals go out sandboxed)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.policy = policy()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.policy)
        return response
