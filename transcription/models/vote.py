"""What the vote made of one line's readings, with every losing alternative."""

from __future__ import annotations

from django.db import models

from transcription.models.check import Check


class VoteQuerySet(models.QuerySet["Vote"]):
    def latest_by_line(self) -> dict[int, Vote]:
        """The vote of each line at the last stage that read it, by line; of one run, or of runs of different lines."""
        return {vote.line_id: vote for vote in self.order_by("stage")}


class Vote(models.Model):
    """``words``: list of {text, confidence, score, support, span, passes, alternatives: [{text, support, passes}]}.

    ``checks``: {"failed": [{code, detail}]} where the text failed checks, its confidence is capped then, and
    {"left_out": {pass: codes}} where readings were not heard.
    """

    run = models.ForeignKey("transcription.Run", on_delete=models.CASCADE, related_name="votes")
    line = models.ForeignKey("transcription.Line", on_delete=models.CASCADE, related_name="votes")
    stage = models.PositiveSmallIntegerField(default=0)
    text = models.TextField(blank=True)
    words = models.JSONField(default=list)
    # Expected share of right words of the line; null until scored.
    confidence = models.FloatField(null=True)
    # What its words' confidence comes to in characters (`htr.expected_errors`); null where that was not fitted.
    expected_edits = models.FloatField(null=True, help_text="characters expected to be wrong")
    good = models.FloatField(null=True, help_text="P(at most one character in ten is wrong)")
    calibration = models.CharField(max_length=80, blank=True, help_text="id of the calibration bundle")
    checks = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VoteQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "line", "stage"], name="one_vote_a_stage")]

    def __str__(self) -> str:
        return self.text

    @property
    def failed_checks(self) -> list[Check]:
        """What its text failed; codes of another version of Longhand are passed over."""
        codes = [each["code"] for each in self.checks.get("failed", [])]
        return [Check(code) for code in codes if code in Check.values]

    @property
    def left_out(self) -> dict[str, list[Check]]:
        """Readings that were not heard, by pass, and why."""
        found = self.checks.get("left_out", {})
        return {name: [Check(code) for code in codes if code in Check.values] for name, codes in found.items()}
