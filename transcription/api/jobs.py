"""Submit a document to be read, follow it, take its text."""

from __future__ import annotations

from datetime import datetime
from typing import BinaryIO, Literal, cast
from uuid import UUID

from django.http import HttpResponse
from ninja import Field, File, Form, Query, Router, Schema, Status, UploadedFile

from transcription.api.access import ApiRequest, Bearer, collection_for, job_for, owner_of
from transcription.api.answers import Made, answered_once
from transcription.api.lines import LineOut, lines_of
from transcription.api.problems import Problem
from transcription.api.schema import Asked, Id, Listing, Text, next_url, part_of
from transcription.models import Job, JobState, Page, Role, Scope, Webhook
from transcription.steps.cancel_job import cancel_job
from transcription.steps.delete_job import delete_job
from transcription.steps.job_report import (
    JobReport,
    JobStatus,
    JobText,
    PageText,
    ReviewStatus,
    job_reports,
    job_text,
    waiting_reason,
)
from transcription.steps.submit import inbox_of, profile_named, submit_document

router = Router(tags=["jobs"])

MOST_PAGES_WITH_LINES = 50  # of one answer; of more, lines are asked page by page


class Submission(Asked):
    collection: Id | None = Field(
        None, description="Which collection its pages belong to; none: a private one of the token's user."
    )
    document: Text = Field(
        "", max_length=250, description="Title of the document its pages are added to; none: a document of its own."
    )
    reference: Text = Field("", max_length=200, description="Your own name for it, told back to you.")
    profile: Text = Field(
        "",
        max_length=80,
        description="What reads it: starter, thorough or a named profile; none: as the collection is.",
    )
    webhook: UUID | None = Field(None, description="Which of your webhooks is told when it has ended.")
    duplicate: Literal["keep", "refuse"] = Field(
        "keep", description="What becomes of bytes that the collection holds already: read once more, or a 409."
    )


class ProblemOut(Schema):
    """Why a page was given up, or the whole file where page is null."""

    page: int | None
    number: int | None = Field(description="Which page of the file, from 1.")
    step: str
    code: str
    message: str


class ReviewOut(Schema):
    status: ReviewStatus = Field(description="Whether people still have pages of it; unknown until it has ended.")
    waiting: int = Field(description="Pages that wait for a person.")


class JobOut(Schema):
    id: UUID
    status: JobStatus = Field(description="completed: machine text is there, of all pages but those under problems.")
    reference: str
    name: str
    collection: int
    document: int
    pages: int = Field(description="0 until the file was opened.")
    done: int = Field(description="Pages whose machine text is there.")
    progress: float = Field(ge=0, le=1)
    review: ReviewOut
    problems: list[ProblemOut]
    created_at: datetime
    ended_at: datetime | None
    url: str


class PageTextOut(Schema):
    id: int
    number: int = Field(description="Which page of the file, from 1.")
    width: int | None
    height: int | None
    state: str
    confidence: float | None = Field(None, ge=0, le=1)
    word_count: int
    text: str
    lines: list[LineOut] | None = Field(None, description="Only where asked for.")


class JobDetail(JobOut):
    waiting: str = Field(description="Why nothing happens although work waits: a code; empty when all is well.")
    text: str = Field(description="Of all pages, as it stands: what people corrected is corrected here.")
    confidence: float | None = Field(None, ge=0, le=1, description="Expected share of right words.")
    word_count: int
    milliseconds: float = Field(description="What machines spent on it.")
    results: list[PageTextOut]


class JobList(Schema):
    items: list[JobOut]
    next: str | None = Field(description="Where the list goes on.")


class JobFilters(Listing):
    state: Literal["open", "completed", "failed"] | None = None
    reference: Text = Field("", max_length=200)


class JobParts(Asked):
    lines: bool = Field(False, description=f"With lines and their coordinates; at most {MOST_PAGES_WITH_LINES} pages.")
    alternatives: bool = Field(False, description="With what other passes read; goes with lines.")


@router.post("/transcribe", auth=Bearer(Scope.SUBMIT), response={202: JobOut}, summary="Submit an image or a PDF")
def transcribe(request: ApiRequest, form: Form[Submission], file: File[UploadedFile]) -> HttpResponse:
    """Takes one file; answers once it is on disk and in the database, under its SHA-256. It is read before what was
    uploaded in bulk. Follow it at the answer's Location, or give a webhook."""

    def make() -> Made:
        user = owner_of(request)
        collection = collection_for(request, form.collection) if form.collection is not None else inbox_of(user)
        if not request.auth.everywhere and form.collection is None:
            raise Problem(422, "This token is for certain collections; name one of them.", code="no-collection")
        webhook = Webhook.objects.of(user).filter(pk=form.webhook).first() if form.webhook else None
        if form.webhook and webhook is None:
            raise Problem(422, "You have no such webhook; make it at /api/v1/webhooks first.", code="unknown-webhook")
        job = submit_document(
            token=request.auth,
            collection=collection,
            name=file.name or "",
            stream=cast("BinaryIO", file),
            document=" ".join(str(form.document).split()),
            reference=form.reference,
            profile=profile_named(form.profile) if form.profile else None,
            webhook=webhook,
            keep_duplicate=form.duplicate == "keep",
        )
        return Made(202, _out(job_reports([job])[0]), _url(job))

    return answered_once(request, make, files=[file])


