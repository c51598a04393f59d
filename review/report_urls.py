"""Where the reports are."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from review import report_views

app_name = "reports"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", report_views.overview, name="overview"),
    path("all.xlsx", report_views.workbook, name="workbook"),
    path("summary.pdf", report_views.summary, name="summary"),
    path("<slug:name>/", report_views.overview, name="section"),
    path("<slug:section>/<slug:name>.csv", report_views.table, name="table"),
    path("<slug:section>/<slug:name>.xlsx", report_views.sheet, name="sheet"),
]
