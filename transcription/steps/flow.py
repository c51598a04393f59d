"""A page's journey: what follows what. Every function here needs the page lock and runs inside its transaction.

RECEIVED ─prepare─► PREPARED ─segment─► SEGMENTED ─recognize─► READ ─vote─► VOTED ─score─► SCORED
         ─route─► ACCEPTED | IN_REVIEW (─approve─► REVIEWED)
                                          ▲ next stage, doubtful lines only ◄──────────┘
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Max
from django.db.models.functions import Now

from transcription.models import (
    CollectionCalibration,
    Document,
    Export,
    Failure,
    ImportedTranscript,
    Lane,
    Layout,
    Manifest,
    Page,
    PageState,
    ProfileVersion,
    Run,
    Step,
    Trial,
    Work,
    WorkState,
)
from transcription.steps.arrange import arrange_pages
from transcription.steps.bell import ring_on_commit
from transcription.steps.dispatch import lines_of_passes
from transcription.steps.queue import QUEUE_OF_STEP, enqueue, lock_in_order
from transcription.steps.settle_job import settle_job
from transcription.steps.vocabulary import pin_vocabulary

OPEN = [WorkState.QUEUED, WorkState.RUNNING]


def move(page: Page, state: PageState) -> None:
    """Set the page's state."""
    page.state = state
    page.save(update_fields=["state", "changed_at"])


def start_run(*, page: Page, profile_version: ProfileVersion, layout: Layout | None, lane: int) -> Run:
    """Begin a new run of ``page``; work of earlier runs is cancelled, their texts stay.

    With a layout the lines are read again; without one they are found first.
    """
    words = pin_vocabulary(page.collection_id)
    run = replace_run(page=page, profile_version=profile_version, layout=layout, vocabulary=words)
    if layout is None:
        enqueue(step=Step.SEGMENT, collection_id=page.collection_id, lane=lane, page_id=page.pk, run_id=run.pk)
    else:
        begin_stage(page=page, run=run, stage=0, lines=None, lane=lane)
    return run


def replace_run(*, page: Page, profile_version: ProfileVersion, layout: Layout | None, vocabulary: int) -> Run:
    """The page's next run, its own from now on, with nothing queued yet; work of earlier runs is cancelled."""
    unfinished = Work.objects.filter(page=page, run__isnull=False, run__trial=None, state__in=OPEN)
    lock_in_order(unfinished).update(state=WorkState.CANCELLED, token=None, lease_until=None, ended_at=Now())
    moot = Failure.objects.filter(page=page, resolved_at=None, work__run__isnull=False)
    moot.update(resolved_at=Now())
    run = Run.objects.create(
        page=page,
        profile_version=profile_version,
        layout=layout,
        number=_next_number(page),
        vocabulary=vocabulary,
    )
    page.run = run
    page.state = PageState.PREPARED if layout is None else PageState.SEGMENTED
    page.save(update_fields=["run", "state", "changed_at"])
    return run


def start_trial_run(*, page: Page, trial: Trial) -> Run:
    """Read the lines of ``page`` for a trial. The page keeps its run, its state and its work."""
    run = Run.objects.create(
        page=page,
        profile_version=trial.profile_version,
        layout=page.layout,
        number=_next_number(page),
        vocabulary=pin_vocabulary(page.collection_id),
        trial=trial,
    )
    begin_stage(page=page, run=run, stage=0, lines=None, lane=Lane.INTERACTIVE)
    return run


def _next_number(page: Page) -> int:
    return (page.runs.aggregate(last=Max("number"))["last"] or 0) + 1


def begin_stage(*, page: Page, run: Run, stage: int, lines: Sequence[int] | None, lane: int) -> None:
    """Queue every pass of a stage that has something to read; ``lines`` None means all lines of the layout."""
    run.stage = stage
    run.save(update_fields=["stage"])
    stage_passes = run.profile_version.stage_passes.filter(stage=stage).select_related("pass_version")
    reading = lines_of_passes((each.pass_version for each in stage_passes), run.layout, lines)
    if not reading:
        after_stage_read(page=page, run=run, stage=stage, lane=lane)
        return
    for pass_version, wanted in reading:
        enqueue(
            step=Step.RECOGNIZE,
            collection_id=page.collection_id,
            lane=lane,
            page_id=page.pk,
            run_id=run.pk,
            stage=stage,
            pass_version_id=pass_version.pk,
            lines=wanted,
        )


