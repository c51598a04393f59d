"""Profiles: which passes read a collection, pinned to exact engine states."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet

from transcription.engines.model_store.store import ModelStore
from transcription.engines.registry import WEIGHTS, Registry
from transcription.errors import WeightsError
from transcription.htr.enhance import Enhancement
from transcription.models import Collection, CollectionCalibration, PassVersion, Profile, ProfileVersion, StagePass

DEFAULT_PROFILE = "starter"
LONGEST_NAME = 50  # characters of an enhancement in a pass's name


@dataclass(frozen=True, slots=True)
class PassRecipe:
    """A pass as a profile declares it: recipe × engine."""

    recipe: str
    engine: str
    weight: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What screens and votes call the pass: its enhancement as it is written, shortened where it is long."""
        written = str(Enhancement.stored(self.recipe, self.options))
        if len(written) > LONGEST_NAME:
            written = f"{written[: LONGEST_NAME - 9]}…{_sha256(written)[:8]}"
        return f"{written}+{self.engine}"


# One stage, five looks at each line, wider or leaning otherwise: what the recogniser misreads depends on the shape that
# a line comes in, hardly on its contrast or paper (chosen on the tune split). The first reads best alone.
_LOOKS: list[dict[str, Any]] = [
    {"slant": -0.15},
    {"height": 1.07},
    {"width": 1.17},
    {"width": 1.33},
    {"width": 1.0, "slant": -0.2},
]
DEFAULT_STAGES: list[list[PassRecipe]] = [[PassRecipe("stretch", "starter", options=look) for look in _LOOKS]]
DEFAULT_ENGINE = "starter"
DEFAULT_THRESHOLD = 0.7  # a line that is less sure after a stage goes on to the next one

# The profiles that Longhand brings, by name. Word confidence is fitted for each of them.
THOROUGH = "thorough"
BUNDLED: dict[str, list[list[PassRecipe]]] = {
    DEFAULT_PROFILE: DEFAULT_STAGES,
    # A second network beside the first, which gains what no further look of one does (chosen on the tune split).
    THOROUGH: [
        [
            *(PassRecipe("stretch", "starter", options=_LOOKS[look]) for look in (0, 1, 3, 4)),
            *(PassRecipe("stretch", "starter-tall", options=_LOOKS[look]) for look in (0, 2)),
        ]
    ],
}


@lru_cache(maxsize=1)
def registry() -> Registry:
    """This process's engines."""
    return Registry(
        settings.ENGINES,
        ModelStore(settings.MODELS),
        held=settings.HELD_ENGINES,
        runtime={"threads": settings.ENGINE_THREADS, "device": "auto"},
    )


def segmenter_in_use() -> str:
    """What finds lines in runs that begin now: the first of settings.SEGMENTERS that this installation has.

    Raises WeightsError when it has none of them.
    """
    missing: WeightsError | None = None
    for name in settings.SEGMENTERS:
        try:
            registry().digest(name)
        except WeightsError as error:
            missing = missing or error
            continue
        return str(name)
    raise missing or WeightsError("settings.SEGMENTERS names no engine; give at least “classical”.")


def profile_version_of(collection: Collection, asked: Profile | None = None) -> ProfileVersion:
    """The version that a run of ``collection`` starting now is pinned to: of the profile ``asked`` for, or its own."""
    profile = asked or collection.profile
    if profile is None:
        return version_at_present(DEFAULT_PROFILE, DEFAULT_STAGES, collection=collection)
    if profile.name in BUNDLED or profile.choice is not None:
        # One that any collection may take reads nothing by itself, so that whoever named it can remove it.
        name = own_profile(collection) if profile.shared else profile.name
        return version_at_present(name, stages_of(profile), profile.thresholds, collection=collection)
    return profile.versions.latest("number")


def own_profile(collection: Collection) -> str:
    """The name of the profile that belongs to the collection alone."""
    return f"collection {collection.pk}"


def default_profile_version() -> ProfileVersion:
    """The bundled profile at the engines' present state; a new version when weights, code or options changed."""
    return version_at_present(DEFAULT_PROFILE, DEFAULT_STAGES)


def stages_of(profile: Profile | None) -> list[list[PassRecipe]]:
    """The passes of a profile as they are declared or were chosen, stage by stage; the usual ones for None.

    Raises BadRecipe where a choice names what this version of Longhand does not have.
    """
    if profile is None or profile.choice is None:
        return BUNDLED.get(profile.name, DEFAULT_STAGES) if profile is not None else DEFAULT_STAGES
    stages: dict[int, list[PassRecipe]] = {}
    for each in profile.choice:
        seen = Enhancement.parse(each["enhancement"])
        recipe = PassRecipe(seen.recipe, each.get("engine", DEFAULT_ENGINE), float(each["weight"]), seen.options)
        stages.setdefault(each.get("stage", 0), []).append(recipe)
    return [stages[number] for number in sorted(stages)]


