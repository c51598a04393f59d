"""What people decide about pages: who holds one, and who approved it."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class ClaimQuerySet(models.QuerySet["Claim"]):
    def live(self) -> Self:
        """Claims whose lease has not run out, by the database's clock."""
        return self.filter(lease_until__gt=Now())


class Claim(models.Model):
    """A reviewer's hold on a page: a lease that the open editor renews. Two people never hold one page."""

    page = models.OneToOneField("transcription.Page", on_delete=models.CASCADE, related_name="claim")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="claims")
    token = models.UUIDField(default=uuid.uuid4)
    lease_until = models.DateTimeField()
    claimed_at = models.DateTimeField()

    objects = ClaimQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.page} held by {self.reviewer}"


class Approval(models.Model):
    """A reviewer ended the work on a page. ``mode`` says what was looked at: every line, or doubtful words only."""

    class Mode(models.TextChoices):
        WHOLE_PAGE = "whole_page", _("whole page")
        DOUBTFUL_WORDS = "doubtful_words", _("doubtful words")

    page = models.ForeignKey("transcription.Page", on_delete=models.CASCADE, related_name="approvals")
    run = models.ForeignKey("transcription.Run", on_delete=models.SET_NULL, null=True, related_name="+")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    mode = models.CharField(max_length=16, choices=Mode)
    active_seconds = models.FloatField(default=0, help_text="time at work on the page, idle time removed")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.page} approved ({self.mode})"


class WordDecision(models.Model):
    """What a reviewer decided about one voted word. Append-only; the raw material of calibration and training.

    ``READ`` is weaker than the others: the person ended a line, and this word stood in it unchanged.
    """

    class Kind(models.TextChoices):
        CONFIRMED = "confirmed", _("confirmed as read")
        ALTERNATIVE = "alternative", _("took an alternative")
        TYPED = "typed", _("typed")
        UNCLEAR = "unclear", _("marked as unclear")
        READ = "read", _("line read through")

    line = models.ForeignKey("transcription.Line", on_delete=models.CASCADE, related_name="word_decisions")
    vote = models.ForeignKey("transcription.Vote", on_delete=models.CASCADE, related_name="word_decisions")
    word = models.PositiveSmallIntegerField(help_text="index into the vote's words, 0-based")
    kind = models.CharField(max_length=12, choices=Kind)
    before = models.TextField(blank=True)
    after = models.TextField(blank=True)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.kind}: {self.before} → {self.after}"
