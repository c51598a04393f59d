"""What a collection promises of the text that is accepted unseen, what that rests on, and when it ended."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Promise(models.Model):
    """“The text accepted unseen has a CER of at most ``error``, with ``level`` confidence.”

    It is one of a profile version and a calibration: other readers err otherwise. ``thresholds`` are the page
    confidences that are tried, strictest first, fixed before any error was counted. ``material`` is what pages looked
    like then: {feature: values}.
    """

    class State(models.TextChoices):
        GATHERING = "gathering", _("audits are gathered")
        STANDING = "standing", _("stands")
        EXPIRED = "expired", _("expired")

    class Reason(models.TextChoices):
        PROFILE = "profile", _("the pages are read with other engines or settings")
        CALIBRATION = "calibration", _("confidence is computed in another way")
        MATERIAL = "material", _("the pages that came since look unlike those that were audited")
        AUDITS = "audits", _("the audits since then found more errors")
        WITHDRAWN = "withdrawn", _("another promise was asked for")

    collection = models.ForeignKey("transcription.Collection", on_delete=models.CASCADE, related_name="promises")
    profile_version = models.ForeignKey("transcription.ProfileVersion", on_delete=models.PROTECT, related_name="+")
    calibration = models.CharField(max_length=80, blank=True, help_text="id of the calibration bundle")
    engines = models.JSONField(default=list, help_text="digests of the engines that read")
    error = models.FloatField(help_text="character error rate, 0 to 1")
    level = models.FloatField(default=0.95)
    thresholds = models.JSONField(default=list)
    material = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.GATHERING)
    threshold = models.FloatField(null=True, help_text="confidence from which a page is accepted unseen")
    pages = models.PositiveIntegerField(default=0, help_text="audited pages at that threshold")
    lines = models.PositiveIntegerField(default=0, help_text="audited lines of them")
    measured = models.FloatField(null=True, help_text="error rate in these audits")
    # What is older was read or audited under other conditions and is no evidence for this promise.
    decisions_after = models.BigIntegerField(default=0, help_text="id of the last decision before it")
    audits_after = models.BigIntegerField(default=0, help_text="id of the last audit before it")
    # Set when it is made; decisions and audits beyond are watched.
    watched_from = models.JSONField(default=dict, help_text="{decision, audit}: ids as it was made")
    ended_with = models.JSONField(default=dict, help_text="{decision, audit}: ids as it expired")
    blocks = models.PositiveIntegerField(default=0, help_text="blocks of pages since, whose material was compared")
    created_at = models.DateTimeField(auto_now_add=True)
    made_at = models.DateTimeField(null=True)
    expired_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=12, choices=Reason, blank=True)
    detail = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["collection"], condition=~models.Q(state="expired"), name="one_open_promise_a_collection"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="standing") | models.Q(threshold__isnull=False, made_at__isnull=False),
                name="a_standing_promise_says_from_when_and_where",
            ),
            models.CheckConstraint(
                condition=models.Q(state="expired", expired_at__isnull=False)
                | (~models.Q(state="expired") & models.Q(expired_at=None, reason="")),
                name="only_an_expired_promise_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"CER ≤ {self.error:.1%} ({self.state})"
