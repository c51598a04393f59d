"""What a program submitted to be read: one file, followed until its machine text is there."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from transcription.models.collection import Collection
from transcription.models.token import Token


class JobState(models.TextChoices):
    OPEN = "open", _("being read")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, token: Token) -> Self:
        """Jobs of the token's user, in collections the token reaches."""
        return self.filter(user=token.user_id, collection__in=token.visible_collections())


class Job(models.Model):
    """``state`` is settled once, in the transaction that ends the last page; a retry may turn failed to completed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="jobs")
    token = models.ForeignKey(Token, on_delete=models.SET_NULL, null=True, related_name="jobs")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="jobs")
    original = models.OneToOneField("transcription.Original", on_delete=models.CASCADE, related_name="job")
    webhook = models.ForeignKey("transcription.Webhook", on_delete=models.SET_NULL, null=True, related_name="+")
    profile = models.ForeignKey(
        "transcription.Profile",
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="what reads its pages first; null: the collection's",
    )
    reference = models.CharField(max_length=200, blank=True, help_text="the submitter's own name for it")
    state = models.CharField(max_length=10, choices=JobState, default=JobState.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["user", "-created_at", "id"], name="job_of_user"),
            models.Index(fields=["user"], name="job_open", condition=models.Q(state="open")),
        ]

    def __str__(self) -> str:
        return f"job {self.id}"


class Inbox(models.Model):
    """The private collection for what a user submits without naming one."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    collection = models.OneToOneField(Collection, on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"inbox of {self.user}"
