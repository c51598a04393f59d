"""What a worker does when the bell rings: claim, compute, write, until nothing is due."""

from __future__ import annotations

import logging
import os
import socket
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import monotonic

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from transcription.engines import memory
from transcription.errors import EngineFailure, LonghandError, LostLease, OutOfMemory
from transcription.models import Queue, Step, Work
from transcription.steps import flow, queue, watch
from transcription.steps.align import align
from transcription.steps.bell import ring
from transcription.steps.calibrate import calibrate
from transcription.steps.draw_sample import draw_sample
from transcription.steps.export import export
from transcription.steps.fetch_manifest import fetch_manifest
from transcription.steps.prepare import prepare
from transcription.steps.profiles import registry
from transcription.steps.recognize import recognize
from transcription.steps.replace import replace
from transcription.steps.route import route
from transcription.steps.score import score
from transcription.steps.segment import segment
from transcription.steps.unpack import unpack
from transcription.steps.vote import vote
from transcription.steps.weigh_audits import weigh_audits
from transcription.steps.workers import held_engine_digests, load_due_engines, report_worker

logger = logging.getLogger(__name__)

SINGLE: Mapping[str, Callable[[Work, uuid.UUID], None]] = {
    Step.PREPARE: prepare,
    Step.SEGMENT: segment,
    Step.VOTE: vote,
    Step.SCORE: score,
    Step.ROUTE: route,
}
# Steps that may outlast a lease say how they get on.
LONG: Mapping[str, Callable[[Work, uuid.UUID, Callable[[], None]], None]] = {
    Step.FETCH: fetch_manifest,
    Step.UNPACK: unpack,
    Step.SAMPLE: draw_sample,
    Step.EXPORT: export,
    Step.ALIGN: align,
    Step.CALIBRATE: calibrate,
    Step.PROMISE: weigh_audits,
    Step.REPLACE: replace,
}
# Rows of a turn's first claim. Engines differ a thousandfold in how long a page's pass takes them, so later claims are
# as many rows as are worth a few seconds: large batches for the quick ones, no long holding for the slow ones.
CLAIM_SIZE = {Queue.CPU: 6, Queue.ENGINE: 9}
CLAIM_SECONDS, LEAST_CLAIM, LARGEST_CLAIM = 4.0, 3, 36
_DATABASE_AWAY = (OperationalError, InterfaceError)
TURN_SECONDS = 30.0  # then the task ends and rings for itself, so that an orderly stop never waits long


@dataclass(slots=True)
class Lease:
    """Renews a claim on progress, not more often than it must."""

    token: uuid.UUID
    renewed: float

    def progress(self) -> None:
        watch.progress()
        now = time.monotonic()
        if now - self.renewed > settings.LEASE_SECONDS / 4:
            queue.renew(token=self.token)
            self.renewed = now


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def drain(name: Queue, *, stopping: Callable[[], bool] = lambda: False) -> int:
    """Work on queue ``name`` until nothing is due, the turn is over or ``stopping`` says so; returns rows taken."""
    digests = held_engine_digests() if name == Queue.ENGINE else []
    if name == Queue.ENGINE:
        load_due_engines()  # before anything is claimed: a worker killed while it loads has nobody's page in hand
    report_worker(name=worker_name(), queue=name, engine_digests=digests)
    taken = 0
    limit = CLAIM_SIZE[name]
    ends = monotonic() + TURN_SECONDS
    while not stopping():
        claim = queue.claim(queue=name, worker=worker_name(), limit=limit, engine_digests=digests)
        if claim is None:
            return taken
        taken += len(claim.work)
        began = monotonic()
        if not _perform(name, claim, stopping):
            return taken  # the sweeper rings again: no point in knocking at a closed door as fast as we can
        if name == Queue.ENGINE:
            limit = _worth_a_few_seconds((monotonic() - began) / len(claim.work))
        worn = name == Queue.ENGINE and watch.is_over_ceiling()
        report_worker(name=worker_name(), queue=name, engine_digests=digests)
        if worn or monotonic() > ends:
            ring(name, insist=True)
            return taken
    return taken


def _worth_a_few_seconds(seconds: float) -> int:
    """How many rows to claim where one takes so long."""
    return round(min(LARGEST_CLAIM, max(LEAST_CLAIM, CLAIM_SECONDS / max(seconds, 1e-3))))


def _perform(name: Queue, claim: queue.Claim, stopping: Callable[[], bool]) -> bool:
    """Do what was claimed; False when the database went away meanwhile."""
    lease = Lease(claim.token, time.monotonic())
    try:
        if name == Queue.ENGINE:
            with registry().in_use(), watch.working():
                _with_engines(claim, lease, stopping)
        else:
            for work in claim.work:
                if stopping():
                    break
                _guarded((work,), claim.token, partial(_single, work, lease))
                lease.progress()
        queue.release(token=claim.token)  # what an orderly stop left undone; nothing otherwise
    except _DATABASE_AWAY as error:
        logger.warning("The database went away (%s); giving the claimed work back.", error)
        _release_when_back(claim.token)
        return False
    return True


def _with_engines(claim: queue.Claim, lease: Lease, stopping: Callable[[], bool]) -> None:
    """Lines of all pages are read in one call; lines are found and transcripts placed page by page."""
    reading = tuple(work for work in claim.work if work.step == Step.RECOGNIZE)
    if reading:
        _guarded(reading, claim.token, lambda: recognize(reading, claim.token, lease.progress))
    for work in claim.work:
        if work.step != Step.RECOGNIZE and not stopping():
            _guarded((work,), claim.token, partial(_single, work, lease))
            lease.progress()


def _single(work: Work, lease: Lease) -> None:
    if work.step in LONG:
        LONG[work.step](work, lease.token, lease.progress)
    else:
        SINGLE[work.step](work, lease.token)


def _guarded(works: tuple[Work, ...], token: uuid.UUID, perform: Callable[[], None]) -> None:
    """Run ``perform``; what it raises becomes the error of the work; several rows are each retried alone first."""
    try:
        perform()
        return
    except LostLease as lost:
        logger.info("%s", lost)
        return
    except _DATABASE_AWAY:
        raise  # nobody's fault; a row that PostgreSQL refuses (DataError, IntegrityError) is its maker's
    except LonghandError as known:
        error, detail = known, ""
    except Exception as raised:  # the one place: a defect becomes a Failure row, with its trace
        if memory.ran_out(raised):
            # A MemoryError must never leave a task: it would take the worker's parent process down with it.
            error, detail = OutOfMemory("There was not enough memory for this; it is tried again later."), ""
        else:
            logger.exception("Unexpected error in %s", works[0].step)
            error = EngineFailure(f"This step failed in a way Longhand does not know: {raised}", code="unexpected")
            detail = traceback.format_exc()
    if isinstance(error, OutOfMemory):
        error = OutOfMemory(error.message)  # without the frames, which hold what did not fit
        memory.give_back()
    if len(works) > 1:
        queue.retry_alone(token=token)
        return
    try:
        queue.fail(works[0], token, error, detail=detail, then=flow.after_failure)
    except LostLease as lost:
        logger.info("%s", lost)


def _release_when_back(token: uuid.UUID) -> None:
    """Give work back once the database answers again; after the lease has run out the sweeper has done so."""
    ends = time.monotonic() + settings.LEASE_SECONDS
    while time.monotonic() < ends:
        connection.close()
        try:
            queue.release(token=token)
            return
        except _DATABASE_AWAY:
            time.sleep(0.5)
