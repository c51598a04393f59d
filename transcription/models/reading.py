"""The text one pass gave one line. Append-only: a database trigger refuses to change or delete one."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from transcription.htr.records import Hypothesis, ReadingRecord, Usage

SCALE = 1000  # scores and spans are stored in thousandths: two bytes instead of eight


class Thousandths(ArrayField[Any, Any]):
    """Whole numbers that are ready to be stored. Django would look at each by itself, some hundred for a line, which
    takes longer than to store them all. In migrations it is an ArrayField."""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return "{" + ",".join(map(str, value)) + "}" if isinstance(value, list | tuple) else value

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.contrib.postgres.fields.ArrayField", args, kwargs


class Reading(models.Model):
    run = models.ForeignKey("transcription.Run", on_delete=models.CASCADE, related_name="readings")
    line = models.ForeignKey("transcription.Line", on_delete=models.CASCADE, related_name="readings")
    pass_version = models.ForeignKey("transcription.PassVersion", on_delete=models.PROTECT, related_name="+")
    text = models.TextField(blank=True)
    chars = Thousandths(models.SmallIntegerField(), default=list, help_text="score per character, thousandths")
    spans = Thousandths(models.SmallIntegerField(), default=list, help_text="start, end of each character, thousandths")
    nbest_texts = ArrayField(models.TextField(), default=list, help_text="other texts that were weighed, best first")
    nbest_shares = Thousandths(
        models.SmallIntegerField(), default=list, help_text="share of this text and of each other one, thousandths"
    )
    milliseconds = models.FloatField(default=0)
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "line", "pass_version"], name="one_reading_a_pass"),
        ]

    def __str__(self) -> str:
        return self.text

    @classmethod
    def from_record(cls, record: ReadingRecord, *, run_id: int, pass_version_id: int) -> Reading:
        """An unsaved reading; the record's key is the line's id."""
        return cls(
            run_id=run_id,
            line_id=record.key,
            pass_version_id=pass_version_id,
            text=record.text,
            chars=[round(score * SCALE) for score in record.chars],
            spans=[round(edge * SCALE) for span in record.spans for edge in span],
            nbest_texts=[other.text for other in record.nbest[1:]],
            nbest_shares=[round(each.share * SCALE) for each in record.nbest],
            milliseconds=record.milliseconds,
            tokens_in=record.usage.tokens_in,
            tokens_out=record.usage.tokens_out,
        )

    def to_record(self) -> ReadingRecord:
        edges = [edge / SCALE for edge in self.spans]
        return ReadingRecord(
            key=self.line_id,
            text=self.text,
            chars=tuple(score / SCALE for score in self.chars),
            spans=tuple(zip(edges[::2], edges[1::2], strict=True)),
            milliseconds=self.milliseconds,
            nbest=tuple(
                Hypothesis(text, share / SCALE)
                # A reading of before there were n-best lists has none, not even its own text.
                for text, share in zip([self.text, *self.nbest_texts], self.nbest_shares, strict=False)
            ),
            usage=Usage(self.tokens_in, self.tokens_out),
        )