def after_stage_read(*, page: Page, run: Run, stage: int, lane: int) -> bool:
    """Go on to the vote once no pass of the stage is open and at least one has read; True if it went on.

    A pass that was given up does not block the vote; when all of them were, the page waits with their failures. One
    that was cancelled with its collection does: it reads when the collection is resumed.
    """
    reading = Work.objects.filter(run=run, step=Step.RECOGNIZE, stage=stage)
    states = set(reading.values_list("state", flat=True))
    if states & {*OPEN, WorkState.CANCELLED} or (states and WorkState.DONE not in states):
        return False
    if run.trial_id is None:
        move(page, PageState.READ)
    follow(Step.VOTE, page=page, run=run, stage=stage, lane=lane)
    return True


def follow(step: Step, *, page: Page, run: Run, stage: int, lane: int) -> None:
    """Queue the next step of a run."""
    enqueue(step=step, collection_id=page.collection_id, lane=lane, page_id=page.pk, run_id=run.pk, stage=stage)


def after_score(*, page: Page, run: Run, stage: int, lane: int) -> None:
    """Go on to the decision, by way of the transcript that was brought for the page, where there is one. A trial ends
    here: it decides nothing."""
    if run.trial_id is not None:
        return
    transcript = ImportedTranscript.objects.of_page(page.original_id, page.frame).standing().only("pk").first()
    if transcript is None:
        follow(Step.ROUTE, page=page, run=run, stage=stage, lane=lane)
    else:
        profile_version = run.profile_version
        place_transcript(transcript, page=page, run=run, stage=stage, lane=lane, profile_version=profile_version)


def place_transcript(
    transcript: ImportedTranscript, *, page: Page, run: Run, stage: int, lane: int, profile_version: ProfileVersion
) -> None:
    """Queue the placing of a transcript's words on the run's lines, with the first pass of ``profile_version``.

    One that was placed on them before is placed again: another one may have stood there in between.
    """
    first = profile_version.stage_passes.filter(stage=0).order_by("position", "pk").first()
    identity = {
        "page_id": page.pk,
        "run_id": run.pk,
        "stage": stage,
        "pass_version_id": first.pass_version_id if first is not None else None,
        "transcript_id": transcript.pk,
    }
    if enqueue(step=Step.ALIGN, collection_id=page.collection_id, lane=lane, **identity) is None:
        done = Work.objects.filter(step=Step.ALIGN, state=WorkState.DONE, **identity)
        if done.update(state=WorkState.QUEUED, attempts=0, interruptions=0, not_before=None, ended_at=None):
            ring_on_commit(QUEUE_OF_STEP[Step.ALIGN])


def after_failure(work: Work, page: Page | None) -> None:
    """What a given-up unit of work means: its pass may be the last one a page waits for; its export will not come.

    What failed in a trial is told where the trial is shown, and nobody is asked to retry it.
    """
    if work.run is not None and work.run.trial_id is not None:
        Failure.objects.filter(work=work, resolved_at=None).update(resolved_at=Now())
        if work.step == Step.RECOGNIZE and page is not None:
            after_stage_read(page=page, run=work.run, stage=work.stage, lane=work.lane)
        return
    if work.export_id is not None:
        Export.objects.filter(pk=work.export_id).update(state=Export.State.FAILED, ended_at=Now())
    if work.manifest_id is not None and work.stage == 0:
        Manifest.objects.filter(pk=work.manifest_id).update(state=Manifest.State.FAILED)
    if work.calibration_id is not None:
        attempt = CollectionCalibration.objects.filter(pk=work.calibration_id)
        attempt.update(state=CollectionCalibration.State.FAILED, made_at=Now())
    if work.step == Step.UNPACK and work.original is not None:
        arrange_pages(Document.objects.select_for_update(no_key=True).get(pk=work.original.document_id))
    if work.step == Step.RECOGNIZE and page is not None and work.run is not None and page.run_id == work.run_id:
        after_stage_read(page=page, run=work.run, stage=work.stage, lane=work.lane)
    if work.step == Step.ALIGN and page is not None and work.run is not None and page.run_id == work.run_id:
        # Its transcript stays where it is kept; the page goes on as one for which none was brought.
        follow(Step.ROUTE, page=page, run=work.run, stage=work.stage, lane=work.lane)
    if (original := page.original_id if page is not None else work.original_id) is not None:
        settle_job(original)


def lane_for(page_count: int) -> Lane:
    """A handful of pages that somebody waits for overtakes bulk work."""
    return Lane.INTERACTIVE if page_count <= 3 else Lane.BULK
