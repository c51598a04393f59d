"""How far a collection has come: counted from the rows, cheap enough to poll."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, F, Min, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from transcription.models import Collection, PageState, Queue, Step, Work, Worker, WorkState
from transcription.models.page import FINISHED_STATES
from transcription.steps.workers import present_digests

RATE_WINDOW = timedelta(minutes=10)
ALIVE_FOR = timedelta(minutes=3)
ESTIMATE_FROM = 20  # pages: an estimate from fewer is a guess


@dataclass(frozen=True, slots=True)
class PassProgress:
    name: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class WorkerReport:
    name: str
    queue: str
    seconds: float  # since it was last seen


@dataclass(frozen=True, slots=True)
class CollectionProgress:
    """Counts of a collection. ``seconds_left`` is None until enough pages were finished to tell."""

    pages: int
    by_state: dict[str, int]
    failures: int
    unpacking: int
    queued: int
    running: int
    pages_per_hour: float
    seconds_left: float | None
    passes: list[PassProgress] = field(default_factory=list)
    workers: list[WorkerReport] = field(default_factory=list)
    waiting_reason: str = ""
    put_off: str = ""  # why paid reading waits, a sentence

    @property
    def finished(self) -> int:
        """Pages the machine is done with."""
        return sum(self.by_state.get(state, 0) for state in FINISHED_STATES)

    @property
    def idle(self) -> bool:
        """True when nothing is queued or running."""
        return self.queued == 0 and self.running == 0

    def reached(self, state: PageState) -> int:
        """Pages that are in ``state`` or beyond it."""
        order = list(PageState)
        return sum(self.by_state.get(later, 0) for later in order[order.index(state) :])


def collection_progress(collection: Collection) -> CollectionProgress:
    """Count; a handful of indexed queries."""
    by_state = dict(collection.pages.values_list("state").annotate(Count("pk")).order_by())
    work = dict(
        collection.work.filter(state__in=[WorkState.QUEUED, WorkState.RUNNING])
        .values_list("state")
        .annotate(Count("pk"))
        .order_by()
    )
    unpacking = collection.work.filter(step=Step.UNPACK, state__in=[WorkState.QUEUED, WorkState.RUNNING]).count()
    pages = sum(by_state.values())
    finished = sum(by_state.get(state, 0) for state in FINISHED_STATES)
    rate = _pages_per_hour(collection)
    waiting = pages - finished
    known = rate > 0 and finished >= ESTIMATE_FROM and waiting > 0
    workers = _workers()
    queued = work.get(WorkState.QUEUED, 0)
    return CollectionProgress(
        pages=pages,
        by_state=by_state,
        failures=collection.failures.open().count(),
        unpacking=unpacking,
        queued=queued,
        running=work.get(WorkState.RUNNING, 0),
        pages_per_hour=rate,
        seconds_left=waiting / rate * 3600 if known else None,
        passes=_passes(collection),
        workers=workers,
        waiting_reason=_waiting_reason(collection, queued, workers),
        put_off=_put_off(collection),
    )


def _pages_per_hour(collection: Collection) -> float:
    """Pages finished in the last minutes, per hour; over the time since the first of them where that is shorter."""
    recent = collection.pages.filter(finished_at__gt=Now() - RATE_WINDOW)
    found = recent.aggregate(first=Min("finished_at"), count=Count("pk"))
    first: datetime | None = found["first"]
    if first is None or found["count"] < 2:
        return 0.0
    span = max((timezone.now() - first).total_seconds(), 60.0)  # a burst of a few seconds is no pace
    return float(found["count"]) / span * 3600


def _passes(collection: Collection) -> list[PassProgress]:
    """Progress of each pass over the pages' present runs; a pass that was given up counts as done with."""
    counted = (
        Work.objects.filter(collection=collection, step=Step.RECOGNIZE, run=F("page__run"))
        .exclude(state=WorkState.CANCELLED)
        .values_list("pass_version__name")
        .annotate(done=Count("pk", filter=~Q(state__in=[WorkState.QUEUED, WorkState.RUNNING])), total=Count("pk"))
        .order_by("pass_version__name")
    )
    return [PassProgress(name, done, total) for name, done, total in counted]


def _workers() -> list[WorkerReport]:
    now = timezone.now()
    seen = Worker.objects.filter(queue__in=Queue.values, seen_at__gt=now - timedelta(minutes=10)).order_by(
        "queue", "name"
    )
    return [WorkerReport(w.name, w.queue, (now - w.seen_at).total_seconds()) for w in seen]


def _put_off(collection: Collection) -> str:
    """The reason for which work was put off last, as a sentence; empty where none waits for anything."""
    waiting = collection.work.filter(state=WorkState.QUEUED, not_before__gt=Now()).exclude(waiting_for="")
    return waiting.order_by("-not_before").values_list("waiting_for", flat=True).first() or ""


def _waiting_reason(collection: Collection, queued: int, workers: list[WorkerReport]) -> str:
    """Why nothing happens although work waits: a code for the screen, empty when all is well."""
    if collection.state != Collection.State.ACTIVE:
        return str(collection.state)
    if not queued:
        return ""
    alive = {worker.queue for worker in workers if worker.seconds < ALIVE_FOR.total_seconds()}
    waiting = collection.work.filter(state=WorkState.QUEUED)
    due = set(waiting.values_list("queue", flat=True).distinct())
    oldest = waiting.order_by("created_at").values_list("created_at", flat=True).first()
    if oldest is None or timezone.now() - oldest < timedelta(seconds=30):
        return ""
    if Queue.CPU in due - alive:
        return "no-cpu-worker"
    if Queue.ENGINE in due - alive:
        return "no-engine-worker"
    if Queue.ENGINE in due:
        return _lacking_engine(waiting)
    return ""


def _lacking_engine(waiting: QuerySet[Work]) -> str:
    """Why some work waits for an engine that no worker holds: none was told to hold it ("engine-not-held"), or it is of
    a state that is gone, so that the collection must be read anew ("no-engine-version"). Empty when all is held."""
    passes = waiting.filter(pass_version__isnull=False).values_list("pass_version__engine_digest", flat=True)
    segmenters = waiting.filter(step=Step.SEGMENT).values_list("run__profile_version__segmenter_digest", flat=True)
    seen = Worker.objects.filter(queue=Queue.ENGINE, seen_at__gt=Now() - ALIVE_FOR)
    held = {digest for digests in seen.values_list("engine_digests", flat=True) for digest in digests}
    lacking = {*passes.distinct(), *segmenters.distinct()} - held
    if not lacking:
        return ""
    return "engine-not-held" if lacking <= present_digests() else "no-engine-version"
