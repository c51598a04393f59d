"""Who holds a page."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


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
