"""The URLs of the whole site; each application's own are in its ``urls.py``."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("language/", require_POST(set_language), name="language"),
    path("", include("transcription.urls")),
    path("reports/", include("review.report_urls")),
    path("", include("review.urls")),
]
