"""The queue: enqueue, claim, renew, finish and release work rows. All times are the database's.

A claim commits before anything is computed; a result is written only while the claim's token is on the row, so a
worker that was believed dead can come back and change nothing (a fence).
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from transcription.errors import LonghandError, LostLease, NotAnswered, TransientError
from transcription.models import Failure, Lane, Page, Queue, Step, Work, WorkState
from transcription.steps.bell import ring_on_commit

MAX_INTERRUPTIONS = 3  # workers lost while they had nothing else in hand
MAX_ATTEMPTS = 3  # errors that may pass
MAX_FETCHES = 7  # other people's servers are away for minutes, not for seconds
FETCH_PAUSE = 5.0  # seconds before the second try, then twice as long each time
_FREED: dict[str, None] = {"token": None, "lease_until": None}
QUEUE_OF_STEP = dict.fromkeys(Step, Queue.CPU) | dict.fromkeys([Step.SEGMENT, Step.RECOGNIZE, Step.ALIGN], Queue.ENGINE)


@dataclass(frozen=True, slots=True)
class Claim:
    """Work rows taken together under one token."""

    token: uuid.UUID
    work: tuple[Work, ...]


def enqueue(*, step: Step, collection_id: int, lane: int = Lane.BULK, **identity: object) -> Work | None:
    """Add a unit of work unless the same one exists; rings when the transaction commits. None if it existed.

    ``identity`` are the fields of Work that tell it from others (page_id, run_id, pass_version_id, stage …).
    """
    key = json.dumps([step, collection_id, sorted(identity.items())], default=str)
    digest = hashlib.sha256(key.encode()).hexdigest()
    queue = QUEUE_OF_STEP[step]
    rank = len(Step) - list(Step).index(step)
    made, created = Work.objects.get_or_create(
        input_hash=digest,
        defaults={"step": step, "rank": rank, "queue": queue, "collection_id": collection_id, "lane": lane} | identity,
    )
    if created:
        ring_on_commit(queue)
    return made if created else None


# Which collection is served next: interactive before bulk, then the one that waited longest. Work for an engine goes
# only to a worker that holds exactly that version of it.
_CHOOSE = """
SELECT c.id FROM transcription_collection c
WHERE c.state = 'active' AND c.id <> ALL(%(passed_over)s) AND EXISTS (
    SELECT FROM transcription_work w LEFT JOIN transcription_passversion p ON p.id = w.pass_version_id
    LEFT JOIN transcription_run u ON u.id = w.run_id AND w.step = 'segment'
    LEFT JOIN transcription_profileversion v ON v.id = u.profile_version_id
    WHERE w.collection_id = c.id AND w.queue = %(queue)s AND w.lane = %(lane)s AND w.state = 'queued'
      AND (w.not_before IS NULL OR w.not_before <= clock_timestamp())
      AND (w.pass_version_id IS NULL OR p.engine_digest = ANY(%(held)s))
      AND (v.id IS NULL OR v.segmenter_digest = ANY(%(held)s)))
ORDER BY c.served_at, c.id LIMIT 1
"""

# Within it: what was lost with others first, by itself; then pages begun; then first come. The state of the collection
# is looked at again, since it may have been paused after it was chosen.
_CLAIM = """
WITH due AS (
    SELECT w.id, w.alone FROM transcription_work w
    JOIN transcription_collection c ON c.id = w.collection_id AND c.state = 'active'
    LEFT JOIN transcription_passversion p ON p.id = w.pass_version_id
    LEFT JOIN transcription_run u ON u.id = w.run_id AND w.step = 'segment'
    LEFT JOIN transcription_profileversion v ON v.id = u.profile_version_id
    WHERE w.collection_id = %(collection)s AND w.queue = %(queue)s AND w.lane = %(lane)s AND w.state = 'queued'
      AND (w.not_before IS NULL OR w.not_before <= clock_timestamp())
      AND (w.pass_version_id IS NULL OR p.engine_digest = ANY(%(held)s))
      AND (v.id IS NULL OR v.segmenter_digest = ANY(%(held)s))
    ORDER BY w.alone DESC, w.rank, w.id LIMIT %(limit)s FOR UPDATE OF w SKIP LOCKED
), batch AS (
    SELECT id FROM due WHERE NOT (SELECT bool_or(alone) FROM due)
    UNION ALL (SELECT id FROM due WHERE alone ORDER BY id LIMIT 1)
)
UPDATE transcription_work SET state = 'running', token = %(token)s, worker = %(worker)s,
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
    company = (SELECT count(*) FROM batch), started_at = clock_timestamp(), ended_at = NULL, waiting_for = ''
