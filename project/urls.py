"""The URLs of the whole site; each application's own are in its ``urls.py``."""

from __future__ import annotations

from allauth.account.views import logout
from django.contrib import admin
from django.urls import include, path
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from accounts.views.login import Login, PasswordReset
from transcription.api.site import api

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/login/", Login.as_view(), name="login"),
    path("accounts/logout/", require_POST(logout), name="logout"),
    path("accounts/password/reset/", PasswordReset.as_view(), name="password_reset"),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", api.urls),
    path("language/", require_POST(set_language), name="language"),
    path("", include("transcription.urls")),
    path("reports/", include("review.report_urls")),
    path("", include("review.urls")),
    path("", include("accounts.urls")),
]
