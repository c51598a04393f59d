"""Where a minute of reading removes most errors: expected wrong words of a page by the time that reading it takes.

How long a page takes is learned from what reviewers took, idle time removed (`Approval.active_seconds`): so many
seconds a page, a word, and a word that is expected to be wrong. It begins with a guess that weighs as a few pages do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.db.models import Case, F, FloatField, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce

from review.models import Approval
from transcription.models import Collection
from transcription.steps.material import WORDS

LEARNED_FROM = 200  # approvals, the latest
UNKNOWN_WORDS = 150.0  # of a page that was decided before words were counted
_GUESS = (15.0, 0.3, 5.0)  # seconds a page, a word, a word expected to be wrong
_GUESS_WEIGHT = 5.0  # pages
_LEAST = (1.0, 0.02, 0.0)  # no page is read in no time


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that a page takes by itself, for each of its words, and for each word expected to be wrong."""

    page: float
    word: float
    wrong: float

    def seconds(self, words: float, wrong: float) -> float:
        return self.page + self.word * words + self.wrong * wrong


def pace_in(collections: QuerySet[Collection]) -> Pace:
    """The pace of reviewers in ``collections``, by ridge regression towards the guess."""
    approvals = Approval.objects.filter(
        page__collection__in=collections,
        active_seconds__gt=0,
        second=False,
        run__route_decision__features__has_key=WORDS,
        page__confidence__isnull=False,
    ).order_by("-pk")
    rows = approvals.values_list("active_seconds", "run__route_decision__features", "run__route_decision__confidence")
    found = [(seconds, float(features[WORDS]), confidence) for seconds, features, confidence in rows[:LEARNED_FROM]]
    return learned([(seconds, words, words * (1 - confidence)) for seconds, words, confidence in found])


def learned(measured: list[tuple[float, float, float]]) -> Pace:
    """The pace that (seconds, words, wrong words) of pages show."""
    guess = np.array(_GUESS)
    table = np.array(measured, np.float64).reshape(-1, 3)
    design = np.column_stack([np.ones(len(table)), table[:, 1], table[:, 2]])  # (N, 3)
    # Each part of the guess is held as if some pages of usual length had shown it.
    scale = np.diag(_GUESS_WEIGHT * np.array([1.0, 150.0**2, 20.0**2]))
    gain = design.T @ (table[:, 0] - design @ guess)
    pace = np.maximum(guess + np.linalg.solve(design.T @ design + scale, gain), _LEAST)
    return Pace(*map(float, pace))


def usefulness(pace: Pace) -> Combinable:
    """Expected wrong words a second of reading, for a queryset of pages; null without a confidence."""
    words = Coalesce(
        Cast(KeyTextTransform(WORDS, "run__route_decision__features"), FloatField()),
        Value(UNKNOWN_WORDS),
        output_field=FloatField(),
    )
    wrong = words * (1.0 - F("confidence"))
    value = wrong / (Value(pace.page) + words * Value(pace.word) + wrong * Value(pace.wrong))
    return Case(When(confidence=None, then=None), default=value, output_field=FloatField())
