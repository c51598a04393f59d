"""Documents: a PDF, a multi-page TIFF, a folder, or the files of one upload."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ShownDocuments(models.Manager["Document"]):
    """Documents that were not taken down."""

    def get_queryset(self) -> models.QuerySet[Document]:
        return super().get_queryset().filter(takedown=None)


class Document(models.Model):
    collection = models.ForeignKey("transcription.Collection", on_delete=models.CASCADE, related_name="documents")
    title = models.CharField(_("title"), max_length=250)
    identifier = models.CharField(_("identifier"), max_length=120, blank=True)
    dates = models.CharField(_("dates"), max_length=120, blank=True)
    creator = models.CharField(_("creator"), max_length=200, blank=True)
    rights = models.CharField(_("rights"), max_length=300, blank=True)
    provenance = models.JSONField(default=dict, help_text="what the IIIF manifest says of it that it came from")
    # A person has put pages in order: those up to this id stand where they were put, later ones follow by name.
    ordered_through = models.BigIntegerField(null=True, help_text="page id; null: all are ordered by file name")
    created_at = models.DateTimeField(auto_now_add=True)
    # Its title then says no more than that, and is free for another document.
    takedown = models.OneToOneField(
        "transcription.Takedown", on_delete=models.RESTRICT, null=True, blank=True, related_name="document"
    )

    objects = ShownDocuments()
    everything = models.Manager["Document"]()

    class Meta:
        ordering = ["title", "pk"]
        constraints = [models.UniqueConstraint(fields=["collection", "title"], name="one_document_a_title")]

    def __str__(self) -> str:
        return self.title
