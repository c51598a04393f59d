"""IIIF manifests that a collection was filled from, and how far the fetching has come."""

from __future__ import annotations

import uuid
from typing import Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from transcription.models.collection import Collection, Role


class ManifestQuerySet(models.QuerySet["Manifest"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser, role: Role = Role.STAFF) -> Self:
        return self.filter(collection__in=Collection.objects.visible_to(user, role))


class Manifest(models.Model):
    """One manifest that somebody named by its address. Its images become originals of one document.

    ``canvases``, in their order: {id, label, image, service, width, height} of each, as formats.iiif_manifest reads
    them; its work is one row for the manifest (stage 0) and one for each canvas (stage 1 …).
    """

    class State(models.TextChoices):
        ASKED = "asked", _("being fetched")
        READ = "read", _("images are being fetched")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="manifests")
    upload = models.OneToOneField("transcription.Upload", on_delete=models.CASCADE, related_name="manifest")
    document = models.ForeignKey(
        "transcription.Document", on_delete=models.SET_NULL, null=True, related_name="manifests"
    )
    url = models.CharField(max_length=2000)
    state = models.CharField(max_length=6, choices=State, default=State.ASKED)
    version = models.PositiveSmallIntegerField(null=True, help_text="of the Presentation API: 2 or 3")
    label = models.CharField(max_length=1000, blank=True)
    rights = models.CharField(max_length=1000, blank=True)
    attribution = models.TextField(blank=True)
    canvases = models.JSONField(default=list)
    data = models.BinaryField(default=bytes, help_text="the manifest as it was fetched")
    sha256 = models.CharField(max_length=64, blank=True)
    asked_at = models.DateTimeField(auto_now_add=True)
    fetched_at = models.DateTimeField(null=True)

    objects = ManifestQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at"]

    def __str__(self) -> str:
        return self.label or self.url
