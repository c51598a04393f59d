"""Pause, resume, cancel and re-run collections; retry what failed."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from transcription.models import Collection, Export, Failure, Page, PageState, Queue, Step, Work, WorkState
from transcription.steps import flow
from transcription.steps.bell import ring_on_commit
from transcription.steps.metering import forget_errors
from transcription.steps.profiles import profile_version_of
from transcription.steps.queue import lock_in_order


def pause(collection: Collection) -> None:
    """Nothing more of the collection is claimed; what is being computed is still written.

    A cancelled collection stays cancelled: only resuming queues its work again.
    """
    Collection.objects.filter(pk=collection.pk, state=Collection.State.ACTIVE).update(state=Collection.State.PAUSED)
    collection.refresh_from_db(fields=["state"])


def resume(collection: Collection) -> None:
    """Go on after a pause or a cancellation; cancelled work is queued again."""
    with transaction.atomic():
        _set_state(collection, Collection.State.ACTIVE)
        queue_cancelled(collection.work.all())


def queue_cancelled(work: QuerySet[Work]) -> None:
    """Queue again what was cancelled of ``work``, except on pages that are taken down. Must run in a transaction."""
    cancelled = work.filter(Q(page=None) | Q(page__takedown=None), state=WorkState.CANCELLED)
    # Cancelled work of runs that were since replaced stays cancelled: its result would be nobody's.
    present = cancelled.filter(Q(run=None) | Q(run=F("page__run")))
    lock_in_order(present).update(state=WorkState.QUEUED, ended_at=None)
    for queue in Queue.values:
        ring_on_commit(queue)


def cancel(collection: Collection) -> int:
    """Stop: nothing queued is begun, results of what runs are dropped. Pages, lines and texts stay. Returns the count.

    The state is committed first: a claim holds work while it waits for nothing else, so that neither blocks the other.
    """
    _set_state(collection, Collection.State.CANCELLED)
    with transaction.atomic():
        return cancel_work(collection.work.all())


def cancel_work(work: QuerySet[Work]) -> int:
    """Drop what is unfinished of ``work``: no result of it is written. Must run in a transaction. Returns the count."""
    unfinished = lock_in_order(work.filter(state__in=flow.OPEN))
    return unfinished.update(state=WorkState.CANCELLED, token=None, lease_until=None, ended_at=Now())


def _set_state(collection: Collection, state: Collection.State) -> None:
    collection.state = state
    collection.save(update_fields=["state"])


def rerun(
    collection: Collection, *, pages: QuerySet[Page] | None = None, find_lines: bool = False, redraw: bool = False
) -> int:
    """Read pages again with the collection's present profile, on their present lines unless ``find_lines``.

    Pages that are not yet prepared are left alone; where lines are to be found, also those whose lines a person drew,
    unless ``redraw`` says otherwise or ``pages`` is that one page. An approved page keeps its lines and is only read.
    Texts of people stay what they are. Returns how many were begun.
    """
    version = profile_version_of(collection)
    chosen = (pages if pages is not None else collection.pages.all()).filter(collection=collection)
    ids = list(chosen.exclude(state=PageState.RECEIVED).order_by("pk").values_list("pk", flat=True))
    if find_lines and not redraw and (pages is None or len(ids) != 1):
        drawn = set(Page.objects.filter(pk__in=ids).with_drawn_lines().values_list("pk", flat=True))
        ids = [page_id for page_id in ids if page_id not in drawn]
    lane = flow.lane_for(len(ids))
    for page_id in ids:
        with transaction.atomic():
            page = Page.objects.select_for_update(of=("self",)).select_related("layout").get(pk=page_id)
            layout = None if find_lines and page.approved_at is None else page.layout
            flow.start_run(page=page, profile_version=version, layout=layout, lane=lane)
    return len(ids)


def retry(failures: QuerySet[Failure]) -> int:
    """Try again what was given up; counters start afresh. Returns how many units of work were queued.

    A pass that failed while the others went on to the vote means a new run of its page: votes are not patched.
    """
    count = 0
    for failure_id, page_id in list(failures.filter(resolved_at=None).values_list("pk", "page_id")):
        with transaction.atomic():
            page = Page.objects.select_for_update().filter(pk=page_id).first() if page_id else None
            if page_id and page is None:
                continue  # taken down a moment ago
            failure = Failure.objects.select_for_update(of=("self",)).select_related("work").get(pk=failure_id)
            if failure.resolved_at is not None:
                continue
            failure.resolved_at = timezone.now()
            failure.save(update_fields=["resolved_at"])
            _queue_again(failure.work, page)
            count += 1
    return count


def _queue_again(work: Work, page: Page | None) -> None:
    voted = Work.objects.filter(run=work.run_id, step=Step.VOTE, stage=work.stage).exists()
    if page is not None and work.step == Step.RECOGNIZE and voted:
        version = profile_version_of(page.collection)
        flow.start_run(page=page, profile_version=version, layout=page.layout, lane=work.lane)
        return
    changed = Work.objects.filter(pk=work.pk, state=WorkState.FAILED).update(
        state=WorkState.QUEUED, attempts=0, interruptions=0, not_before=None, ended_at=None
    )
    if changed:
        forget_errors(work.pk)
        if work.export_id is not None:
            Export.objects.filter(pk=work.export_id).update(state=Export.State.QUEUED, ended_at=None)
        ring_on_commit(work.queue)
