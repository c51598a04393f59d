"""Passes that somebody tries on a few pages before they choose them for the collection."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models

from transcription.models.collection import Collection, Role


class TrialQuerySet(models.QuerySet["Trial"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser, role: Role = Role.STAFF) -> Self:
        return self.filter(collection__in=Collection.objects.visible_to(user, role))


class Trial(models.Model):
    """``runs`` are its own, one a page; no page ever has one of them as its own. The sweeper deletes trials after some
    days, with all they read."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="trials")
    profile_version = models.ForeignKey("transcription.ProfileVersion", on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = TrialQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"trial {self.pk} of {self.profile_version}"
