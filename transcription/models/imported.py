"""Transcriptions that were made elsewhere and brought along, and where their words were found on the page."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models

from transcription.models.collection import Collection, Role


class ImportedTranscriptQuerySet(models.QuerySet["ImportedTranscript"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser, role: Role = Role.STAFF) -> Self:
        return self.filter(original__collection__in=Collection.objects.visible_to(user, role))

    def of_page(self, original_id: object, frame: int) -> Self:
        """The transcripts of one page, newest first; it may not have been opened yet."""
        return self.filter(original=original_id, frame=frame).order_by("-number")

    def standing(self) -> Self:
        """Those that were not withdrawn; the newest of a page is the one in use."""
        return self.filter(withdrawn_at=None)


class ImportedTranscript(models.Model):
    """The bytes of a .txt, PAGE or ALTO file with the text of one page, as they were brought. A trigger refuses to
    change or delete one; a later one of the same page takes its place, and one that was withdrawn gives it back to the
    one before, for good.

    It belongs to a frame of an original, because pages appear only when their file is opened.
    """

    original = models.ForeignKey(
        "transcription.Original", on_delete=models.CASCADE, related_name="imported_transcripts"
    )
    frame = models.PositiveIntegerField(default=0)
    number = models.PositiveIntegerField(help_text="1-based; the highest that was not withdrawn is the one in use")
    name = models.CharField(max_length=250, help_text="file name as received, made safe")
    data = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    lines = models.PositiveIntegerField(help_text="lines with text")
    draft = models.BooleanField(default=False, help_text="another program made it: a person is to look at all of it")
    importer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = ImportedTranscriptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["original", "frame", "number"], name="one_imported_transcript_a_number")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.number})"


class Alignment(models.Model):
    """Where the words of a transcript stand on the lines that a run has read.

    ``placed``: {"line", "first", "end", "text", "confidence", "accepted"}, words ``first`` to ``end`` (exclusive) of
    the transcript on a line; ``unplaced``: {"text", "line"}, what no line was accepted for, with the line it may belong
    to, or null.
    """

    transcript = models.ForeignKey(ImportedTranscript, on_delete=models.CASCADE, related_name="alignments")
    run = models.ForeignKey("transcription.Run", on_delete=models.CASCADE, related_name="alignments")
    placed = models.JSONField(default=list)
    unplaced = models.JSONField(default=list)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["transcript", "run"], name="one_alignment_a_run")]

    def __str__(self) -> str:
        return f"{self.transcript} on run {self.run_id}"
