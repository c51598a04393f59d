"""What a recipe is and what its parameters may be: forms, previews and command lines are made and checked from this."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from transcription.errors import BadInput
from transcription.htr.records import Gray


def gettext_noop(text: str) -> str:
    """Mark ``text`` for translation: the mathematics knows no languages, what shows it translates it."""
    return text


class BadRecipe(BadInput):
    """A recipe that there is not, or a parameter that it does not take."""

    code = "bad-recipe"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number of a recipe: whole where ``default`` is an int. ``step`` is what a form's slider moves by.

    A range may grow and never shrink, and a default never changes: profiles that people chose hold such numbers, and
    leave out those that are the default.
    """

    name: str
    label: str
    default: float
    minimum: float
    maximum: float
    step: float
    help: str

    @property
    def whole(self) -> bool:
        return isinstance(self.default, int)

    def checked(self, recipe: str, value: object) -> float:
        """``value`` as this parameter's number, to six digits; raises BadRecipe for anything else."""
        number = _number(value)
        if number is None or not self.minimum <= number <= self.maximum or (self.whole and number % 1):
            kind = "whole number" if self.whole else "number"
            raise BadRecipe(
                f"“{self.name}” of the recipe “{recipe}” is {str(value)[:40]}; "
                f"it takes a {kind} from {self.minimum:g} to {self.maximum:g}."
            )
        return int(number) if self.whole else float(f"{number:.6g}")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A named enhancement: ``function`` takes a grey image and the parameters by name."""

    name: str
    title: str
    help: str
    function: Callable[..., Gray]
    parameters: tuple[Parameter, ...] = ()

    def checked(self, options: Mapping[str, Any]) -> dict[str, float]:
        """The options that differ from the defaults, in the parameters' order; raises BadRecipe."""
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in options:
            if name not in known:
                takes = ", ".join(known) or "none"
                raise BadRecipe(f"The recipe “{self.name}” has no parameter “{str(name)[:40]}”; it takes {takes}.")
        given = {name: each.checked(self.name, options[name]) for name, each in known.items() if name in options}
        return {name: value for name, value in given.items() if value != known[name].default}


def _number(value: object) -> float | None:
    """A finite number, written or not; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
