"""Choose the passes that a collection's lines are read with, and find the pages that were read with others."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F, QuerySet

from transcription.errors import BadInput
from transcription.htr.enhance import Enhancement
from transcription.models import ChosenVersion, Collection, Page, PageState, Profile, ProfileVersion
from transcription.steps.profiles import (
    BUNDLED,
    DEFAULT_ENGINE,
    DEFAULT_PROFILE,
    DEFAULT_THRESHOLD,
    PassRecipe,
    calibration_for,
    own_calibrations,
    own_profile,
    profile_version_of,
    reader_of,
    registry,
    stages_of,
)

MOST_PASSES = 8
MOST_STAGES = 3
LEAST_WEIGHT, MOST_WEIGHT = 0.1, 3.0
LEAST_THRESHOLD, MOST_THRESHOLD = 0.1, 0.99


@dataclass(frozen=True, slots=True)
class ChosenPass:
    """An enhancement and the engine that reads through it, how much the vote trusts that beside the others, and the
    stage it reads in, from 0: later ones read only the lines that are still doubtful."""

    enhancement: Enhancement
    weight: float = 1.0
    engine: str = DEFAULT_ENGINE
    stage: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """How a collection is read. A line surer than the threshold of a stage ends there, the others go on to the next;
    there is one threshold for each stage but the last."""

    passes: tuple[ChosenPass, ...]
    thresholds: tuple[float, ...] = ()

    @property
    def recipes(self) -> list[list[PassRecipe]]:
        """The passes stage by stage, as profiles hold them."""
        stages: list[list[PassRecipe]] = [[] for _ in range(len(self.thresholds) + 1)]
        for each in self.passes:
            seen = each.enhancement
            stages[each.stage].append(PassRecipe(seen.recipe, each.engine, each.weight, seen.options))
        return stages


def choose_passes(
    *,
    collection: Collection,
    passes: Sequence[ChosenPass],
    thresholds: Sequence[float] = (),
    author: AbstractBaseUser | None = None,
) -> ProfileVersion:
    """Read the collection's pages with ``passes`` from now on; runs that were begun keep theirs.

    ``thresholds`` that are missing are the usual one. The passes of a bundled profile mean that profile, which goes
    with what later versions of Longhand bundle. Raises BadInput, having changed nothing, for none, too many, the same
    one twice or an absurd number.
    """
    choice = checked(passes, thresholds)
    with transaction.atomic():
        locked = Collection.objects.select_for_update().get(pk=collection.pk)
        bundled = _bundled(choice)
        if bundled is not None:
            profile, _ = Profile.objects.get_or_create(name=bundled)
        else:
            profile, _ = Profile.objects.update_or_create(name=own_profile(locked), defaults=as_columns(choice))
        locked.profile = profile
        locked.save(update_fields=["profile"])
        version = profile_version_of(locked)
        last = locked.chosen_versions.last()
        if last is None or last.profile_version_id != version.pk:
            author_id = author.pk if author is not None else None
            ChosenVersion.objects.create(collection=locked, profile_version=version, author_id=author_id)
    collection.profile = profile
    return version


def checked(passes: Sequence[ChosenPass], thresholds: Sequence[float] = ()) -> Choice:
    """The choice in its order and with its numbers rounded, every threshold said. Raises BadInput."""
    chosen = sorted((replace(each, weight=_weight(each)) for each in passes), key=lambda each: each.stage)
    _check(chosen)
    missing = chosen[-1].stage - len(thresholds)
    if missing < 0:
        raise BadInput(
            f"There are {len(thresholds)} thresholds for {chosen[-1].stage + 1} stages; each stage but the last has "
            "one. Leave the others out.",
            code="bad-threshold",
        )
    limits = [_threshold(each, stage) for stage, each in enumerate(thresholds)]
    return Choice(tuple(chosen), (*limits, *[DEFAULT_THRESHOLD] * missing))


def as_columns(choice: Choice) -> dict[str, Any]:
    """A choice as the columns of a profile hold it."""
    return {"choice": [as_choice(each) for each in choice.passes], "thresholds": list(choice.thresholds)}


def as_choice(chosen: ChosenPass) -> dict[str, Any]:
    """A pass as a profile's choice holds it; the bundled engine and the first stage are left unsaid."""
    row: dict[str, Any] = {"enhancement": str(chosen.enhancement), "weight": chosen.weight}
    if chosen.engine != DEFAULT_ENGINE:
        row["engine"] = chosen.engine
    return row | ({"stage": chosen.stage} if chosen.stage else {})


def trial_profile(collection: Collection) -> str:
    """The name of the profile whose versions the collection's trials read with."""
    return f"trials of collection {collection.pk}"


def present_choice(collection: Collection) -> Choice:
    """How the collection is read now. Raises BadRecipe where that was chosen in a later version of Longhand."""
    profile = collection.profile
    if profile is None or profile.name in BUNDLED or profile.choice is not None:
        return choice_of_profile(profile)
    return choice_of(profile.versions.latest("number"))


