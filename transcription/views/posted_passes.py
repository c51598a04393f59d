"""The passes as a form sends them: rows of text, which may be anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from transcription.errors import BadInput
from transcription.htr.enhance import BadRecipe, Enhancement
from transcription.steps.choose_passes import (
    LEAST_THRESHOLD,
    LEAST_WEIGHT,
    MOST_PASSES,
    MOST_STAGES,
    MOST_THRESHOLD,
    MOST_WEIGHT,
    Choice,
    ChosenPass,
    bundled_passes,
    checked,
)


@dataclass(frozen=True, slots=True)
class PostedPasses:
    """``rows`` have enhancement, weight, engine and stage; ``thresholds`` are of each stage but the last."""

    rows: Sequence[Mapping[str, str]]
    thresholds: Sequence[str]

    @classmethod
    def of(cls, request: HttpRequest) -> PostedPasses:
        """Where engines, stages or thresholds are not said, they are the usual ones."""
        columns = {name: request.POST.getlist(name) for name in ("enhancement", "weight", "engine", "stage")}
        usual = bundled_passes()[0]
        rows = [
            {
                "enhancement": enhancement,
                "weight": weight,
                "engine": columns["engine"][number] if number < len(columns["engine"]) else usual.engine,
                "stage": columns["stage"][number] if number < len(columns["stage"]) else str(usual.stage),
            }
            for number, (enhancement, weight) in enumerate(zip(columns["enhancement"], columns["weight"], strict=False))
        ]
        return cls(rows[: MOST_PASSES + 1], request.POST.getlist("threshold")[:MOST_STAGES])

    def choice(self) -> Choice:
        """What the form says. Raises BadInput with a sentence about the first thing that is wrong."""
        chosen = []
        for number, row in enumerate(self.rows, 1):
            try:
                stage = int(row["stage"]) if row["stage"].isascii() and row["stage"].isdigit() else -1
                seen = Enhancement.parse(row["enhancement"])
                chosen.append(ChosenPass(seen, float(row["weight"]), row["engine"], stage))
            except BadRecipe as error:
                raise BadInput(_("Pass %(number)d: %(said)s") % {"number": number, "said": error.message}) from error
            except ValueError as error:
                said = _("Pass %(number)d: its weight must be a number from %(least)s to %(most)s.")
                said %= {"number": number, "least": LEAST_WEIGHT, "most": MOST_WEIGHT}
                raise BadInput(said, code="bad-weight") from error
        return checked(chosen, [_threshold(text, stage) for stage, text in enumerate(self.thresholds, 1)])

    def as_config(self) -> dict[str, Any]:
        """What of it passes.js can show again."""
        return {
            "passes": [dict(row) for row in self.rows if _is_enhancement(row["enhancement"])],
            "thresholds": [text for text in self.thresholds if _is_number(text)],
        }


def as_config(choice: Choice) -> dict[str, Any]:
    """A choice as passes.js takes it."""
    passes = [
        {
            "enhancement": str(each.enhancement),
            "weight": each.weight,
            "engine": each.engine,
            "stage": each.stage,
        }
        for each in choice.passes
    ]
    return {"passes": passes, "thresholds": list(choice.thresholds)}


def _threshold(text: str, stage: int) -> float:
    if not _is_number(text):
        said = _("The threshold after stage %(stage)d must be a number from %(least)s to %(most)s.")
        values = {"stage": stage, "least": LEAST_THRESHOLD, "most": MOST_THRESHOLD}
        raise BadInput(said % values, code="bad-threshold")
    return float(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_enhancement(text: str) -> bool:
    try:
        Enhancement.parse(text)
    except BadRecipe:
        return False
    return True
