"""Calibrations of word confidence that a collection's own corrections made."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class CollectionCalibration(models.Model):
    """One attempt to fit word confidence on a collection's trusted lines, for the passes that read them.

    ``reader`` is the digest of these passes: with others it does not hold. ``figures``: {"after", "before"}, what
    `transcription.training.confidences` counts on lines that it was not fitted on, and "gain" with its "error".
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("is being fitted")
        ACTIVE = "active", _("in use")
        RETIRED = "retired", _("replaced")
        NOT_BETTER = "not-better", _("not better than what is used")
        FAILED = "failed", _("failed")
        TOO_FEW = "too-few", _("too few words")

    collection = models.ForeignKey("transcription.Collection", on_delete=models.CASCADE, related_name="calibrations")
    number = models.PositiveIntegerField(help_text="counts the collection's attempts, from 1")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    reader = models.CharField(max_length=64, blank=True, help_text="digest of the passes it was fitted for")
    passes = models.JSONField(default=list, help_text="their names, for people")
    bundle = models.JSONField(null=True, help_text="the calibration; null until fitted")
    calibration = models.CharField(max_length=80, blank=True, help_text="id of the bundle")
    prior = models.CharField(max_length=80, blank=True, help_text="id of the bundle it had to be better than")
    split = models.CharField(max_length=10, blank=True, help_text="what was held out whole: document or page")
    documents = models.PositiveIntegerField(default=0)
    pages = models.PositiveIntegerField(default=0)
    lines = models.PositiveIntegerField(default=0)
    words = models.PositiveIntegerField(default=0)
    figures = models.JSONField(default=dict)
    asked_at = models.DateTimeField(auto_now_add=True)
    made_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["collection", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["collection", "number"], name="one_calibration_a_number"),
            models.UniqueConstraint(
                fields=["collection"], condition=models.Q(state="waiting"), name="one_calibration_at_a_time"
            ),
            models.UniqueConstraint(
                fields=["collection", "reader"],
                condition=models.Q(state="active"),
                name="one_active_calibration_a_reader",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["active", "retired"]) | models.Q(bundle__isnull=False),
                name="a_calibration_in_use_has_its_bundle",
            ),
        ]

    def __str__(self) -> str:
        return f"calibration {self.number} of {self.collection} ({self.state})"
