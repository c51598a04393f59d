"""The URLs of the whole site; each application's own are in its ``urls.py``."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from django.views.i18n import set_language

from transcription.api.site import api

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("api/v1/", api.urls),
    path("language/", set_language, name="language"),
    path("", include("transcription.urls")),
    path("reports/", include("review.report_urls")),
    path("", include("review.urls")),
]
