"""Choose the passes that a collection's lines are read with, and find the pages that were read with others."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from transcription.errors import BadInput
from transcription.htr.enhance import Enhancement
from transcription.models import Collection, Page, PageState, Profile, ProfileVersion
from transcription.steps.profiles import (
    BUNDLED,
    DEFAULT_ENGINE,
    PassRecipe,
    calibration_for,
    profile_version_of,
    registry,
    stages_of,
)

MOST_PASSES = 8
MOST_STAGES = 3
LEAST_WEIGHT, MOST_WEIGHT = 0.1, 3.0


@dataclass(frozen=True, slots=True)
class ChosenPass:
    """An enhancement and the engine that reads through it, how much the vote trusts that beside the others, and the
    stage it reads in, from 0: later ones read only the lines that are still doubtful."""

    enhancement: Enhancement
    weight: float = 1.0
    engine: str = DEFAULT_ENGINE
    stage: int = 0


def choose_passes(*, collection: Collection, passes: Sequence[ChosenPass]) -> ProfileVersion:
    """Read the collection's pages with ``passes`` from now on; runs that were begun keep theirs.

    The passes of a bundled profile mean that profile, which goes with what later versions of Longhand bundle. Raises
    BadInput, having changed nothing, for none, too many, the same one twice or an absurd weight.
    """
    checked = sorted((replace(each, weight=_weight(each)) for each in passes), key=lambda each: each.stage)
    _check(checked)
    with transaction.atomic():
        locked = Collection.objects.select_for_update().get(pk=collection.pk)
        bundled = _bundled(checked)
        if bundled is not None:
            profile, _ = Profile.objects.get_or_create(name=bundled)
        else:
            choice = [as_choice(each) for each in checked]
            profile, _ = Profile.objects.update_or_create(name=own_profile(locked), defaults={"choice": choice})
        locked.profile = profile
        locked.save(update_fields=["profile"])
    collection.profile = profile
    return profile_version_of(collection)


def as_choice(chosen: ChosenPass) -> dict[str, Any]:
    """A pass as a profile's choice holds it; the bundled engine and the first stage are left unsaid."""
    row: dict[str, Any] = {"enhancement": str(chosen.enhancement), "weight": chosen.weight}
    if chosen.engine != DEFAULT_ENGINE:
        row["engine"] = chosen.engine
    return row | ({"stage": chosen.stage} if chosen.stage else {})


def own_profile(collection: Collection) -> str:
    """The name of the profile that belongs to the collection alone."""
    return f"collection {collection.pk}"


def present_passes(collection: Collection) -> list[ChosenPass]:
    """The passes that pages of the collection are read with now, in their order."""
    return _chosen(_present_stages(collection))


def bundled_passes() -> list[ChosenPass]:
    """The passes that Longhand brings."""
    return _chosen(stages_of(None))


def _bundled(passes: list[ChosenPass]) -> str | None:
    """The bundled profile with just these passes in just this order."""
    return next((name for name, stages in BUNDLED.items() if _chosen(stages) == passes), None)


def is_calibrated(collection: Collection) -> bool:
    """Whether word confidence was fitted on ground truth for the present passes; else it is a careful guess."""
    return calibration_for(_present_stages(collection)) is not None


def pages_read_otherwise(collection: Collection) -> QuerySet[Page]:
    """Pages that were read with other passes than the present ones; approved ones never change.

    Passes are the same where their enhancements, engines and weights are: an engine that has learned since is not
    what anybody chose here.
    """
    finished = collection.pages.filter(state__in=[PageState.ACCEPTED, PageState.IN_REVIEW], approved_at=None)
    used = ProfileVersion.objects.filter(runs__page__in=finished, runs=F("runs__page__run")).distinct()
    present = _signature(_present_stages(collection))
    others = [each.pk for each in used if _signature(_stages_of_version(each)) != present]
    return finished.filter(run__profile_version__in=others)


def _weight(chosen: ChosenPass) -> float:
    weight = chosen.weight
    if not math.isfinite(weight) or not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        raise BadInput(
            f"The weight of “{chosen.enhancement}” is {weight:g}; it must be from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}.",
            code="bad-weight",
        )
    return round(weight, 2)


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


def _present_stages(collection: Collection) -> list[list[PassRecipe]]:
    profile = collection.profile
    if profile is None or profile.name in BUNDLED or profile.choice is not None:
        return stages_of(profile)
    return _stages_of_version(profile.versions.latest("number"))


def _stages_of_version(version: ProfileVersion) -> list[list[PassRecipe]]:
    stages: list[list[PassRecipe]] = []
    for each in version.stage_passes.select_related("pass_version").order_by("stage", "position"):
        while len(stages) <= each.stage:
            stages.append([])
        made = each.pass_version
        stages[each.stage].append(PassRecipe(made.recipe, made.engine, each.weight, made.recipe_options))
    return stages


def _chosen(stages: list[list[PassRecipe]]) -> list[ChosenPass]:
    return [
        ChosenPass(Enhancement.stored(each.recipe, each.options), each.weight, each.engine, number)
        for number, stage in enumerate(stages)
        for each in stage
    ]


def _signature(stages: list[list[PassRecipe]]) -> list[list[str]]:
    return [
        sorted(json.dumps([each.recipe, each.options, each.engine, each.weight], sort_keys=True) for each in stage)
        for stage in stages
    ]
