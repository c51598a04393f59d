"""Give up what is not yet done of a job; what was read of it stays."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from transcription.models import Job, JobState, Page, Work, WorkState
from transcription.steps.queue import lock_in_order, record_failure
from transcription.steps.settle_job import settle_job

CANCELLED = "cancelled"
_OPEN = [WorkState.QUEUED, WorkState.RUNNING]


def cancel_job(job: Job) -> bool:
    """Give up the open work of an open job, as failures that a person may retry; False where it had ended before.

    Results of what is just being computed are dropped: their token is gone.
    """
    with transaction.atomic():
        if not Job.objects.filter(pk=job.pk, state=JobState.OPEN).exists():
            return False
        # The opening first: once its row is locked it makes no more pages.
        _give_up(Work.objects.filter(original=job.original_id))
        pages = Page.objects.filter(original=job.original_id, finished_at=None)
        for page in pages.select_for_update().order_by("pk"):
            _give_up(Work.objects.filter(page=page, run__trial=None))
        Job.objects.filter(pk=job.pk).update(cancelled_at=Now())
        settle_job(job.original_id)
    job.refresh_from_db()
    return True


def _give_up(rows: QuerySet[Work]) -> None:
    unfinished = lock_in_order(rows.filter(state__in=_OPEN))
    works = list(unfinished)
    unfinished.update(state=WorkState.FAILED, token=None, lease_until=None, ended_at=Now())
    for work in works:
        record_failure(
            work, code=CANCELLED, message="The program that submitted it cancelled it. Retry to have it read after all."
        )
