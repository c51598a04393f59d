"""Why a page went to review or was accepted: each decision is a row."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from transcription.models.check import Check

LOW_CONFIDENCE = "low-confidence"  # the one reason that is about the threshold

REASONS: Mapping[str, str | Promise] = {
    LOW_CONFIDENCE: _("low confidence"),
    "no-lines": _("no lines found"),
    "blank-page": _("blank page"),
    "no-text": _("no text read"),
    "pass-missing": _("a pass is missing"),
    "transcript-unplaced": _("a brought transcript does not fit"),
    "draft-brought": _("another program wrote it"),
    "text-displaced": _("text lost its line"),
    "lines-repaired": _("its lines were repaired"),
    "lines-unread": _("lines not read"),
} | {str(check.value): check.label for check in Check}


def reason_label(code: str) -> str:
    """A reason as people say it; the code where it is none of ours."""
    return str(REASONS.get(code, code))


class RouteDecision(models.Model):
    class Outcome(models.TextChoices):
        ACCEPT = "accept", _("accepted unseen")
        REVIEW = "review", _("to review")

    page = models.ForeignKey("transcription.Page", on_delete=models.CASCADE, related_name="route_decisions")
    run = models.OneToOneField("transcription.Run", on_delete=models.CASCADE, related_name="route_decision")
    outcome = models.CharField(max_length=10, choices=Outcome)
    confidence = models.FloatField()
    threshold = models.FloatField()
    reasons = models.JSONField(default=list, help_text="codes, such as low-confidence, no-lines")
    counts = models.JSONField(default=dict, help_text="lines that a reason is about, by its code")
    features = models.JSONField(default=dict, help_text="what the page is like, in numbers (steps.material)")
    # The promise whose threshold was in force; null: the collection's own.
    promise = models.ForeignKey("transcription.Promise", on_delete=models.SET_NULL, null=True, related_name="decisions")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.outcome}: {', '.join(self.reasons)}"

    @property
    def is_only_unsure(self) -> bool:
        """Whether only its confidence keeps the page in review: a lower threshold would accept it."""
        return bool(self.reasons == [LOW_CONFIDENCE])

    @property
    def counted_reasons(self) -> list[tuple[str, int | None]]:
        """Each reason with the number of lines it is about; None for one about the page."""
        return [(reason, self.counts.get(reason)) for reason in self.reasons]

    @property
    def named_reasons(self) -> list[tuple[str, int | None]]:
        """The same in words."""
        return [(reason_label(reason), lines) for reason, lines in self.counted_reasons]
