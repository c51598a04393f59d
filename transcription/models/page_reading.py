"""What one pass read on a whole page. Append-only: a database trigger refuses to change or delete one."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from transcription.htr.records import PageText, Usage
from transcription.models.reading import SCALE


class PageReading(models.Model):
    """The answer as it came and its lines, and where these were put among the layout's.

    ``placed``: {"line", "stretches": [[row, start, end]], "cost"}, characters of rows of ``lines`` on a line of the
    layout, with the share in which they differ from what other passes read there (1: placed by order alone).
    ``unplaced``: {"row", "line"}, what found no place, with the line that the text before it stands on, or null.
    """

    run = models.ForeignKey("transcription.Run", on_delete=models.CASCADE, related_name="page_readings")
    pass_version = models.ForeignKey("transcription.PassVersion", on_delete=models.PROTECT, related_name="+")
    raw = models.TextField(blank=True, help_text="the answer as it came")
    lines = ArrayField(models.TextField(blank=True), default=list)
    chars = models.JSONField(default=list, help_text="for each line a score per character, thousandths")
    placed = models.JSONField(default=list)
    unplaced = models.JSONField(default=list)
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    milliseconds = models.FloatField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["run", "pass_version"], name="one_page_reading_a_pass")]

    def __str__(self) -> str:
        return self.raw[:80]

    @classmethod
    def from_record(cls, record: PageText, *, run_id: int, pass_version_id: int) -> PageReading:
        """An unsaved reading whose lines have no places yet."""
        return cls(
            run_id=run_id,
            pass_version_id=pass_version_id,
            raw=record.raw.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8"),
            lines=list(record.lines),
            chars=[[round(score * SCALE) for score in scores] for scores in record.chars],
            tokens_in=record.usage.tokens_in,
            tokens_out=record.usage.tokens_out,
            milliseconds=record.milliseconds,
        )

    def to_record(self) -> PageText:
        return PageText(
            key=self.pk or 0,
            lines=tuple(self.lines),
            chars=tuple(tuple(score / SCALE for score in scores) for scores in self.chars),
            raw=self.raw,
            milliseconds=self.milliseconds,
            usage=Usage(self.tokens_in, self.tokens_out),
        )
