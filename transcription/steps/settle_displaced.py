"""Settle a text that lost its place: a person put it on a line, or says that it is not needed."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models.functions import Now

from transcription.errors import Conflict
from transcription.models import DisplacedText, Line


class NotOnTheLine(Conflict):
    """The words are not on the line that they are said to stand on."""

    code = "not-on-the-line"


def settle_displaced(displaced: DisplacedText, *, by: User, line: Line | None) -> bool:
    """Count ``displaced`` as used on ``line``, or as dismissed where that is None; False if it was settled before.

    The row and its revision stay. The caller holds the page lock. Raises NotOnTheLine.
    """
    if line is not None:
        standing = line.current.text if line.current is not None else ""
        if f" {displaced.revision.text} " not in f" {standing} ":
            raise NotOnTheLine(f"“{displaced.revision.text}” does not stand on that line. It stays listed.")
    outcome = DisplacedText.Outcome.USED if line is not None else DisplacedText.Outcome.DISMISSED
    unsettled = DisplacedText.objects.filter(pk=displaced.pk, resolved_at=None)
    return bool(unsettled.update(outcome=outcome, used_on=line, resolved_by=by, resolved_at=Now()))
