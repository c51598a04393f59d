"""The versions of a collection's profile in words: what each changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from transcription.models import ProfileVersion
from transcription.steps.profile_history import PastVersion

VERSIONS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ToldVersion:
    past: PastVersion
    changes: list[str]


def told_versions(versions: Sequence[PastVersion]) -> list[ToldVersion]:
    """The last of ``versions``, newest first, each with what it changed from the one before it."""
    shown = [ToldVersion(each, []) for each in versions[:VERSIONS_SHOWN]]
    return [
        ToldVersion(each.past, changes_between(before.version, each.past.version))
        for each, before in zip(shown, versions[1:], strict=False)
    ] + shown[len(versions) - 1 :]


@dataclass(frozen=True, slots=True)
class _Pass:
    stage: int
    weight: float
    engine: str
    engine_digest: str


def changes_between(before: ProfileVersion, after: ProfileVersion) -> list[str]:
    """What differs between two versions, in sentences."""
    old, new = _passes(before), _passes(after)
    said = [_added(name, new[name]) for name in new if name not in old]
    said += [_("%(pass)s was removed.") % {"pass": name} for name in old if name not in new]
    kept = [name for name in new if name in old]
    for name in kept:
        if new[name].stage != old[name].stage:
            values = {"pass": name, "before": old[name].stage + 1, "after": new[name].stage + 1}
            said.append(_("%(pass)s went from stage %(before)d to stage %(after)d.") % values)
        if new[name].weight != old[name].weight:
            weights = {"pass": name, "before": f"{old[name].weight:g}", "after": f"{new[name].weight:g}"}
            said.append(_("The weight of %(pass)s went from %(before)s to %(after)s.") % weights)
    said += _thresholds(before, after, _last_stage(old), _last_stage(new))
    changed = {new[name].engine for name in kept if new[name].engine_digest != old[name].engine_digest}
    for engine in sorted(changed):
        said.append(_("%(engine)s had changed: other weights, options or code.") % {"engine": engine})
    if before.segmenter_digest != after.segmenter_digest:
        said.append(_("Lines are found by another state of %(segmenter)s.") % {"segmenter": after.segmenter})
    if before.calibration != after.calibration and not said:
        said.append(_("Confidence was fitted anew."))
    return said or [_("The same passes in another order.") if list(old) != list(new) else _("The same passes again.")]


def _added(name: str, added: _Pass) -> str:
    return _("%(pass)s was added in stage %(stage)d.") % {"pass": name, "stage": added.stage + 1}


def _thresholds(before: ProfileVersion, after: ProfileVersion, old_last: int, new_last: int) -> list[str]:
    said = []
    for stage in range(min(old_last, new_last)):
        values = {
            "stage": stage + 2,
            "before": f"{before.thresholds[stage]:g}",
            "after": f"{after.thresholds[stage]:g}",
        }
        if values["before"] != values["after"]:
            said.append(_("Lines go on to stage %(stage)d below %(after)s instead of %(before)s.") % values)
    return said


def _passes(version: ProfileVersion) -> dict[str, _Pass]:
    """By name, in their order."""
    rows = version.stage_passes.select_related("pass_version").order_by("stage", "position")
    return {
        each.pass_version.name: _Pass(
            each.stage, each.weight, each.pass_version.engine, each.pass_version.engine_digest
        )
        for each in rows
    }


def _last_stage(passes: dict[str, _Pass]) -> int:
    return max((each.stage for each in passes.values()), default=0)