WHERE id IN (SELECT id FROM batch)
RETURNING id
"""

# Fairness is not worth waiting for: who finds the row locked leaves it to whoever holds it.
_SERVED = """
UPDATE transcription_collection SET served_at = clock_timestamp() WHERE id IN (
    SELECT id FROM transcription_collection WHERE id = %(collection)s FOR NO KEY UPDATE SKIP LOCKED)
"""


def claim(*, queue: Queue, worker: str, limit: int, engine_digests: Sequence[str] = ()) -> Claim | None:
    """Take up to ``limit`` due rows of one collection, or one row alone if it must be tried alone; None if none is due.

    Commits before it returns. Two workers never get the same row; where all due rows of one collection are just being
    taken by others, the next collection is served.
    """
    token = uuid.uuid4()
    parameters: dict[str, Any] = {
        "queue": str(queue),
        "held": list(engine_digests),
        "limit": limit,
        "token": token,
        "worker": worker,
        "lease": settings.LEASE_SECONDS,
    }
    for lane in sorted(Lane.values):
        passed_over: list[int] = []
        while True:
            with transaction.atomic(durable=True), connection.cursor() as cursor:
                cursor.execute(_CHOOSE, parameters | {"lane": lane, "passed_over": passed_over})
                chosen = cursor.fetchone()
                if chosen is None:
                    break
                cursor.execute(_CLAIM, parameters | {"lane": lane, "collection": chosen[0]})
                ids = [row[0] for row in cursor.fetchall()]
                if ids:
                    cursor.execute(_SERVED, {"collection": chosen[0]})
            if ids:
                rows = Work.objects.filter(pk__in=ids, token=token)
                rows = rows.select_related(
                    "collection", "pass_version", "run", "page", "original", "manifest__upload"
                ).order_by("pk")
                return Claim(token, tuple(rows))
            passed_over.append(chosen[0])
    return None


def renew(*, token: uuid.UUID) -> int:
    """Extend the lease of all rows still under ``token``; called on progress only. Returns how many are left."""
    with transaction.atomic():
        until = Now() + timedelta(seconds=settings.LEASE_SECONDS)
        return lock_in_order(Work.objects.filter(token=token, state=WorkState.RUNNING)).update(lease_until=until)


def lock_in_order(rows: QuerySet[Work]) -> QuerySet[Work]:
    """The same rows, locked in the order of their ids: whoever locks several does so here, so that no two wait for each
    other. Must run in a transaction."""
    ids = list(rows.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
    return Work.objects.filter(pk__in=ids)


def _locked_page(work: Work) -> Page | None:
    """The page of ``work``, locked before any row of work is. Raises LostLease when its collection was deleted."""
    if work.page_id is None:
        return None
    page = Page.objects.select_for_update().filter(pk=work.page_id).first()
    if page is None:
        raise LostLease(f"The page of work {work.pk} was deleted; this result is dropped.")
    return page


@contextmanager
def finishing(work: Work, token: uuid.UUID, *, milliseconds: float = 0.0) -> Iterator[Page | None]:
    """The one short transaction in which a result is written: locks the page, then the row, and fences.

    Yields the locked page (None for work on an original or an export). Raises LostLease, writing nothing, when the
    row is no longer ours.
    """
    with transaction.atomic():
        page = _locked_page(work)
        ours = Work.objects.filter(pk=work.pk, token=token, state=WorkState.RUNNING)
        changed = ours.update(
            state=WorkState.DONE, token=None, lease_until=None, ended_at=Now(), milliseconds=milliseconds
        )
        if not changed:
            raise LostLease(f"Work {work.pk} was given to another worker; this result is dropped.")
        yield page


@contextmanager
def going_on(work: Work, token: uuid.UUID, *, page_id: int) -> Iterator[Page | None]:
    """A short transaction in the middle of work on many pages: locks one of them, then the row, and fences.

    Yields the locked page, None where it was deleted. Raises LostLease, writing nothing, when the row is not ours.
    """
    with transaction.atomic():
        page = Page.objects.select_for_update().filter(pk=page_id).first()
        ours = Work.objects.select_for_update().filter(pk=work.pk, token=token, state=WorkState.RUNNING)
        if not ours.exists():
            raise LostLease(f"Work {work.pk} was given to another worker; this result is dropped.")
        yield page


def fail(
    work: Work,
    token: uuid.UUID,
    error: LonghandError,
    *,
    detail: str = "",
    then: Callable[[Work, Page | None], None],
) -> bool:
    """Record an error: back-off for what may pass, a Failure row for what will not. True if it was given up.

    ``then`` is called with the work and its locked page when it was given up. Raises LostLease if the row is no
    longer ours.
    """
    with transaction.atomic():
        page = _locked_page(work)
        ours = Work.objects.filter(pk=work.pk, token=token, state=WorkState.RUNNING)
        attempts = work.attempts + 1
        if isinstance(error, TransientError) and attempts < (MAX_FETCHES if work.step == Step.FETCH else MAX_ATTEMPTS):
            later = Now() + timedelta(seconds=_pause(work, error, attempts))
            changed = ours.update(**_FREED, state=WorkState.QUEUED, attempts=attempts, not_before=later)
            given_up = False
        else:
            changed = ours.update(**_FREED, state=WorkState.FAILED, attempts=attempts, ended_at=Now())
            given_up = True
            if changed:
                record_failure(work, code=error.code, message=error.message, detail=detail)
                then(work, page)
        if not changed:
            raise LostLease(f"Work {work.pk} was given to another worker; its error is dropped.")
    return given_up


def _pause(work: Work, error: TransientError, attempts: int) -> float:
    """Seconds until the next try: longer each time, and as long as a server asked for."""
    usual = FETCH_PAUSE * 2.0 ** (attempts - 1) if work.step == Step.FETCH else 2.0**attempts
    return max(usual, error.pause or 0.0) if isinstance(error, NotAnswered) else usual


def postpone(
    *, token: uuid.UUID, work_ids: Sequence[int], reason: str, seconds: float, likewise: QuerySet[Work] | None = None
) -> int:
    """Give rows of a claim back for ``seconds``, uncounted, and say why for the screen; returns how many.

    ``likewise`` are queued rows that would only be claimed to be put off for the same reason.
    """
    later = {"not_before": Now() + timedelta(seconds=seconds), "waiting_for": _storable(reason)[:400]}
    with transaction.atomic():
        ours = lock_in_order(Work.objects.filter(pk__in=work_ids, token=token, state=WorkState.RUNNING))
        count = ours.update(**_FREED, **later, state=WorkState.QUEUED, started_at=None)
    if likewise is not None:
        # Rows that somebody holds are left to them: they find out for themselves.
        with transaction.atomic():
            queued = likewise.filter(state=WorkState.QUEUED, waiting_for="").order_by("pk")
            free = list(queued.select_for_update(of=("self",), skip_locked=True).values_list("pk", flat=True))
            Work.objects.filter(pk__in=free).update(**later)
    return count


def stop_waiting(rows: QuerySet[Work]) -> int:
    """Make rows that were put off due at once; returns how many."""
    with transaction.atomic():
        waiting = rows.filter(state=WorkState.QUEUED).exclude(waiting_for="").order_by("pk")
        count = lock_in_order(waiting).update(not_before=None, waiting_for="")
        if count:
            ring_on_commit(Queue.ENGINE)
    return count


def release(*, token: uuid.UUID) -> int:
    """Give back what was not begun or not finished, uncounted: an orderly stop is nobody's fault."""
    return _give_back(token)


def retry_alone(*, token: uuid.UUID) -> int:
    """Give back rows whose batch failed as a whole, each to be tried by itself: only the guilty one fails then."""
    return _give_back(token, alone=True)


def _give_back(token: uuid.UUID, **changes: bool) -> int:
    with transaction.atomic():
        ours = lock_in_order(Work.objects.filter(token=token, state=WorkState.RUNNING))
        return ours.update(**_FREED, **changes, state=WorkState.QUEUED, started_at=None)


def record_failure(work: Work, *, code: str, message: str, detail: str = "") -> Failure:
    """A Failure row that a person can read and retry. The caller holds the page lock and has set the work's state."""
    return Failure.objects.create(
        collection_id=work.collection_id,
        work=work,
        page_id=work.page_id,
        original_id=work.original_id,
        step=work.step,
        code=code,
        message=_storable(message),
        detail=_storable(detail),
    )


def _storable(text: str) -> str:
    """What PostgreSQL takes: libraries quote damaged files in their errors, NULs and lone surrogates included."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