@router.get("/jobs", auth=Bearer(Scope.SUBMIT), response=JobList, summary="List your jobs, newest first")
def list_jobs(request: ApiRequest, wanted: Query[JobFilters]) -> JobList:
    jobs = Job.objects.visible_to(request.auth)
    if wanted.state is not None:
        jobs = jobs.filter(state=JobState(wanted.state))
    if wanted.reference:
        jobs = jobs.filter(reference=wanted.reference)
    part = part_of(jobs, wanted, order=("-created_at", "id"))
    return JobList(items=[_out(report) for report in job_reports(part.rows)], next=next_url(request, part.after))


@router.get(
    "/jobs/{uuid:job}", auth=Bearer(Scope.SUBMIT), response=JobDetail, summary="How far a job has come, and its text"
)
def get_job(request: ApiRequest, job: UUID, parts: Query[JobParts]) -> JobDetail:
    found = job_for(request, job)
    report, text = job_reports([found])[0], job_text(found)
    if parts.lines and len(text.pages) > MOST_PAGES_WITH_LINES:
        raise Problem(
            422,
            f"This job has {len(text.pages)} pages; lines are told of {MOST_PAGES_WITH_LINES} at once. Ask page by "
            "page, at /api/v1/pages/{id}/lines.",
            code="too-many-pages",
        )
    return _detail(report, text, parts)


@router.post(
    "/jobs/{uuid:job}/cancel", auth=Bearer(Scope.SUBMIT), response={200: JobOut}, summary="Give up what is not done"
)
def cancel(request: ApiRequest, job: UUID) -> HttpResponse:
    """What was read stays. The job ends as failed, or as completed where some of its pages were read; one that had
    ended before is left as it is."""

    def make() -> Made:
        found = job_for(request, job)
        cancel_job(found)
        return Made(200, _out(job_reports([found])[0]))

    return answered_once(request, make)


@router.delete(
    "/jobs/{uuid:job}", auth=Bearer(Scope.SUBMIT), response={204: None}, summary="Delete a job with its pages"
)
def delete(request: ApiRequest, job: UUID) -> Status[None]:
    """The file, its pages and every text of them are gone for good, those that people wrote too. In a collection that
    you share, that takes its admin."""
    found = job_for(request, job)
    collection_for(request, found.collection_id, Role.ADMIN)
    delete_job(found)
    return Status(204, None)


def _url(job: Job) -> str:
    return f"/api/v1/jobs/{job.pk}"


def _fields(report: JobReport) -> dict[str, object]:
    job = report.job
    return {
        "id": job.pk,
        "status": report.status,
        "reference": job.reference,
        "name": report.name,
        "collection": job.collection_id,
        "document": report.document,
        "pages": report.pages,
        "done": report.done,
        "progress": 1.0 if job.ended_at else report.done / report.pages if report.pages else 0.0,
        "review": ReviewOut(status=report.review, waiting=report.in_review),
        "problems": [
            ProblemOut(page=each.page, number=each.number, step=each.step, code=each.code, message=each.message)
            for each in report.problems
        ],
        "created_at": job.created_at,
        "ended_at": job.ended_at,
        "url": _url(job),
    }


def _out(report: JobReport) -> JobOut:
    return JobOut.model_validate(_fields(report))


def _detail(report: JobReport, text: JobText, parts: JobParts) -> JobDetail:
    pages: dict[int, Page] = {}
    if parts.lines:
        ids = [each.page.pk for each in text.pages]
        pages = Page.objects.select_related(
            "collection", "document", "original", "layout", "run__profile_version"
        ).in_bulk(ids)
    return JobDetail.model_validate(
        _fields(report)
        | {
            "waiting": waiting_reason(report.job.collection) if report.job.ended_at is None else "",
            "text": text.text,
            "confidence": text.confidence,
            "word_count": text.words,
            "milliseconds": round(text.milliseconds, 1),
            "results": [_page(each, pages.get(each.page.pk), parts) for each in text.pages],
        }
    )


def _page(text: PageText, whole: Page | None, parts: JobParts) -> PageTextOut:
    page = text.page
    return PageTextOut(
        id=page.pk,
        number=page.frame + 1,
        width=page.width,
        height=page.height,
        state=page.state,
        confidence=page.confidence,
        word_count=text.words,
        text=text.text,
        lines=lines_of(whole, alternatives=parts.alternatives) if whole is not None else None,
    )
