"""The promise of a collection as routing sees it: which is in force for a run, and when a run ends one."""

from __future__ import annotations

from django.db.models import Max
from django.db.models.functions import Now

from transcription.models import Audit, Collection, Lane, Promise, RouteDecision, Run, Step, Work
from transcription.steps.queue import enqueue

WEIGH_EVERY = 25  # runs of all collections: often enough to notice other material, too seldom to cost anything


def open_promise(collection_id: int) -> Promise | None:
    """The promise that stands, or that audits are gathered for."""
    return Promise.objects.filter(collection=collection_id).exclude(state=Promise.State.EXPIRED).first()


def promise_for(run: Run) -> Promise | None:
    """The promise whose threshold decides about ``run``; None where none stands, or not for how this run reads.

    A run that began after the promise and reads otherwise ends it.
    """
    promise = open_promise(run.page.collection_id)
    if promise is None:
        return None
    reason = _other_reading(promise, run)
    if reason is not None:
        if run.created_at > promise.created_at:
            expire(promise, reason)
        return None
    return promise if promise.state == Promise.State.STANDING else None


def _other_reading(promise: Promise, run: Run) -> Promise.Reason | None:
    if run.profile_version_id != promise.profile_version_id:
        return Promise.Reason.PROFILE
    calibration = calibration_in(run)
    if calibration is not None and calibration != promise.calibration:
        return Promise.Reason.CALIBRATION
    return None


def calibration_in(run: Run) -> str | None:
    """The id of the calibration by which a run's votes are sure of their words; None without votes."""
    return run.votes.order_by("-stage", "pk").values_list("calibration", flat=True).first()


def expire(promise: Promise, reason: Promise.Reason, detail: str = "") -> None:
    """End a promise, once; pages that were accepted while it stood stay accepted."""
    Promise.objects.filter(pk=promise.pk).exclude(state=Promise.State.EXPIRED).update(
        state=Promise.State.EXPIRED,
        expired_at=Now(),
        reason=reason,
        detail=detail,
        ended_with=last_ids(promise.collection_id),
    )


def last_ids(collection_id: int) -> dict[str, int]:
    """How far decisions and audits of a collection have come, by the ids of the last ones."""
    decisions = RouteDecision.objects.filter(page__collection=collection_id).aggregate(last=Max("pk"))["last"]
    audits = Audit.objects.filter(collection=collection_id).aggregate(last=Max("pk"))["last"]
    return {"decision": decisions or 0, "audit": audits or 0}


def weigh_now_and_then(run: Run) -> None:
    """Have the collection's audits weighed and its material looked at after every so many runs. Called in the page's
    transaction; the same run asks once."""
    collection = run.page.collection
    wanted = collection.promised_error is not None or open_promise(collection.pk) is not None
    if wanted and run.pk % WEIGH_EVERY == 0:
        enqueue(step=Step.PROMISE, collection_id=collection.pk, run_id=run.pk)


def request_weighing(collection: Collection) -> None:
    """Have everything weighed afresh after somebody changed what is promised or audited."""
    asked = Work.objects.filter(step=Step.PROMISE, collection=collection, run=None, audit=None)
    enqueue(step=Step.PROMISE, collection_id=collection.pk, lane=Lane.INTERACTIVE, stage=asked.count())
