"""Decide whether a person must look at a page; the decision and its reasons are a row."""

from __future__ import annotations

import uuid

from django.db.models.functions import Now

from transcription.models import (
    Alignment,
    DisplacedText,
    Line,
    Page,
    PageState,
    Reading,
    RouteDecision,
    Run,
    Source,
    Step,
    Work,
    WorkState,
)
from transcription.models.route import LOW_CONFIDENCE
from transcription.steps.check_texts import failed_lines
from transcription.steps.dispatch import lines_of_passes
from transcription.steps.draw_audits import draw_machine_audit
from transcription.steps.material import material_of
from transcription.steps.promises import open_promise, promise_for, weigh_now_and_then
from transcription.steps.queue import finishing
from transcription.steps.settle_job import settle_job
from transcription.steps.usefulness import weigh

NO_LINES = "no-lines"
BLANK_PAGE = "blank-page"
NO_TEXT = "no-text"
PASS_MISSING = "pass-missing"
TRANSCRIPT_UNPLACED = "transcript-unplaced"
DRAFT_BROUGHT = "draft-brought"
TEXT_DISPLACED = "text-displaced"
LINES_REPAIRED = "lines-repaired"


def route(work: Work, token: uuid.UUID) -> None:
    """Send the page to review below its collection's threshold or when a check fails; otherwise accept it."""
    run = work.run
    assert run is not None
    checks = failed_checks(run)
    with finishing(work, token) as page:
        assert page is not None
        decide(page=page, run=run, checks=checks + transcript_checks(run))


def decide(*, page: Page, run: Run, checks: list[str]) -> None:
    """Write the run's decision, or write it anew, and move the page accordingly; it may be drawn for an audit. The
    caller holds the page lock."""
    confidence = page.confidence if page.confidence is not None else 0.0
    promise = promise_for(run)
    threshold = page.collection.threshold if promise is None or promise.threshold is None else promise.threshold
    doubtful = page.confidence is not None and confidence < threshold
    reasons = ([LOW_CONFIDENCE] if doubtful else []) + checks
    outcome = RouteDecision.Outcome.REVIEW if reasons else RouteDecision.Outcome.ACCEPT
    if is_blank_page(run):
        reasons = [BLANK_PAGE, *reasons]  # why nothing was read; by itself no reason to look
    counts = {code: count for code, count in failed_lines(run).items() if code in reasons}
    decision = {
        "outcome": outcome,
        "confidence": confidence,
        "threshold": threshold,
        "reasons": reasons,
        "counts": counts,
        "promise": promise,
        "features": material_of(run, page.confidence),
    }
    written, _ = RouteDecision.objects.update_or_create(run=run, defaults={"page": page} | decision)
    _settle(page, outcome)
    draw_machine_audit(written, promised=open_promise(page.collection_id) is not None)
    weigh_now_and_then(run)


def decide_again(*, page: Page, run: Run) -> None:
    """Renew the decision of a finished page that nobody has approved. One in review on which a person has begun to
    write stays there. The caller holds the page lock."""
    begun = Line.objects.filter(page=page, current__source=Source.PERSON).exists()
    if page.state == PageState.ACCEPTED or not begun:
        decide(page=page, run=run, checks=failed_checks(run) + transcript_checks(run))


def _settle(page: Page, outcome: str) -> None:
    """A page that a person has approved stays reviewed, whatever a later run says."""
    if page.approved_at is not None:
        page.state = PageState.REVIEWED
    else:
        page.state = PageState.IN_REVIEW if outcome == RouteDecision.Outcome.REVIEW else PageState.ACCEPTED
    page.save(update_fields=["state", "changed_at"])
    if page.state == PageState.IN_REVIEW:
        weigh([page.pk])
    if Page.objects.filter(pk=page.pk, finished_at=None).update(finished_at=Now()):
        settle_job(page.original_id)


def failed_checks(run: Run) -> list[str]:
    """Codes of what speaks against accepting the page unseen, its confidence apart."""
    if is_blank_page(run):
        return []
    if run.layout is None or not run.layout.places.exists():
        return [NO_LINES]
    reasons: list[str] = []
    if run.layout.author_id is not None:
        reasons.append(LINES_REPAIRED)  # somebody is at work on the page: it does not leave review by itself
    if not run.votes.exclude(text="").exists():
        reasons.append(NO_TEXT)
    first_stage = run.profile_version.stage_passes.filter(stage=0).select_related("pass_version")
    expected = [
        version for version, _ in lines_of_passes((each.pass_version for each in first_stage), run.layout, None)
    ]
    read = Reading.objects.filter(run=run, pass_version__in=expected).values("pass_version").distinct()
    given_up = Work.objects.filter(run=run, step=Step.RECOGNIZE, stage=0, state=WorkState.FAILED)
    if read.count() < len(expected) or given_up.exists():
        reasons.append(PASS_MISSING)
    reasons += failed_lines(run)
    if DisplacedText.objects.unsettled().filter(page=run.page_id).exists():
        reasons.append(TEXT_DISPLACED)
    return reasons


def is_blank_page(run: Run) -> bool:
    """Whether there are no lines because the segmenter is sure that the page is blank."""
    layout = run.layout
    return layout is not None and layout.is_blank and not layout.places.exists()


def transcript_checks(run: Run) -> list[str]:
    """Words that somebody brought for this page and that no line was found for are on the page or are not: a person
    must look. So at all that another program wrote."""
    standing = Alignment.objects.filter(run=run, transcript__withdrawn_at=None)
    latest = standing.order_by("-transcript__number").select_related("transcript").defer("transcript__data").first()
    if latest is None:
        return []
    return [TRANSCRIPT_UNPLACED] * bool(latest.unplaced) + [DRAFT_BROUGHT] * latest.transcript.draft