def present_passes(collection: Collection) -> list[ChosenPass]:
    """The passes that pages of the collection are read with now, in their order."""
    return list(present_choice(collection).passes)


def bundled_choice(name: str = DEFAULT_PROFILE) -> Choice:
    """How a bundled profile reads; the usual one reads unless somebody chooses otherwise."""
    return _choice(BUNDLED[name], ())


def bundled_passes() -> list[ChosenPass]:
    """The passes that Longhand brings."""
    return list(bundled_choice().passes)


def choice_of_profile(profile: Profile | None) -> Choice:
    """What was chosen for a profile; the bundled passes for None. Raises BadRecipe as ``present_choice`` does."""
    return _choice(stages_of(profile), profile.thresholds if profile is not None else ())


def choice_of(version: ProfileVersion) -> Choice:
    """The passes of a version, whatever state their engines had."""
    stages: list[list[PassRecipe]] = []
    for each in version.stage_passes.select_related("pass_version").order_by("stage", "position"):
        while len(stages) <= each.stage:
            stages.append([])
        made = each.pass_version
        stages[each.stage].append(PassRecipe(made.recipe, made.engine, each.weight, made.recipe_options))
    return _choice(stages, version.thresholds)


def _bundled(choice: Choice) -> str | None:
    """The bundled profile with just these passes in just this order, and the usual thresholds."""
    return next((name for name, stages in BUNDLED.items() if _choice(stages, ()) == choice), None)


def is_calibrated(collection: Collection) -> bool:
    """Whether word confidence was fitted on ground truth for the present passes; else it is a careful guess."""
    if calibration_for(present_choice(collection).recipes) is not None:
        return True
    version = collection.profile.versions.order_by("number").last() if collection.profile is not None else None
    if version is None:
        return False
    return own_calibrations(collection, reader_of(version)).exists()


def pages_read_otherwise(collection: Collection) -> QuerySet[Page]:
    """Pages that were read with other passes than the present ones; approved ones never change.

    Passes are the same where their enhancements, engines, weights and thresholds are: an engine that has learned since
    is not what anybody chose here.
    """
    finished = collection.pages.filter(state__in=[PageState.ACCEPTED, PageState.IN_REVIEW], approved_at=None)
    used = ProfileVersion.objects.filter(runs__page__in=finished, runs=F("runs__page__run")).distinct()
    present = _signature(present_choice(collection))
    others = [each.pk for each in used if _signature(choice_of(each)) != present]
    return finished.filter(run__profile_version__in=others)


def _weight(chosen: ChosenPass) -> float:
    weight = chosen.weight
    if not math.isfinite(weight) or not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        raise BadInput(
            f"The weight of “{chosen.enhancement}” is {weight:g}; it must be from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}.",
            code="bad-weight",
        )
    return round(weight, 2)


def _threshold(threshold: float, stage: int) -> float:
    if not LEAST_THRESHOLD <= threshold <= MOST_THRESHOLD:  # false for NaN
        raise BadInput(
            f"The threshold after stage {stage + 1} is {threshold:g}; it must be from {LEAST_THRESHOLD:g} to "
            f"{MOST_THRESHOLD:g}.",
            code="bad-threshold",
        )
    return round(threshold, 2)


def _check(passes: Sequence[ChosenPass]) -> None:
    if not 1 <= len(passes) <= MOST_PASSES:
        raise BadInput(
            f"Lines are read in 1 to {MOST_PASSES} passes; these are {len(passes)}.", code="bad-number-of-passes"
        )
    readers = registry().readers()
    seen = set[tuple[Enhancement, str]]()
    for each in passes:
        if each.engine not in readers:
            raise BadInput(
                f"No engine “{each.engine}” reads here; choose one of {', '.join(readers)}.", code="unknown-engine"
            )
        if (each.enhancement, each.engine) in seen:
            raise BadInput(
                f"Two passes are the same, “{each.enhancement}” by {each.engine}: the second would read what the first "
                "has read. Remove one, or give it more weight.",
                code="pass-twice",
            )
        seen.add((each.enhancement, each.engine))
    stages = {each.stage for each in passes}
    if stages != set(range(len(stages))) or len(stages) > MOST_STAGES:
        raise BadInput(
            f"Stages are counted from 1 without a gap, up to {MOST_STAGES}; every one needs a pass.", code="bad-stages"
        )


def _choice(stages: list[list[PassRecipe]], thresholds: Sequence[float]) -> Choice:
    passes = tuple(
        ChosenPass(Enhancement.stored(each.recipe, each.options), each.weight, each.engine, number)
        for number, stage in enumerate(stages)
        for each in stage
    )
    between = max(0, len(stages) - 1)
    return Choice(passes, (*thresholds[:between], *[DEFAULT_THRESHOLD] * (between - len(thresholds))))


def _signature(choice: Choice) -> object:
    """What two choices have in common that read alike: the order within a stage is no matter."""
    return choice.thresholds, [
        sorted(json.dumps([each.recipe, each.options, each.engine, each.weight], sort_keys=True) for each in stage)
        for stage in choice.recipes
    ]
