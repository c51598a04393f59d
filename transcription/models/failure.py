"""What was given up, in words a person can act on."""

from __future__ import annotations

from typing import Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.utils.functional import Promise

from transcription.models.collection import Collection, Role
from transcription.models.failure_kind import KINDS


class FailureQuerySet(models.QuerySet["Failure"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser, role: Role = Role.STAFF) -> Self:
        return self.filter(collection__in=Collection.objects.visible_to(user, role))

    def open(self) -> Self:
        return self.filter(resolved_at=None)


class Failure(models.Model):
    """A step that will not be tried again by itself. ``message`` is one sentence for people, ``code`` is stable."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="failures")
    work = models.ForeignKey("transcription.Work", on_delete=models.CASCADE, related_name="failures")
    page = models.ForeignKey("transcription.Page", on_delete=models.CASCADE, null=True, related_name="failures")
    original = models.ForeignKey("transcription.Original", on_delete=models.CASCADE, null=True, related_name="failures")
    step = models.CharField(max_length=12)
    code = models.CharField(max_length=40)
    message = models.TextField()
    detail = models.TextField(blank=True, help_text="technical details")
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, help_text="when it was retried or became moot")

    objects = FailureQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["collection", "-id"], name="failure_open", condition=models.Q(resolved_at__isnull=True)
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["work"], name="one_open_failure_a_work", condition=models.Q(resolved_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @property
    def kind(self) -> str | Promise:
        """What happened in general, in the reader's language; empty for a code that nobody wrote a sentence for."""
        return KINDS.get(self.code, "")
