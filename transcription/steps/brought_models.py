"""Brought models beside what needs them: collections, and work that waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from transcription.engines.model_store.store import ModelStore
from transcription.errors import Conflict, LonghandError
from transcription.models import Collection, Profile, StagePass, Work, Worker, WorkState
from transcription.steps.profiles import registry
from transcription.steps.progress import ALIVE_FOR


@dataclass(frozen=True, slots=True)
class EngineReport:
    """An engine as the screen of engines shows it; a brought model has ``source``, ``licence`` and ``size`` (bytes).
    ``held`` and ``loaded`` name the workers seen lately that may be given its work, and that have it in memory."""

    name: str
    engine_class: str
    reads: tuple[str, ...]
    digest: str
    problem: str
    held: tuple[str, ...]
    loaded: tuple[str, ...]
    source: str = ""
    licence: str = ""
    size: int = 0
    checked_at: datetime | None = None
    used_by: tuple[str, ...] = ()

    @property
    def is_brought(self) -> bool:
        return bool(self.source)


def model_store() -> ModelStore:
    """The models of this installation."""
    return ModelStore(settings.MODELS)


def collections_reading_with(engine: str) -> list[Collection]:
    """Collections whose profile, as it stands, reads with ``engine``, or whose pages still wait for it."""
    latest = [
        newest.pk
        for profile in Profile.objects.prefetch_related("versions")
        if (newest := max(profile.versions.all(), key=lambda version: version.number, default=None)) is not None
    ]
    passes = StagePass.objects.filter(profile_version__in=latest, pass_version__engine=engine)
    profiles = set(passes.values_list("profile_version__profile", flat=True))
    open_work = Work.objects.filter(state__in=[WorkState.QUEUED, WorkState.RUNNING])
    waiting = open_work.filter(Q(pass_version__engine=engine) | Q(run__profile_version__passes__engine=engine))
    wanted = Q(profile__in=profiles) | Q(pk__in=waiting.values("collection"))
    return list(Collection.objects.filter(wanted).order_by("title", "pk"))


def remove_model(name: str, *, force: bool = False) -> None:
    """Delete a brought model. Raises Conflict while a collection reads with it, unless forced; WeightsError if it is
    not here."""
    using = collections_reading_with(name)
    if using and not force:
        titles = ", ".join(f"“{each}”" for each in using[:3]) + (" and others" if len(using) > 3 else "")
        raise Conflict(f"Model “{name}” is needed by {titles}; choose other passes there first, or --force.")
    model_store().remove(name)


def engine_reports() -> list[EngineReport]:
    """Every engine that is declared or brought, and every folder of models that cannot be used, with why."""
    alive = list(Worker.objects.filter(seen_at__gt=Now() - max(ALIVE_FOR, timedelta(minutes=10))).order_by("name"))
    found = [_report(name, alive) for name in registry().names()]
    known = set(registry().names())
    broken = [name for name in model_store().folders() if name not in known]
    return found + [_broken(name) for name in broken]


def _report(name: str, alive: list[Worker]) -> EngineReport:
    declared = registry().declaration(name)
    digest = problem = ""
    try:
        digest = registry().digest(name)
    except LonghandError as error:
        problem = error.message
    held = tuple(worker.name for worker in alive if digest in worker.engine_digests)
    loaded = tuple(worker.name for worker in alive if name in worker.loaded)
    report = EngineReport(name, declared["CLASS"], tuple(declared.get("READS", [])), digest, problem, held, loaded)
    model = declared.get("MODEL")
    if model is None or problem:
        return report
    manifest = model_store().manifest(model)
    return EngineReport(
        name,
        declared["CLASS"],
        report.reads,
        digest,
        "",
        held,
        loaded,
        source=manifest.source,
        licence=manifest.licence,
        size=manifest.size,
        checked_at=model_store().checked_at(model),
        used_by=tuple(str(each) for each in collections_reading_with(name)),
    )


def _broken(name: str) -> EngineReport:
    try:
        model_store().manifest(name)
        problem = f"settings.ENGINES has an engine “{name}” already."
    except LonghandError as error:
        problem = error.message
    return EngineReport(name, "", (), "", problem, (), ())
