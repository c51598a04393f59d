"""Files as they were received. Never altered after they were acknowledged."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from transcription.models.collection import Collection, Role
from transcription.models.fixity import TROUBLE, FixityOutcome


class KnownFiles(models.TextChoices):
    """What is done with a file whose bytes, or whose place in its document, an original has already."""

    ASK = "ask", _("ask")
    KEEP = "keep", _("keep both")
    SKIP = "skip", _("skip")
    REPLACE = "replace", _("replace scan")


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
    known_files = models.CharField(max_length=8, choices=KnownFiles, default=KnownFiles.ASK)

    def __str__(self) -> str:
        return f"upload {self.id}"


# From a page to whatever holds its bytes.
_WAYS_TO_A_PAGE = ["original", "original__container", "original__replaces", "original__replaces__replaces"]


class OriginalQuerySet(models.QuerySet["Original"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser, role: Role = Role.STAFF) -> Self:
        return self.shown().filter(collection__in=Collection.objects.visible_to(user, role))

    def shown(self) -> Self:
        """Those of which no page was taken down: whoever has the file has the page. So has whoever has the archive that
        it came in, or the scan that it replaced."""
        from transcription.models.page import Page  # not above: Page points at Original

        holds = models.Q()
        for way in _WAYS_TO_A_PAGE:
            holds |= models.Q(**{way: OuterRef("pk")})
        return self.exclude(Exists(Page.everything.taken_down().filter(holds)))

    def kept(self) -> Self:
        """Those whose bytes are to be in the storage: they go when the last page of a file is removed for good."""
        from transcription.models.page import Page  # not above: Page points at Original

        pages = Page.everything.filter(original=OuterRef("pk"))
        removed = Page.everything.filter(takedown__purged_at__isnull=False)
        holder = removed.filter(
            models.Q(original__container=OuterRef("pk")) | models.Q(original__replaces=OuterRef("pk"))
        )
        bare = Exists(pages) & ~Exists(pages.exclude(takedown__purged_at__isnull=False))
        return self.exclude(bare | Exists(holder))

    def in_trouble(self) -> Self:
        """Those whose stored bytes were not what was received when they were last looked at."""
        return self.filter(fixity__in=TROUBLE)

    def in_use(self) -> Self:
        """Those that no better scan has replaced."""
        return self.exclude(models.Exists(self.model.objects.filter(replaces=models.OuterRef("pk"), frames__gt=0)))


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
    # Once opened, it has taken over the pages of that one, whose bytes stay.
    replaces = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="replacements")
    verified_at = models.DateTimeField(default=timezone.now, help_text="when its stored bytes were last hashed")
    fixity = models.CharField(max_length=10, choices=FixityOutcome, default=FixityOutcome.INTACT)

    objects = OriginalQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["collection", "sha256"], name="original_duplicate"),
            models.Index(fields=["document", "name"], name="original_place"),
            models.Index(fields=["verified_at"], name="original_verified"),
            models.Index(
                fields=["collection"], name="original_trouble", condition=models.Q(fixity__in=["altered", "missing"])
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["container", "member"],
                name="one_original_a_member",
                condition=models.Q(container__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.name
