"""A run pins what reads a page: page × layout × profile version × vocabulary. Votes never mix runs.

A trial's run is never its page's: it reads and votes, and nothing else comes of it.
"""

from __future__ import annotations

from django.db import models


class Run(models.Model):
    page = models.ForeignKey("transcription.Page", on_delete=models.CASCADE, related_name="runs")
    # Null until the page was segmented.
    layout = models.ForeignKey("transcription.Layout", on_delete=models.PROTECT, null=True, related_name="runs")
    profile_version = models.ForeignKey("transcription.ProfileVersion", on_delete=models.PROTECT, related_name="runs")
    number = models.PositiveIntegerField()
    stage = models.PositiveSmallIntegerField(default=0)
    # The revision of the collection's vocabulary as the run began; 0: there was none.
    vocabulary = models.PositiveIntegerField(default=0)
    trial = models.ForeignKey("transcription.Trial", on_delete=models.CASCADE, null=True, related_name="runs")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["page", "number"], name="one_run_a_number")]

    def __str__(self) -> str:
        return f"run {self.number} of page {self.page_id}"
