"""Files on their way in: what tus calls uploads, and what became of each."""

from __future__ import annotations

import hashlib
import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from transcription.models.collection import Collection, Role
from transcription.models.original import Original, Upload

LONGEST_PATH = 1000


class IncomingState(models.TextChoices):
    RECEIVING = "receiving", _("being received")
    UNDECIDED = "undecided", _("here whole, a person decides")
    STORED = "stored", _("stored")
    SKIPPED = "skipped", _("skipped")
    REFUSED = "refused", _("refused")


def fingerprint(path: str, size: int, modified: int | None) -> str:
    """What tells that a file chosen again is the one of before, without its bytes."""
    return hashlib.sha256(f"{path}\0{size}\0{modified}".encode()).hexdigest()


class IncomingFile(models.Model):
    """One file that is sent. ``offset`` bytes of it are on disk for good, and only those are ever acknowledged.

    It reaches ``size`` in the transaction that says what became of the file: whoever hears that all has arrived
    may forget his own copy.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="files")
    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="incoming")
    path = models.CharField(max_length=LONGEST_PATH, help_text="below the folder that was chosen, as the sender has it")
    size = models.BigIntegerField(help_text="bytes")
    modified = models.BigIntegerField(null=True, help_text="milliseconds since 1970, by the sender's clock")
    fingerprint = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=IncomingState, default=IncomingState.RECEIVING)
    offset = models.BigIntegerField(default=0, help_text="bytes acknowledged")
    promised_sha256 = models.CharField(max_length=64, blank=True, help_text="what the sender says that it is")
    sha256 = models.CharField(max_length=64, blank=True)
    original = models.ForeignKey(Original, on_delete=models.SET_NULL, null=True, related_name="incoming")
    # What a person is asked about: an original of the same bytes, or one that stands where this is to go.
    twin = models.ForeignKey(Original, on_delete=models.SET_NULL, null=True, related_name="+")
    code = models.CharField(max_length=40, blank=True)
    message = models.TextField(blank=True)
    begun_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(offset__gte=0, offset__lt=models.F("size"), state="receiving")
                | (models.Q(offset=models.F("size")) & ~models.Q(state="receiving")),
                name="incoming_whole_once_settled",
            ),
            # Sent twice because an answer was lost: stored once, whatever is to be done with known files.
            models.UniqueConstraint(
                fields=["upload", "fingerprint"], name="one_stored_a_fingerprint", condition=models.Q(state="stored")
            ),
        ]
        indexes = [
            models.Index(fields=["collection", "fingerprint"], name="incoming_known"),
            models.Index(
                fields=["changed_at"], name="incoming_open", condition=models.Q(state__in=["receiving", "undecided"])
            ),
        ]

    def __str__(self) -> str:
        return self.path

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]


class UploadLimit(models.Model):
    """What members of one role may bring into one collection, or into all of them. An empty field leaves what is next
    more general; the installation's own limits are never exceeded."""

    collection = models.ForeignKey(
        Collection, on_delete=models.CASCADE, null=True, blank=True, related_name="upload_limits"
    )
    role = models.CharField(_("role"), max_length=10, choices=Role)
    file_mb = models.PositiveIntegerField(_("MB a file"), null=True, blank=True)
    document_pages = models.PositiveIntegerField(_("pages a document"), null=True, blank=True)
    megapixels = models.PositiveIntegerField(_("megapixels a page"), null=True, blank=True)
    archive_entries = models.PositiveIntegerField(_("files in an archive"), null=True, blank=True)
    archive_mb = models.PositiveIntegerField(_("MB an archive unpacks to"), null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["collection", "role"], nulls_distinct=False, name="one_upload_limit_a_role")
        ]

    def __str__(self) -> str:
        return f"{self.collection or '*'} · {self.role}"
