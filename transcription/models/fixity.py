"""Whether originals are still what was received: every check is an event that stays, as PREMIS wants it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class FixityOutcome(models.TextChoices):
    INTACT = "intact", _("intact")
    ALTERED = "altered", _("altered: its bytes have changed")
    MISSING = "missing", _("missing from the storage")
    RESTORED = "restored", _("restored from the same bytes, sent again")


TROUBLE = [FixityOutcome.ALTERED, FixityOutcome.MISSING]


class FixityEvent(models.Model):
    """One look at the stored bytes of an original."""

    original = models.ForeignKey("transcription.Original", on_delete=models.CASCADE, related_name="fixity_events")
    at = models.DateTimeField(auto_now_add=True)
    outcome = models.CharField(max_length=10, choices=FixityOutcome)
    sha256 = models.CharField(max_length=64, blank=True, help_text="of what was found; empty where nothing was")
    file = models.CharField(max_length=200, help_text="name in the storage that was looked at")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.original_id}: {self.outcome}"
