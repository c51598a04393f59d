"""Make the promise that audits allow, move the threshold by it, and end it when it no longer holds.

Audits count in the order in which they were drawn, and one that is open holds back those behind it: lines typed alike
are settled at once and those that differ wait for a judge, so whoever took the settled ones first would count errors
last.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from transcription.htr import risk
from transcription.htr.drift import drifted
from transcription.models import Audit, Collection, Page, PageState, Promise, RouteDecision, Run, Work
from transcription.models.route import LOW_CONFIDENCE
from transcription.steps.draw_audits import draw_missing, usual_size
from transcription.steps.material import CHARACTERS, watched
from transcription.steps.promises import calibration_in, expire, last_ids, open_promise
from transcription.steps.queue import finishing
from transcription.steps.route import decide_again

LEVEL = 0.95
LEAST_DECIDED = 30  # pages before thresholds to try are laid down
BLOCK = 50  # pages that are compared together with what was audited
MATERIAL_OF = 500  # pages that say what the material was like
_REUSABLE = {Promise.Reason.PROFILE, Promise.Reason.WITHDRAWN}  # what was audited before says as much as ever


@dataclass(frozen=True, slots=True)
class Weighed:
    """An audit that counts: the page's confidence and what was found."""

    audit: int
    confidence: float
    settled_at: datetime
    lines: int
    loss: risk.PageLoss


def weigh_audits(work: Work, token: uuid.UUID, progress: Callable[[], None] = lambda: None) -> None:
    """Bring the collection's promise up to date, then the decisions that its threshold changes.

    Everything is a function of the rows that are there: done twice, it changes nothing more.
    """
    collection = Collection.objects.get(pk=work.collection_id)
    promise = bring_up_to_date(collection)
    if work.run_id is None and work.audit_id is None:
        draw_missing(collection, progress)
    if promise is not None and promise.state == Promise.State.STANDING:
        _decide_anew(promise, progress)
    with finishing(work, token):
        pass


def bring_up_to_date(collection: Collection) -> Promise | None:
    """End, begin or make the promise of a collection; the one that is open afterwards."""
    with transaction.atomic():
        # Two workers weigh one collection one after the other.
        collection = Collection.objects.select_for_update(no_key=True).get(pk=collection.pk)
        run = Run.objects.filter(page__collection=collection, route_decision__isnull=False).order_by("-pk").first()
        open_ones = Promise.objects.filter(collection=collection).exclude(state=Promise.State.EXPIRED)
        promise = open_ones.select_for_update().first()  # routing may be ending it at this moment
        if promise is not None and promise.error != collection.promised_error:
            expire(promise, Promise.Reason.WITHDRAWN)
            promise = None
        if promise is not None and promise.state == Promise.State.STANDING and _is_ended(promise):
            promise = None
        if promise is None and collection.promised_error is not None and run is not None:
            promise = _begin(collection, collection.promised_error, run)
        if promise is not None:
            _choose(promise, collection)
    return open_promise(collection.pk)


def weighed(promise: Promise, *, after: int = 0) -> list[Weighed]:
    """The audits that count for ``promise``, in the order in which they were drawn, from the one after id ``after``."""
    audits = Audit.objects.filter(
        collection=promise.collection_id,
        kind=Audit.Kind.MACHINE,
        run__profile_version=promise.profile_version_id,
        pk__gt=max(after, promise.audits_after),
    )
    return counted(audits)


def counted(audits: QuerySet[Audit]) -> list[Weighed]:
    """Those of ``audits`` that count, in the order in which they were drawn: all before the first that is open."""
    found: list[Weighed] = []
    standing = audits.exclude(state=Audit.State.OVERTAKEN).select_related("page").prefetch_related("lines")
    for audit in standing.order_by("pk"):
        if audit.state == Audit.State.OPEN:
            if audit.page.run_id == audit.run_id:
                break
            continue  # its page is being read again: nobody will type it
        lines = [
            risk.CheckedLine(line.hits, line.size, line.edits or 0, line.characters or 0) for line in audit.lines.all()
        ]
        assert audit.settled_at is not None
        loss = risk.page_loss(lines, audit.weight)
        found.append(Weighed(audit.pk, audit.confidence, audit.settled_at, len(lines), loss))
    return found


def heaviest_page(collection: Collection, decisions: QuerySet[RouteDecision]) -> float:
    """The weight of the largest page that may be drawn for an audit."""
    usual = usual_size(collection)
    sizes = [features[CHARACTERS] for features in decisions.values_list("features", flat=True)]
    if not sizes or not usual:
        return 1.0
    return risk.inclusion(size=int(max(sizes)), typical=usual, rate=collection.audit_rate)[1]


def decided_for(promise: Promise) -> QuerySet[RouteDecision]:
    """Decisions about pages as the promise's profile version reads them, since its evidence begins."""
    return _decided(promise.collection_id, promise.profile_version_id, promise.decisions_after)


