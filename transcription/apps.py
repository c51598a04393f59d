from __future__ import annotations

from django.apps import AppConfig


class TranscriptionConfig(AppConfig):
    name = "transcription"
    label = "transcription"
