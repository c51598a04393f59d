from __future__ import annotations

from django.urls import URLPattern, URLResolver

app_name = "transcription"
urlpatterns: list[URLPattern | URLResolver] = []
