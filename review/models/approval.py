"""Who ended the work on a page, and what they looked at."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class Approval(models.Model):
    """A reviewer ended the work on a page. ``mode`` says what was looked at: every line, or doubtful words only.

    ``read_lines`` and ``passed_words`` keep what was seen of it apart from what was not; null: it was not measured.
    """

    class Mode(models.TextChoices):
        WHOLE_PAGE = "whole_page", _("whole page")
        DOUBTFUL_WORDS = "doubtful_words", _("doubtful words")

    page = models.ForeignKey("transcription.Page", on_delete=models.CASCADE, related_name="approvals")
    run = models.ForeignKey("transcription.Run", on_delete=models.SET_NULL, null=True, related_name="+")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    mode = models.CharField(max_length=16, choices=Mode)
    second = models.BooleanField(default=False, help_text="of a page that somebody else had approved before")
    read_lines = ArrayField(
        models.BigIntegerField(), null=True, help_text="lines that were read through, one by one, before approving"
    )
    passed_words = models.PositiveIntegerField(
        null=True, help_text="words marked as doubtful that were approved without being settled"
    )
    active_seconds = models.FloatField(default=0, help_text="time at work on the page, idle time removed")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.page} approved ({self.mode})"
