"""Profiles: which passes read a collection, pinned to exact engine states."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from transcription.engines.registry import WEIGHTS, Registry
from transcription.models import Collection, PassVersion, Profile, ProfileVersion, StagePass

DEFAULT_PROFILE = "starter"
CALIBRATION = "starter-calibration.json"


@dataclass(frozen=True, slots=True)
class PassRecipe:
    """A pass as a profile declares it: recipe × engine."""

    recipe: str
    engine: str
    weight: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.recipe}+{self.engine}"


# One stage, four looks at each line: as it is, contrast equalised, paper divided away, and as degraded paper wants it.
# The last reads worst alone and is trusted less (chosen on the tune split).
DEFAULT_STAGES: list[list[PassRecipe]] = [
    [
        PassRecipe("plain", "starter"),
        PassRecipe("clahe", "starter"),
        PassRecipe("background", "starter"),
        PassRecipe("adaptive", "starter", weight=0.7),
    ]
]
DEFAULT_SEGMENTER = "classical"


@lru_cache(maxsize=1)
def registry() -> Registry:
    """This process's engines."""
    return Registry(settings.ENGINES)


def profile_version_of(collection: Collection) -> ProfileVersion:
    """The version that a run of ``collection`` starting now is pinned to."""
    profile = collection.profile
    if profile is None or profile.name == DEFAULT_PROFILE:
        return default_profile_version()
    return profile.versions.latest("number")


def default_profile_version() -> ProfileVersion:
    """The bundled profile at the engines' present state; a new version when weights, code or options changed."""
    passes = [[(_pass_version(recipe), recipe) for recipe in stage] for stage in DEFAULT_STAGES]
    calibration = shipped_calibration()
    state = [
        [[(version.digest, recipe.weight) for version, recipe in stage] for stage in passes],
        registry().digest(DEFAULT_SEGMENTER),
        calibration,
    ]
    digest = _sha256(state)
    existing = ProfileVersion.objects.filter(profile__name=DEFAULT_PROFILE, digest=digest).first()
    if existing is not None:
        return existing
    with transaction.atomic():
        profile, _ = Profile.objects.get_or_create(name=DEFAULT_PROFILE)
        Profile.objects.select_for_update().get(pk=profile.pk)
        number = (profile.versions.aggregate(last=Max("number"))["last"] or 0) + 1
        version, created = ProfileVersion.objects.get_or_create(
            profile=profile,
            digest=digest,
            defaults={
                "number": number,
                "segmenter": DEFAULT_SEGMENTER,
                "segmenter_digest": registry().digest(DEFAULT_SEGMENTER),
                "thresholds": [0.7] * len(passes),
                "calibration": calibration,
            },
        )
        if created:
            StagePass.objects.bulk_create(
                StagePass(
                    profile_version=version,
                    pass_version=pass_version,
                    stage=stage,
                    position=position,
                    weight=recipe.weight,
                )
                for stage, versions in enumerate(passes)
                for position, (pass_version, recipe) in enumerate(versions)
            )
    return version


def _pass_version(recipe: PassRecipe) -> PassVersion:
    engine_digest = registry().digest(recipe.engine)
    digest = _sha256([recipe.recipe, recipe.options, recipe.engine, engine_digest])
    version, _ = PassVersion.objects.get_or_create(
        digest=digest,
        defaults={
            "name": recipe.name,
            "recipe": recipe.recipe,
            "recipe_options": recipe.options,
            "engine": recipe.engine,
            "engine_digest": engine_digest,
        },
    )
    return version


def shipped_calibration() -> dict[str, Any] | None:
    """The bundled profile's word calibration as JSON values; None where none was fitted."""
    path = WEIGHTS / CALIBRATION
    if not path.exists():
        return None
    bundle: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return bundle


def _sha256(state: object) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()
