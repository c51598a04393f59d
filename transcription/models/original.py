"""Files as they were received. Never altered after they were acknowledged."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from transcription.models.collection import Collection, Role


class Beside(models.TextChoices):
    """What transcripts are that come in the same upload as the scans."""

    LEFT_OUT = "", _("left out")
    TRUTH = "truth", _("ground truth: people made them")
    DRAFT = "draft", _("drafts: another program made them")


class Upload(models.Model):
    """One act of uploading: the files a person sent together, followed on one screen."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="uploads")
    uploader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="uploads")
    transcripts = models.CharField(
        _("transcripts beside the scans"), max_length=5, choices=Beside, default=Beside.LEFT_OUT, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"upload {self.id}"


class OriginalQuerySet(models.QuerySet["Original"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser, role: Role = Role.STAFF) -> Self:
        return self.filter(collection__in=Collection.objects.visible_to(user, role))


class Original(models.Model):
    """The bytes received: their SHA-256, size, kind and where they are stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="originals")
    document = models.ForeignKey("transcription.Document", on_delete=models.CASCADE, related_name="originals")
    upload = models.ForeignKey(Upload, on_delete=models.SET_NULL, null=True, related_name="originals")
    name = models.CharField(max_length=250, help_text="file name as received, made safe")
    sha256 = models.CharField(max_length=64, db_index=True)
    size = models.BigIntegerField(help_text="bytes")
    kind = models.CharField(max_length=10)
    file = models.CharField(max_length=200, unique=True, help_text="name in the default storage")
    # Null until the file was opened; then how many pages it holds.
    frames = models.PositiveIntegerField(null=True)
    # A file that came inside of an archive, which is an original itself.
    container = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="members")
    member = models.CharField(max_length=500, blank=True, help_text="its path in the container")
    remarks = models.JSONField(
        default=list, help_text="what of an archive was not taken: {name, code, message} of each"
    )
    provenance = models.JSONField(default=dict, help_text="where a fetched file comes from, as its manifest says it")
    received_at = models.DateTimeField(auto_now_add=True)

    objects = OriginalQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["collection", "sha256"], name="original_duplicate")]
        constraints = [
            models.UniqueConstraint(
                fields=["container", "member"],
                name="one_original_a_member",
                condition=models.Q(container__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.name
