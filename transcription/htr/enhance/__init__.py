"""Enhancement recipes: named, parameterised, pure functions from a grey image to a grey image of the same height.

Images are uint8, shape (H, W), ink dark on a light ground. All recipes keep the width too, but for ``pad``, which
shrinks it in proportion, and ``stretch``, which changes it as it is told: neither moves anything along the line.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from transcription.htr.enhance.catalogue import RECIPES
from transcription.htr.enhance.chain import MOST_STEPS, Enhancement, EnhancementStep
from transcription.htr.enhance.parameters import BadRecipe, Parameter, Recipe
from transcription.htr.records import Gray

__all__ = [
    "MOST_STEPS",
    "RECIPES",
    "BadRecipe",
    "Enhancement",
    "EnhancementStep",
    "Parameter",
    "Recipe",
    "enhance",
]


def enhance(image: Gray, recipe: str, options: Mapping[str, Any] | None = None) -> Gray:
    """Apply a stored recipe; raises BadRecipe for a name or a parameter that there is not."""
    return (Enhancement.stored(recipe, options) if options else _without_options(recipe)).apply(image)


@lru_cache(maxsize=64)
def _without_options(recipe: str) -> Enhancement:
    return Enhancement.stored(recipe, {})
