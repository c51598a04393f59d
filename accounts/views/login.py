"""Logging in, and the sentence for whoever tried too often."""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from typing import Any

from allauth.account.views import LoginView, PasswordResetView
from axes.decorators import axes_dispatch, axes_form_invalid
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator

TOO_MANY = 429


@method_decorator(axes_dispatch, name="dispatch")
@method_decorator(axes_form_invalid, name="form_invalid")
class Login(LoginView):  # type: ignore[misc]  # allauth has no types
    """allauth's, with wrong passwords counted by user and address."""

    http_method_names = ["get", "head", "post"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """``provider``: the name of the single sign-on, or nothing; ``mails``: passwords can be reset."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"provider": settings.OIDC_URL and settings.OIDC_NAME, "mails": settings.MAILS}


class PasswordReset(PasswordResetView):  # type: ignore[misc]
    """allauth's; where no mails can be sent it says so, and takes nothing."""

    http_method_names = ["get", "head", "post"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"mails": settings.MAILS}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer: HttpResponse = (super().post if settings.MAILS else super().get)(request, *args, **kwargs)
        return answer


def waiting(request: HttpRequest, original: HttpResponse | None = None, credentials: object = None) -> HttpResponse:
    """What whoever must wait is told, whether the password was right or not."""
    wait: timedelta = settings.AXES_COOLOFF_TIME
    context = {"minutes": ceil(wait.total_seconds() / 60), "failures": settings.AXES_FAILURE_LIMIT}
    return render(request, "account/waiting.html", context, status=TOO_MANY)
