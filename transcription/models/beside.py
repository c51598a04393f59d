"""Transcripts that came in the same upload as the scans, until it is known which page each belongs to."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class BesideTranscript(models.Model):
    """A .txt, PAGE or ALTO file of an upload. Files arrive and are opened in any order, so it may wait for its scan.

    ``data`` is emptied once the ImportedTranscript has the bytes.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for its scan")
        TAKEN = "taken", _("taken")
        REFUSED = "refused", _("refused")

    upload = models.ForeignKey("transcription.Upload", on_delete=models.CASCADE, related_name="beside")
    folder = models.CharField(max_length=500, blank=True, help_text="where it stood, with / between folders")
    name = models.CharField(max_length=250, help_text="file name as received, made safe")
    stem = models.CharField(max_length=250, help_text="the name as it is compared")
    image_stem = models.CharField(max_length=250, blank=True, help_text="of the image that the file itself names")
    data = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    code = models.CharField(max_length=40, blank=True)
    message = models.TextField(blank=True)
    transcript = models.ForeignKey(
        "transcription.ImportedTranscript", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["upload", "folder", "name", "sha256"], name="one_beside_a_file"),
        ]
        indexes = [
            models.Index(fields=["upload", "stem"], name="beside_stem", condition=models.Q(state="waiting")),
            models.Index(fields=["upload", "image_stem"], name="beside_image", condition=models.Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return self.name
