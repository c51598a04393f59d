"""Draw pages for blind audits, and the lines of them.

Whether a page is drawn follows from the collection's seed and the page's run: a run has one number between 0 and 1 for
ever, and its page is drawn when that is below the audited share, larger pages more often (`htr.risk`). So a worker that
dies draws the same again, and a higher share adds pages to those that are drawn already without taking any away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean

from django.db import transaction
from django.db.models import F

from transcription.htr.risk import draw_lines, inclusion, line_size
from transcription.models import (
    Audit,
    AuditLine,
    Collection,
    Line,
    Page,
    PageState,
    RouteDecision,
    Run,
    Source,
    Vote,
)
from transcription.steps.material import CHARACTERS
from transcription.steps.promises import open_promise

LINES_A_PAGE = 3
_TYPICAL_OF = 200  # pages of which the usual size is taken


@dataclass(frozen=True, slots=True)
class _Draw:
    seed: int
    weight: float


def draw_machine_audit(decision: RouteDecision, *, promised: bool) -> Audit | None:
    """Draw the page of ``decision`` as one that the machine read; None where it is not drawn. Drawn twice, it is one.

    Of pages accepted unseen, and, where an error rate is ``promised``, also of those that only their confidence keeps
    in review: they tell how low the threshold may be. The caller holds the page lock.
    """
    page = decision.page
    _overtake(page, decision.run)
    open_to_it = decision.outcome == RouteDecision.Outcome.ACCEPT or (promised and decision.is_only_unsure)
    if not open_to_it or page.approved_at is not None:
        return None
    drawn = _drawn(page.collection, decision, Audit.Kind.MACHINE, usual_size(page.collection))
    if drawn is None:
        return None
    votes = decision.run.votes.latest_by_line()
    # What somebody brought is not the machine's to answer for.
    brought = Line.objects.filter(page=page, current__source=Source.IMPORT).values_list("pk", flat=True)
    texts = {line: vote.text for line, vote in votes.items() if line not in set(brought)}
    return _write(decision, Audit.Kind.MACHINE, drawn, texts, votes)


def draw_approved_audit(page: Page) -> Audit | None:
    """Draw a page that was just approved; None where it is not drawn. The caller holds the page lock."""
    decision = RouteDecision.objects.select_related("page", "run").filter(run=page.run_id).first()
    if decision is None:
        return None
    drawn = _drawn(page.collection, decision, Audit.Kind.APPROVED, usual_size(page.collection))
    if drawn is None:
        return None
    lines = Line.objects.filter(places__layout=page.layout_id).exclude(current=None).select_related("current")
    texts = {line.pk: line.current.text for line in lines if line.current is not None}
    return _write(decision, Audit.Kind.APPROVED, drawn, texts, decision.run.votes.latest_by_line())


def draw_missing(collection: Collection, progress: Callable[[], None] = lambda: None) -> int:
    """Draw among finished pages what a raised share, or a promise that was asked for, now draws; how many more."""
    promised, usual = open_promise(collection.pk) is not None, usual_size(collection)
    decisions = RouteDecision.objects.filter(page__collection=collection, page__approved_at=None, run=F("page__run"))
    decisions = decisions.filter(page__state__in=[PageState.ACCEPTED, PageState.IN_REVIEW])
    decisions = decisions.exclude(run__audits__kind=Audit.Kind.MACHINE)
    # Which are drawn is arithmetic; only those are locked.
    chosen = [
        (each.page_id, each.run_id)
        for each in decisions.defer("counts").iterator(chunk_size=1000)
        if _drawn(collection, each, Audit.Kind.MACHINE, usual) is not None
    ]
    count = 0
    for page_id, run_id in sorted(chosen):
        with transaction.atomic():
            page = Page.objects.select_for_update().select_related("collection").filter(pk=page_id, run=run_id).first()
            decision = RouteDecision.objects.select_related("run").filter(run=run_id).first()
            if page is not None and decision is not None:
                decision.page = page
                count += draw_machine_audit(decision, promised=promised) is not None
        progress()
    return count


def usual_size(collection: Collection) -> float:
    """Characters of a usual page of the collection, from some of those that are decided; 0 where none is."""
    decided = RouteDecision.objects.filter(page__collection=collection, features__has_key=CHARACTERS)
    sizes = [features[CHARACTERS] for features in decided.values_list("features", flat=True)[:_TYPICAL_OF]]
    return fmean(sizes) if sizes else 0.0


def _drawn(collection: Collection, decision: RouteDecision, kind: Audit.Kind, usual: float) -> _Draw | None:
    size = int(decision.features.get(CHARACTERS, 0))
    if not size or collection.audit_rate <= 0:
        return None
    key = f"{collection.audit_seed}/{decision.run_id}/{kind}"
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:7])
    chance, weight = inclusion(size=size, typical=usual or size, rate=collection.audit_rate)
    return _Draw(seed, weight) if Random(seed).random() < chance else None


def _write(
    decision: RouteDecision, kind: Audit.Kind, drawn: _Draw, texts: Mapping[int, str], votes: Mapping[int, Vote]
) -> Audit | None:
    assert decision.run.layout_id is not None
    layout = decision.run.layout_id if kind == Audit.Kind.MACHINE else decision.page.layout_id
    order = Line.objects.filter(places__layout=layout, pk__in=texts).order_by("places__position")
    lines = list(order.values_list("pk", flat=True))
    random = Random(drawn.seed)
    random.random()  # the one that decided about the page
    hits = draw_lines([line_size(texts[line]) for line in lines], LINES_A_PAGE, random)
    if not hits:
        return None
    audit, created = Audit.objects.get_or_create(
        run=decision.run,
        kind=kind,
        defaults={
            "collection_id": decision.page.collection_id,
            "page": decision.page,
            "seed": drawn.seed,
            "confidence": decision.confidence,
            "size": int(decision.features[CHARACTERS]),
            "weight": drawn.weight,
        },
    )
    if created:
        AuditLine.objects.bulk_create(
            _lines(audit, [lines[index] for index in hits], list(hits.values()), texts, votes)
        )
    return audit


def _lines(
    audit: Audit, lines: Sequence[int], hits: Sequence[int], texts: Mapping[int, str], votes: Mapping[int, Vote]
) -> list[AuditLine]:
    coins = Random(audit.seed + 1)
    return [
        AuditLine(
            audit=audit,
            line_id=line,
            vote=votes.get(line),
            position=position,
            hits=times,
            size=line_size(texts[line]),
            text=texts[line],
            swapped=coins.random() < 0.5,
        )
        for position, (line, times) in enumerate(zip(lines, hits, strict=True), start=1)
    ]


def _overtake(page: Page, run: Run) -> None:
    """Audits of what an earlier run read are not worth anybody's time any more."""
    stale = Audit.objects.filter(page=page, state=Audit.State.OPEN).exclude(run=run)
    stale.update(state=Audit.State.OVERTAKEN)
