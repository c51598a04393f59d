"""What a submitter is told of jobs: how far each has come, and the text once it is there."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db.models import Count, Q, Sum

from transcription.models import (
    Collection,
    Failure,
    Job,
    JobState,
    LayoutLine,
    Original,
    Page,
    PageState,
    Work,
)
from transcription.steps.progress import collection_progress

LONGEST_TEXT = 2000  # pages of which texts are told at once


class JobStatus(StrEnum):
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class ReviewStatus(StrEnum):
    """Whether people still have pages of it: unknown until all are read."""

    UNKNOWN = "unknown"
    WAITING = "waiting"
    DONE = "done"
    NOT_NEEDED = "not_needed"


@dataclass(frozen=True, slots=True)
class PageProblem:
    """Why a page, or the whole file (``page`` None), was given up. ``number`` is the page of the file, from 1."""

    page: int | None
    number: int | None
    step: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class JobReport:
    """``pages`` is 0 until the file was opened. ``done``: pages whose machine text is there."""

    job: Job
    name: str
    document: int
    status: JobStatus
    pages: int
    done: int
    review: ReviewStatus
    in_review: int
    problems: list[PageProblem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class JobText:
    """The current text of a job's pages, each with its own; ``confidence`` is the share of words expected to be right,
    over the pages that have been scored; ``milliseconds`` is what machines spent on it."""

    pages: list[PageText]
    confidence: float | None
    words: int
    milliseconds: float

    @property
    def text(self) -> str:
        return "\n\n".join(page.text for page in self.pages if page.text)


@dataclass(frozen=True, slots=True)
class PageText:
    page: Page
    text: str
    words: int


def job_reports(jobs: Sequence[Job]) -> list[JobReport]:
    """How far each has come; a handful of queries whatever their number."""
    originals = [job.original_id for job in jobs]
    files = Original.objects.only("pk", "name", "document_id").in_bulk(originals)
    counted = Page.objects.filter(original__in=originals).values("original").order_by()
    pages = {
        row["original"]: row
        for row in counted.annotate(
            pages=Count("pk"),
            done=Count("pk", filter=Q(finished_at__isnull=False)),
            in_review=Count("pk", filter=Q(state=PageState.IN_REVIEW)),
            reviewed=Count("pk", filter=Q(state=PageState.REVIEWED)),
        )
    }
    unopened = [job.original_id for job in jobs if job.original_id not in pages and job.state == JobState.OPEN]
    begun = set(Work.objects.filter(original__in=unopened, started_at__isnull=False).values_list("original", flat=True))
    problems = _problems(originals)
    return [
        _report(job, files[job.original_id], pages.get(job.original_id) or {}, begun, problems[job.original_id])
        for job in jobs
    ]


def _report(
    job: Job, original: Original, counts: Mapping[str, Any], begun: Container[uuid.UUID], problems: list[PageProblem]
) -> JobReport:
    status = JobStatus.QUEUED
    if job.state != JobState.OPEN:
        status = JobStatus(job.state)
    elif counts or original.pk in begun:
        status = JobStatus.PROCESSING
    waiting, reviewed = counts.get("in_review", 0), counts.get("reviewed", 0)
    review = ReviewStatus.UNKNOWN
    if job.state == JobState.COMPLETED:
        review = ReviewStatus.DONE if reviewed else ReviewStatus.NOT_NEEDED
        review = ReviewStatus.WAITING if waiting else review
    return JobReport(
        job=job,
        name=original.name,
        document=original.document_id,
        status=status,
        pages=counts.get("pages", 0),
        done=counts.get("done", 0),
        review=review,
        in_review=waiting,
        problems=problems,
    )


def _problems(originals: Sequence[uuid.UUID]) -> defaultdict[uuid.UUID, list[PageProblem]]:
    """Of each page once: the last of its open failures, as the others follow from the same cause or say the same."""
    found: defaultdict[uuid.UUID, dict[int | None, PageProblem]] = defaultdict(dict)
    open_failures = Failure.objects.open().filter(Q(original__in=originals) | Q(page__original__in=originals))
    for failure in open_failures.select_related("page").order_by("page__frame", "page__part", "pk"):
        page = failure.page
        original = page.original_id if page is not None else failure.original_id
        assert original is not None
        number = page.frame + 1 if page is not None else None
        found[original][failure.page_id] = PageProblem(
            failure.page_id, number, failure.step, failure.code, failure.message
        )
    return defaultdict(list, {original: list(by_page.values()) for original, by_page in found.items()})


def job_text(job: Job) -> JobText:
    """The texts as they stand at this moment, whoever wrote them: what people corrected is told corrected."""
    pages = page_texts(Page.objects.filter(original=job.original_id).order_by("frame", "part")[:LONGEST_TEXT])
    work = Work.objects.filter(Q(original=job.original_id) | Q(page__original=job.original_id), run__trial=None)
    return JobText(
        pages=pages,
        confidence=_confidence(pages),
        words=sum(each.words for each in pages),
        milliseconds=work.aggregate(total=Sum("milliseconds"))["total"] or 0.0,
    )


def page_texts(pages: Iterable[Page]) -> list[PageText]:
    """The current texts of pages, lines in reading order; two queries whatever their number."""
    pages = list(pages)
    lines: defaultdict[int, list[str]] = defaultdict(list)
    layouts = {page.layout_id: page.pk for page in pages if page.layout_id is not None}
    places = LayoutLine.objects.filter(layout__in=layouts).order_by("layout", "position")
    for layout, text in places.values_list("layout", "line__current__text"):
        if text:
            lines[layouts[layout]].append(text)
    return [PageText(page, "\n".join(lines[page.pk]), _words(lines[page.pk])) for page in pages]


def _words(lines: Sequence[str]) -> int:
    return sum(len(line.split()) for line in lines)


def _confidence(pages: Sequence[PageText]) -> float | None:
    """Over all words, not over pages: a page of two words says little."""
    scored = [(each.page.confidence, each.words) for each in pages if each.page.confidence is not None]
    words = sum(count for _, count in scored)
    return sum(confidence * count for confidence, count in scored) / words if words else None


def waiting_reason(collection: Collection) -> str:
    """Why nothing happens although work waits: a code, empty when all is well."""
    return collection_progress(collection).waiting_reason
