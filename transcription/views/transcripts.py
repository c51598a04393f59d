"""Transcripts that were made elsewhere: bringing them, what became of each, and what of a page's found no place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Exists, OuterRef, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from transcription.models import Alignment, Collection, Document, Failure, ImportedTranscript, Page, Step
from transcription.models.imported import ImportedTranscriptQuerySet
from transcription.models.keyset import Slice, paged
from transcription.steps.import_transcripts import LARGEST_FILE, ImportReport, import_transcripts
from transcription.steps.withdraw import withdraw_transcript
from transcription.views.access import SignedInRequest, collection_or_404, signed_in
from transcription.views.brought import Brought
from transcription.views.page import SANDBOX
from transcription.views.upload_report import take_report

PAGE_SIZE = 60
PROBLEMS_SHOWN = 200
REPORT = "transcript-report"  # in the session: shown once, where the upload leads to


@require_GET
@signed_in
def transcripts(request: SignedInRequest, pk: int) -> HttpResponse:
    """The form that takes transcripts, and what became of those that were brought."""
    return _screen(request, collection_or_404(request, pk))


@require_POST
@signed_in
def transcripts_upload(request: SignedInRequest, pk: int) -> HttpResponse:
    """Take the files sent as ``files``; each that cannot be taken is said, the rest goes on.

    More than one request may be needed for what was chosen at once: those with ``going-on`` add to the same report.
    """
    collection = collection_or_404(request, pk)
    files = request.FILES.getlist("files")
    if not files:
        return _screen(request, collection, refused=_("Choose transcripts first: .txt, or PAGE or ALTO .xml."))
    chosen = request.POST.get("document", "")
    document = get_object_or_404(Document, collection=collection, pk=int(chosen)) if chosen.isdigit() else None
    report = import_transcripts(collection=collection, files=_named(files), importer=request.user, document=document)
    known = request.session.get(REPORT) or {}
    goes_on = request.POST.get("going-on") == "yes" and known.get("collection") == collection.pk
    request.session[REPORT] = _summary(collection, report, known if goes_on else {})
    return redirect("transcription:transcripts", collection.pk)


def _named(files: Iterable[UploadedFile[Any]]) -> Iterator[tuple[str, bytes]]:
    """One after the other, at most one byte more of each than is allowed: what is too large is not held."""
    for file in files:
        yield file.name or "", file.read(LARGEST_FILE + 1)


def _summary(collection: Collection, report: ImportReport, before: dict[str, Any]) -> dict[str, Any]:
    problems = before.get("problems", []) + [[refused.name, refused.message] for refused in report.refused]
    remarks = before.get("remarks", []) + [each.remarks() for each in report.imported if each.remarks()]
    return {
        "collection": collection.pk,
        "new": before.get("new", 0) + report.new,
        "known": before.get("known", 0) + len(report.imported) - report.new,
        "refused": before.get("refused", 0) + len(report.refused),
        "problems": problems[:PROBLEMS_SHOWN],
        "remarks": remarks[:PROBLEMS_SHOWN],
    }


@require_POST
@signed_in
def transcript_withdraw(request: SignedInRequest, pk: int) -> HttpResponse:
    """Take a transcript out of use; the one before it is in use again."""
    transcript = get_object_or_404(
        ImportedTranscript.objects.visible_to(request.user).defer("data").select_related("original"), pk=pk
    )
    in_use = withdraw_transcript(transcript, by=request.user)
    if in_use is None:
        said = _("“%(name)s” is no longer used; its lines have what the machine read.") % {"name": transcript.name}
    else:
        said = _("“%(name)s” is no longer used; “%(other)s” is in use.") % {
            "name": transcript.name,
            "other": in_use.name,
        }
    messages.success(request, said)
    return redirect("transcription:transcripts", transcript.original.collection_id)


@require_GET
@signed_in
def transcript_download(request: SignedInRequest, pk: int) -> HttpResponse:
    """The bytes as they were brought, only ever as a download."""
    transcript = get_object_or_404(ImportedTranscript.objects.visible_to(request.user), pk=pk)
    answer = HttpResponse(bytes(transcript.data), content_type="application/octet-stream")
    answer["Content-Disposition"] = content_disposition_header(True, transcript.name)
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = SANDBOX
    answer["Cache-Control"] = "private, no-store"
    return answer


def _screen(request: SignedInRequest, collection: Collection, *, refused: str = "") -> HttpResponse:
    report = take_report(request, REPORT, collection)
    in_use = _in_use(collection)
    part: Slice[ImportedTranscript] = paged(
        in_use,
        order=("-pk",),
        size=PAGE_SIZE,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    context = {
        "section": "collections",
        "collection": collection,
        "documents": Document.objects.filter(collection=collection).order_by("pk")[:200],
        "part": part,
        "rows": _rows(part.rows),
        "total": in_use.count(),
        "report": report,
        "more": max(0, report["refused"] - len(report["problems"])) if report else 0,
        "refused": refused,
        "limit_mb": LARGEST_FILE // 2**20,
    }
    return render(request, "transcription/transcripts.html", context, status=422 if refused else 200)


def _in_use(collection: Collection) -> ImportedTranscriptQuerySet:
    """The transcript in use of each page; the newest, where all were withdrawn."""
    same = ImportedTranscript.objects.filter(original=OuterRef("original"), frame=OuterRef("frame"))
    later = same.filter(number__gt=OuterRef("number"))
    found: ImportedTranscriptQuerySet = ImportedTranscript.objects.filter(
        Q(withdrawn_at=None) & ~Exists(later.standing())
        | Q(withdrawn_at__isnull=False) & ~Exists(same.standing()) & ~Exists(later),
        original__collection=collection,
    )
    return found.defer("data").select_related("original", "importer")


def _rows(transcripts: Iterable[ImportedTranscript]) -> list[Brought]:
    """With their pages, alignments and those that were brought before; five queries whatever their number."""
    shown = list(transcripts)
    originals = [each.original_id for each in shown]
    pages = {
        (page.original_id, page.frame): page
        # Of a spread that was split, the left page.
        for page in Page.objects.filter(original__in=originals).select_related("document").order_by("-part")
    }
    alignments = {(each.transcript_id, each.run_id): each for each in Alignment.objects.filter(transcript__in=shown)}
    given_up = set(
        Failure.objects.open().filter(page__in=pages.values(), step=Step.ALIGN).values_list("page", flat=True)
    )
    others: dict[tuple[object, int], list[ImportedTranscript]] = defaultdict(list)
    for other in ImportedTranscript.objects.filter(original__in=originals).defer("data").order_by("-number"):
        others[other.original_id, other.frame].append(other)
    rows = []
    for transcript in shown:
        page = pages.get((transcript.original_id, transcript.frame))
        run = page.run_id if page is not None else None
        alignment = alignments.get((transcript.pk, run)) if run is not None else None
        same = [each for each in others[transcript.original_id, transcript.frame] if each != transcript]
        failed = page is not None and page.pk in given_up
        rows.append(Brought(transcript, page, alignment, failed=failed, others=tuple(same)))
    return rows
