"""End a job when its last page ends, and put into the outbox what its submitter is to be told."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from transcription.models import Delivery, Failure, Job, JobState, Original, Page, Work, WorkState

_OPEN = [WorkState.QUEUED, WorkState.RUNNING]


def settle_job(original_id: uuid.UUID) -> None:
    """Settle the job of an original, if there is one, in the transaction that ended one of its pages.

    Two pages that end at once settle it one after the other: the second sees the first. A job that failed and whose
    pages were retried ends once more, completed; one that is completed stays so.
    """
    found = Job.objects.select_for_update(of=("self",), no_key=True).filter(original=original_id)
    job = found.exclude(state=JobState.COMPLETED).first()
    if job is None:
        return
    state = _outcome(original_id)
    if state is None or state == job.state:
        return
    Job.objects.filter(pk=job.pk).update(state=state, ended_at=Now())
    job.state = state
    _tell(job)


def settle_left_jobs(*, most: int = 100) -> int:
    """Settle jobs that stayed open although nothing of them is under way, as when pages were deleted one by one.

    A net of the sweeper's: nothing else needs it. Returns how many had been left.
    """
    working = Work.objects.filter(state__in=_OPEN)
    of_file = working.filter(original=OuterRef("original"))
    of_pages = working.filter(page__original=OuterRef("original"))
    idle = Job.objects.filter(~Exists(of_file), ~Exists(of_pages), state=JobState.OPEN)
    count = 0
    for original_id in list(idle.order_by("created_at").values_list("original", flat=True)[:most]):
        with transaction.atomic():
            settle_job(original_id)
        count += Job.objects.filter(original=original_id).exclude(state=JobState.OPEN).exists()
    return count


def given_up(pages: QuerySet[Page]) -> QuerySet[Page]:
    """Pages for which nothing more will be done unless a person retries it."""
    working = Work.objects.filter(page=OuterRef("pk"), state__in=_OPEN, run__trial=None)
    failed = Failure.objects.open().filter(page=OuterRef("pk"))
    return pages.filter(~Exists(working), Exists(failed), finished_at=None)


def _outcome(original_id: uuid.UUID) -> JobState | None:
    """How the job of an original has ended; None where it has not."""
    opened = Original.objects.filter(pk=original_id, frames__isnull=False).exists()
    if not opened:
        if Work.objects.filter(original=original_id, state__in=_OPEN).exists():
            return None
        failed = Failure.objects.open().filter(original=original_id).exists()
        return JobState.FAILED if failed else None
    pages = Page.objects.filter(original=original_id)
    if pages.filter(finished_at=None).exclude(pk__in=given_up(pages).values("pk")).exists():
        return None
    return JobState.COMPLETED if pages.filter(finished_at__isnull=False).exists() else JobState.FAILED


def _tell(job: Job) -> None:
    """Write the event into the outbox; it is sent once this transaction is committed, and never if it is not."""
    if job.webhook_id is None:
        return
    event, kind = uuid.uuid4(), f"job.{job.state}"
    pages = Page.objects.filter(original=job.original_id)
    told = {
        "id": str(event),
        "type": kind,
        "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "data": {
            "job": str(job.pk),
            "status": str(job.state),
            "reference": job.reference,
            "collection": job.collection_id,
            "pages": pages.count(),
            "failed_pages": pages.filter(finished_at=None).count(),
            "url": f"/api/v1/jobs/{job.pk}",
        },
    }
    body = json.dumps(told, ensure_ascii=False)
    Delivery.objects.create(id=event, webhook_id=job.webhook_id, job=job, event=kind, body=body, due_at=Now())
