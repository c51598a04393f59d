"""An enhancement: one recipe, or several one after the other, with their parameters; and how it is written.

As text, on command lines, in addresses and in what people chose: ``clahe``, ``clahe:clip_limit=4,tiles=4``,
``background/thicken:amount=0.8`` (first the one, then the other).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transcription.htr.enhance.catalogue import RECIPES
from transcription.htr.enhance.parameters import BadRecipe, Recipe
from transcription.htr.records import Gray

CHAIN = "chain"  # the name under which several recipes are stored as one
MOST_STEPS = 4
LONGEST_TEXT = 400


@dataclass(frozen=True, slots=True)
class EnhancementStep:
    """A recipe with the parameters that differ from its defaults."""

    recipe: str
    options: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        numbers = ",".join(f"{name}={value:g}" for name, value in self.options)
        return f"{self.recipe}:{numbers}" if numbers else self.recipe


@dataclass(frozen=True, slots=True)
class Enhancement:
    """Steps in their order, checked. Two that do the same are equal and are written alike."""

    steps: tuple[EnhancementStep, ...]

    def __str__(self) -> str:
        return "/".join(map(str, self.steps))

    def apply(self, image: Gray) -> Gray:
        """The enhanced image: as high as it was; only ``pad`` and ``stretch`` change the width, never places."""
        for step in self.steps:
            image = RECIPES[step.recipe].function(image, **dict(step.options))
        return image

    @property
    def recipe(self) -> str:
        """The name to store: the recipe's own, ``chain`` for several."""
        return self.steps[0].recipe if len(self.steps) == 1 else CHAIN

    @property
    def options(self) -> dict[str, Any]:
        """The options to store, JSON values."""
        if len(self.steps) == 1:
            return dict(self.steps[0].options)
        return {"steps": [[step.recipe, dict(step.options)] for step in self.steps]}

    @classmethod
    def parse(cls, text: str) -> Enhancement:
        """Read ``name[:key=value,…][/name…]``; raises BadRecipe with what is wrong with it."""
        if len(text) > LONGEST_TEXT:
            raise BadRecipe(f"The enhancement is {len(text):,} characters long; at most {LONGEST_TEXT} are allowed.")
        steps: list[tuple[str, dict[str, str]]] = []
        for part in text.split("/"):
            name, _, numbers = part.strip().partition(":")
            options: dict[str, str] = {}
            for pair in filter(None, numbers.split(",")):
                key, equals, value = pair.partition("=")
                if not equals or key.strip() in options:
                    raise BadRecipe(f"“{pair[:40]}” of “{name[:40]}” is no parameter; write name=value, each once.")
                options[key.strip()] = value.strip()
            steps.append((name.strip(), options))
        return cls._checked(steps)

    @classmethod
    def stored(cls, recipe: str, options: Mapping[str, Any]) -> Enhancement:
        """What ``recipe`` and ``options`` of a stored pass say; raises BadRecipe."""
        if recipe != CHAIN:
            return cls._checked([(recipe, options)])
        steps = options.get("steps", [])
        if not all(isinstance(step, list) and len(step) == 2 and isinstance(step[1], Mapping) for step in steps):
            raise BadRecipe("A chain of recipes holds steps of a name and its parameters; this one holds others.")
        return cls._checked([(str(name), each) for name, each in steps])

    @classmethod
    def _checked(cls, steps: Sequence[tuple[str, Mapping[str, Any]]]) -> Enhancement:
        checked = [EnhancementStep(name, tuple(recipe_named(name).checked(options).items())) for name, options in steps]
        names = [step.recipe for step in checked]
        for name in names:
            if names.count(name) > 1:
                raise BadRecipe(f"“{name}” stands twice in “{'/'.join(names)}”; each recipe may stand there once.")
        if not 1 <= len(checked) <= MOST_STEPS:
            raise BadRecipe(
                f"An enhancement is one to {MOST_STEPS} recipes one after the other; this is {len(checked)}."
            )
        useful = [step for step in checked if step.recipe != "plain"]
        return cls(tuple(useful or checked[:1]))


def recipe_named(name: str) -> Recipe:
    """The recipe of this name; raises BadRecipe where there is none."""
    try:
        return RECIPES[name]
    except KeyError:
        raise BadRecipe(f"No recipe is called “{name[:40]}”; there are {', '.join(RECIPES)}.") from None
