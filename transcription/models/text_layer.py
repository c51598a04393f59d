"""The text that a PDF carries behind its scans, kept as it came."""

from __future__ import annotations

from django.db import models


class TextLayer(models.Model):
    """What some other program once read on a page of a PDF. It is shown and given out, never read with, voted with or
    trained on: of handwriting it is nonsense as a rule."""

    original = models.ForeignKey("transcription.Original", on_delete=models.CASCADE, related_name="text_layers")
    frame = models.PositiveIntegerField(help_text="which page of the original, 0-based")
    text = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["original", "frame"], name="one_text_layer_a_frame")]

    def __str__(self) -> str:
        return f"text layer of page {self.frame + 1} of {self.original_id}"
