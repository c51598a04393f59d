"""What was decided about single words."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


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
