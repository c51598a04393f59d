"""Documents: a PDF, a multi-page TIFF, a folder, or the files of one upload."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Document(models.Model):
    collection = models.ForeignKey("transcription.Collection", on_delete=models.CASCADE, related_name="documents")
    title = models.CharField(_("title"), max_length=250)
    identifier = models.CharField(_("identifier"), max_length=120, blank=True)
    dates = models.CharField(_("dates"), max_length=120, blank=True)
    creator = models.CharField(_("creator"), max_length=200, blank=True)
    rights = models.CharField(_("rights"), max_length=300, blank=True)
    provenance = models.JSONField(default=dict, help_text="what the IIIF manifest says of it that it came from")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["title", "pk"]
        constraints = [models.UniqueConstraint(fields=["collection", "title"], name="one_document_a_title")]

    def __str__(self) -> str:
        return self.title
