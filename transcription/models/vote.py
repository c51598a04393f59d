"""What the vote made of one line's readings, with every losing alternative."""

from __future__ import annotations

from django.db import models


class Vote(models.Model):
    """``words``: list of {text, confidence, score, support, span, passes, alternatives: [{text, support, passes}]}."""

    run = models.ForeignKey("transcription.Run", on_delete=models.CASCADE, related_name="votes")
    line = models.ForeignKey("transcription.Line", on_delete=models.CASCADE, related_name="votes")
    stage = models.PositiveSmallIntegerField(default=0)
    text = models.TextField(blank=True)
    words = models.JSONField(default=list)
    # Expected share of right words of the line; null until scored.
    confidence = models.FloatField(null=True)
    calibration = models.CharField(max_length=80, blank=True, help_text="id of the calibration bundle")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "line", "stage"], name="one_vote_a_stage")]

    def __str__(self) -> str:
        return self.text
