"""Exports: background jobs that leave one file."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from transcription.models.collection import Collection, Role


class ExportQuerySet(models.QuerySet["Export"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser, role: Role = Role.STAFF) -> Self:
        return self.filter(collection__in=Collection.objects.visible_to(user, role))

    def unfinished(self) -> Self:
        """Exports that wait or are being written."""
        return self.filter(state__in=[Export.State.QUEUED, Export.State.RUNNING])


class Export(models.Model):
    """What was asked for, how far it is, and where its file is. Which formats there are: `steps.export_formats`."""

    class Scope(models.TextChoices):
        REVIEWED = "reviewed", _("reviewed pages only")
        ACCEPTED = "accepted", _("reviewed and accepted pages")
        ALL = "all", _("all pages that have been read")

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("being written")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")
        EXPIRED = "expired", _("expired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="exports")
    document = models.ForeignKey(
        "transcription.Document", on_delete=models.CASCADE, null=True, related_name="+", help_text="null: all of them"
    )
    format = models.CharField(max_length=20)
    scope = models.CharField(max_length=10, choices=Scope, default=Scope.ALL)
    normalised = models.BooleanField(default=False, help_text="spelling made plain; else as it is written")
    names = models.CharField(max_length=200, help_text="template of the files' names", default="")
    base = models.URLField(max_length=300, blank=True, help_text="where the files will be on the web")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    pages = models.PositiveIntegerField(default=0, help_text="pages written so far")
    total = models.PositiveIntegerField(default=0)
    file = models.CharField(max_length=200, blank=True, help_text="ZIP, name in the default storage")
    size = models.BigIntegerField(default=0, help_text="bytes of the file")
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True, help_text="when its file is removed")

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["collection", "-created_at", "-id"], name="export_list"),
            models.Index(fields=["expires_at"], name="export_expiry", condition=models.Q(state="done")),
        ]

    def __str__(self) -> str:
        return f"{self.format} of {self.collection}"
