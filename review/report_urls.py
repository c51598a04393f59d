"""Where the reports are."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from review import report_views

app_name = "reports"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", report_views.overview, name="overview"),
    path("<slug:name>.csv", report_views.table, name="table"),
]
