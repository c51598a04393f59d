"""The sweeper: frees leases that ran out, rings for work that nobody was called to, indexes changed pages for search,
keeps the order of the review queue, brings the counts of reports up to date.

A plain process, not a Celery task: it must run while the broker is down. Several may run at once; rows are locked.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from transcription.errors import WorkerKiller
from transcription.models import Collection, Page, Queue, Work, WorkState
from transcription.steps import flow
from transcription.steps.bell import ring
from transcription.steps.calibrate import ask_where_due
from transcription.steps.export import expire_exports
from transcription.steps.judge_pages import judge_marked
from transcription.steps.queue import MAX_INTERRUPTIONS, record_failure
from transcription.steps.rollups import fold
from transcription.steps.search_index import settle_marks
from transcription.steps.trials import forget_trials
from transcription.steps.usefulness import keep_weighed
from transcription.steps.workers import forget_workers

logger = logging.getLogger(__name__)

MOST_INDEXING = 2.0  # seconds between two sweeps; what is left waits for the next
MOST_JUDGING = 1.0  # likewise


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did: leases freed, work set aside, queues rung for."""

    freed: int
    set_aside: int
    rung: tuple[str, ...]


def sweep_once() -> Swept:
    """Free what was lost, ask for what has become worth while and ring for what is due; all by the database's clock."""
    expired = Work.objects.filter(state=WorkState.RUNNING, lease_until__lt=Now())
    freed = set_aside = 0
    for work_id, page_id in list(expired.order_by("pk").values_list("pk", "page_id")[:1000]):
        outcome = _free(work_id, page_id)
        freed += outcome == WorkState.QUEUED
        set_aside += outcome == WorkState.FAILED
    ask_where_due()
    keep_weighed()
    rung = tuple(queue for queue in Queue.values if _is_due(queue) and ring(queue, insist=True))
    forget_workers()
    forget_trials()
    expire_exports()
    return Swept(freed, set_aside, rung)


def _free(work_id: int, page_id: int | None) -> str:
    """Queue one lost row again, to be tried alone; the third loss on its own sets it aside. Page lock first, always."""
    with transaction.atomic():
        page = Page.objects.select_for_update().filter(pk=page_id).first() if page_id else None
        still = Work.objects.select_for_update().filter(pk=work_id, state=WorkState.RUNNING, lease_until__lt=Now())
        work = still.first()
        if work is None:
            return ""
        work.interruptions += work.company <= 1
        work.token = work.lease_until = None
        if work.interruptions >= MAX_INTERRUPTIONS:
            work.state = WorkState.FAILED
            work.save()
            record_failure(
                work,
                code=WorkerKiller.code,
                message=(
                    f"The worker was lost {work.interruptions} times while it did this and nothing else. The rest goes "
                    "on without it; look at the file, then retry."
                ),
            )
            flow.after_failure(work, page)
        else:
            work.state, work.alone, work.started_at = WorkState.QUEUED, True, None
            if work.interruptions:
                # A storm that takes every worker (a deploy, a power cut) must not count as three losses of one row.
                pause = settings.LEASE_SECONDS * 2 ** (work.interruptions - 1)
                work.not_before = Now() + timedelta(seconds=pause)
            work.save()
    logger.warning("Work %s (%s) was lost with its worker %s: %s.", work.pk, work.step, work.worker, work.state)
    return str(work.state)


def _is_due(queue: str) -> bool:
    due = Work.objects.filter(queue=queue, state=WorkState.QUEUED, collection__state=Collection.State.ACTIVE)
    return due.filter(Q(not_before=None) | Q(not_before__lte=Now())).exists()


def sweep_forever(*, stopping: Callable[[], bool]) -> None:
    """Sweep until told to stop; survives the database's absence."""
    while not stopping():
        try:
            sweep_once()
            settle_marks(seconds=MOST_INDEXING)
            judge_marked(seconds=MOST_JUDGING)
            fold()
        except DatabaseError as error:
            logger.warning("The database does not answer (%s); trying again.", error)
            connection.close()
        time.sleep(settings.SWEEP_SECONDS)