def acceptable(decisions: QuerySet[RouteDecision]) -> QuerySet[RouteDecision]:
    """Those of pages that are accepted unseen at some threshold: no check speaks against them."""
    return decisions.filter(Q(outcome=RouteDecision.Outcome.ACCEPT) | Q(reasons=[LOW_CONFIDENCE]))


def _decided(collection: int, profile_version: int, after: int) -> QuerySet[RouteDecision]:
    decisions = RouteDecision.objects.filter(page__collection=collection, run__profile_version=profile_version)
    return decisions.filter(pk__gt=after, features__has_key=CHARACTERS).order_by("pk")


def _begin(collection: Collection, error: float, run: Run) -> Promise | None:
    """Lay down the thresholds to try, before any audit is looked at; None while there are too few pages."""
    last = Promise.objects.filter(collection=collection).order_by("-pk").first()
    decisions_after = audits_after = 0
    if last is not None:
        decisions_after, audits_after = last.decisions_after, last.audits_after
        if last.reason not in _REUSABLE:
            decisions_after, audits_after = last.ended_with["decision"], last.ended_with["audit"]
    decisions = acceptable(_decided(collection.pk, run.profile_version_id, decisions_after))
    confidences = list(decisions.values_list("confidence", flat=True))
    if len(confidences) < LEAST_DECIDED:
        return None
    engines = run.profile_version.passes.order_by("engine_digest").values_list("engine_digest", flat=True)
    return Promise.objects.create(
        collection=collection,
        profile_version=run.profile_version,
        calibration=calibration_in(run) or "",
        engines=sorted({run.profile_version.segmenter_digest, *engines}),
        error=error,
        level=LEVEL,
        thresholds=risk.candidate_thresholds(confidences, collection.threshold),
        decisions_after=decisions_after,
        audits_after=audits_after,
    )


def _choose(promise: Promise, collection: Collection) -> None:
    """Take the lowest threshold that the audits allow; one that was taken is never given up for a stricter one."""
    audits = weighed(promise)
    heaviest = heaviest_page(collection, acceptable(decided_for(promise)))
    losses = risk.relative([audit.loss for audit in audits], heaviest)
    pairs = [(audit.confidence, loss) for audit, loss in zip(audits, losses, strict=True)]
    choice = risk.choose_threshold(pairs, promise.thresholds, promise.error, promise.level)
    standing = promise.state == Promise.State.STANDING
    if choice is not None and (promise.threshold is None or choice.threshold <= promise.threshold):
        promise.threshold = choice.threshold
    if promise.threshold is None:
        return
    used = [audit for audit in audits if audit.confidence >= promise.threshold]
    promise.pages, promise.lines = len(used), sum(audit.lines for audit in used)
    promise.measured = risk.measured_rate([audit.loss for audit in used])
    if not standing:
        promise.watched_from = last_ids(collection.pk) | {"audit": audits[-1].audit}
        latest = decided_for(promise).order_by("-pk").values_list("features", flat=True)[:MATERIAL_OF]
        promise.material = watched(latest)
        promise.made_at = timezone.now()
    promise.state = Promise.State.STANDING
    promise.save()


def _is_ended(promise: Promise) -> bool:
    """Look at what came since the promise was made; end it where that speaks against it."""
    assert promise.threshold is not None
    since = [a for a in weighed(promise, after=promise.watched_from["audit"]) if a.confidence >= promise.threshold]
    losses = risk.relative([audit.loss for audit in since], 1.0)
    if risk.is_broken(losses, promise.error):
        rate = risk.measured_rate(losses) or 0.0
        expire(promise, Promise.Reason.AUDITS, f"{rate:.4f}")
        return True
    later = decided_for(promise).filter(pk__gt=promise.watched_from["decision"])
    while True:
        first = promise.blocks * BLOCK
        block = list(later.values_list("features", flat=True)[first : first + BLOCK])
        if len(block) < BLOCK:
            return False
        promise.blocks += 1
        Promise.objects.filter(pk=promise.pk).update(blocks=promise.blocks)
        feature = drifted(promise.material, watched(block), number=promise.blocks)
        if feature is not None:
            expire(promise, Promise.Reason.MATERIAL, feature)
            return True


def _decide_anew(promise: Promise, progress: Callable[[], None]) -> None:
    """Pages that the promise's threshold moves over the line, in either direction; approved ones stay."""
    for page_id in _moved(promise):
        with transaction.atomic():
            page = Page.objects.select_for_update().select_related("collection").get(pk=page_id)
            run = page.run
            if run is not None and page.approved_at is None and page.state in (PageState.ACCEPTED, PageState.IN_REVIEW):
                decide_again(page=page, run=run)
        progress()


def _moved(promise: Promise) -> Sequence[int]:
    decisions = decided_for(promise).filter(run=F("page__run"), page__approved_at=None)
    accepted = Q(page__state=PageState.ACCEPTED, confidence__lt=promise.threshold)
    kept = Q(page__state=PageState.IN_REVIEW, reasons=[LOW_CONFIDENCE], confidence__gte=promise.threshold)
    ids: Iterable[int] = decisions.filter(accepted | kept).values_list("page", flat=True)
    return sorted(ids)