def calibration_for(stages: list[list[PassRecipe]]) -> dict[str, Any] | None:
    """The shipped calibration where the passes are those of a bundled profile, in any order; None elsewhere: it would
    lie."""
    name = bundled_name(stages)
    return shipped_calibration(name) if name is not None else None


def bundled_name(stages: list[list[PassRecipe]]) -> str | None:
    """The bundled profile that has these passes, in any order within a stage; None where there is none."""

    def said(of: list[list[PassRecipe]]) -> list[list[str]]:
        return [
            sorted(_sha256([each.recipe, each.options, each.engine, each.weight]) for each in stage) for stage in of
        ]

    return next((name for name, bundled in BUNDLED.items() if said(bundled) == said(stages)), None)


def bundled_calibration(version: ProfileVersion) -> dict[str, Any] | None:
    """What Longhand ships for the version's passes; None where that would lie: the passes or their engines differ."""
    reader = reader_of(version)
    bundled = (name for name, stages in BUNDLED.items() if reader == _reader_at_present(stages))
    return next(map(shipped_calibration, bundled), None)


def reader_of(version: ProfileVersion) -> str:
    """The digest of what reads with this version, whatever is made of its confidence: passes and their weights."""
    passes = version.stage_passes.values_list("stage", "pass_version__digest", "weight")
    return _reader((stage, digest, weight) for stage, digest, weight in passes)


def _reader_at_present(stages: list[list[PassRecipe]]) -> str:
    """The digest of what reads with these passes at the engines' present state."""
    return _reader(
        (number, _digest_at_present(recipe), recipe.weight) for number, stage in enumerate(stages) for recipe in stage
    )


def _reader(passes: Iterable[tuple[int, str, float]]) -> str:
    return _sha256(sorted(passes))


def own_calibrations(collection: Collection, reader: str) -> QuerySet[CollectionCalibration]:
    """What the collection's own corrections made of word confidence for this reader and is in use: one or none."""
    return collection.calibrations.filter(reader=reader, state=CollectionCalibration.State.ACTIVE)


def version_at_present(
    name: str,
    stages: list[list[PassRecipe]],
    thresholds: Sequence[float] = (),
    *,
    collection: Collection | None = None,
) -> ProfileVersion:
    """The version of the profile ``name`` with these passes at the engines' present state, made where there is none.

    ``thresholds`` are of the stages in their order; those that are missing are the usual one. Its word confidence is
    that which ``collection`` has fitted for itself, else what is shipped for the passes.
    """
    usual = [DEFAULT_THRESHOLD] * len(stages)
    limits = [*thresholds, *usual[len(thresholds) :]]
    passes = [[(_pass_version(recipe), recipe) for recipe in stage] for stage in stages]
    reader = _reader_at_present(stages)
    own = own_calibrations(collection, reader).first() if collection is not None else None
    calibration = own.bundle if own is not None else calibration_for(stages)
    segmenter = segmenter_in_use()
    state: list[object] = [
        [[(version.digest, recipe.weight) for version, recipe in stage] for stage in passes],
        registry().digest(segmenter),
        calibration,
    ]
    if limits != usual:
        state.append(limits)  # versions from when there was but one threshold stay what they are
    digest = _sha256(state)
    existing = ProfileVersion.objects.filter(profile__name=name, digest=digest).first()
    if existing is not None:
        return existing
    with transaction.atomic():
        profile, _ = Profile.objects.get_or_create(name=name)
        Profile.objects.select_for_update().get(pk=profile.pk)
        number = (profile.versions.aggregate(last=Max("number"))["last"] or 0) + 1
        version, created = ProfileVersion.objects.get_or_create(
            profile=profile,
            digest=digest,
            defaults={
                "number": number,
                "segmenter": segmenter,
                "segmenter_digest": registry().digest(segmenter),
                "thresholds": limits,
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
    version, _ = PassVersion.objects.get_or_create(
        digest=_digest_at_present(recipe),
        defaults={
            "name": recipe.name,
            "recipe": recipe.recipe,
            "recipe_options": recipe.options,
            "engine": recipe.engine,
            "engine_digest": registry().digest(recipe.engine),
        },
    )
    return version


def _digest_at_present(recipe: PassRecipe) -> str:
    """What tells the pass apart from what it was with other weights, another prompt, other options."""
    return _sha256([recipe.recipe, recipe.options, recipe.engine, registry().digest(recipe.engine)])


def calibration_file(name: str) -> Path:
    """Where the word calibration of the bundled profile ``name`` is kept."""
    return WEIGHTS / f"{name}-calibration.json"


def shipped_calibration(name: str = DEFAULT_PROFILE) -> dict[str, Any] | None:
    """A bundled profile's word calibration as JSON values; None where none was fitted."""
    path = calibration_file(name)
    if not path.exists():
        return None
    bundle: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return bundle


def _sha256(state: object) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()
