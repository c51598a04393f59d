"""Export a collection's texts as one ZIP: a background job that leaves a whole file or none."""

from __future__ import annotations

import re
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from transcription.formats import page_xml, plain_text
from transcription.formats.records import TranscribedLine, TranscribedPage, TranscribedWord
from transcription.htr.languages import language_tag
from transcription.models import (
    Collection,
    Export,
    Lane,
    LayoutLine,
    Page,
    PageState,
    Part,
    Source,
    Step,
    TranscriptRevision,
    Verb,
    Vote,
    Work,
)
from transcription.steps.files import put, scratch_folder
from transcription.steps.framings import framing_of
from transcription.steps.queue import enqueue, finishing
from transcription.steps.record_deed import record

REPORT_EVERY = 50  # pages
PART_SUFFIXES = {Part.WHOLE: "", Part.LEFT: "-left", Part.RIGHT: "-right"}
STATES_OF_SCOPE = {
    Export.Scope.REVIEWED: [PageState.REVIEWED],
    Export.Scope.ACCEPTED: [PageState.REVIEWED, PageState.ACCEPTED],
    Export.Scope.ALL: [PageState.REVIEWED, PageState.ACCEPTED, PageState.IN_REVIEW, PageState.SCORED, PageState.VOTED],
}


def request_export(*, collection: Collection, format: str, scope: str, requester: User | None) -> Export:
    """Queue an export; it overtakes bulk work, since somebody waits for it."""
    with transaction.atomic():
        export = Export.objects.create(collection=collection, format=format, scope=scope, requester=requester)
        record(
            Verb.EXPORTED,
            about=export,
            collection=collection,
            actor=requester,
            details={"format": format, "scope": scope, "export": str(export.pk)},
        )
        enqueue(step=Step.EXPORT, collection_id=collection.pk, lane=Lane.INTERACTIVE, export_id=export.pk)
    return export


def export(work: Work, token: uuid.UUID, progress: Callable[[], None] = lambda: None) -> None:
    """Write the ZIP beside its final place, then publish it and mark the export done.

    ``progress`` is called after each page, so that the lease of a long export is kept.
    """
    assert work.export_id is not None
    job = Export.objects.select_related("collection").get(pk=work.export_id)
    pages = job.collection.pages.filter(state__in=STATES_OF_SCOPE[Export.Scope(job.scope)])
    pages = pages.select_related("document", "original", "run__profile_version").order_by("document", "position", "pk")
    name = f"exports/{job.pk}.zip"
    Export.objects.filter(pk=job.pk).update(pages=0, total=pages.count())
    count = 0
    with tempfile.TemporaryDirectory(dir=scratch_folder()) as folder:
        path = Path(folder) / "export.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for count, (entry, data) in enumerate(_entries(job, pages.iterator(chunk_size=200)), start=1):
                archive.writestr(entry, data)
                if count % REPORT_EVERY == 0:
                    Export.objects.filter(pk=job.pk).update(pages=count)
                progress()
        put(path, name)
    with finishing(work, token):
        job.file, job.state, job.pages, job.total = name, Export.State.DONE, count, count
        job.ended_at = timezone.now()
        job.save()


def _entries(job: Export, pages: Iterator[Page]) -> Iterator[tuple[str, bytes]]:
    suffix = "xml" if job.format == Export.Format.PAGE_XML else "txt"
    taken: set[str] = set()
    for page in pages:
        name = f"{_slug(Path(page.original.name).stem)}{PART_SUFFIXES[Part(page.part)]}"
        stem = f"{_slug(page.document.title)}/{page.position:04d}_{name}"
        # Titles that differ in signs only make one folder; on some systems letters' case does not tell names apart.
        if stem.casefold() in taken:
            stem = f"{stem}_{page.pk}"
        taken.add(stem.casefold())
        transcribed = transcribed_page(page)
        data = page_xml.write(transcribed) if suffix == "xml" else plain_text.write(transcribed)
        yield f"{stem}.{suffix}", data


def _slug(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or "untitled"


def transcribed_page(page: Page) -> TranscribedPage:
    """A page as it leaves Longhand: texts in reading order, with confidence and alternatives where a vote stands."""
    places = _places(page)
    votes = Vote.objects.filter(run=page.run_id).latest_by_line()
    lines = tuple(_line(place, votes.get(place.line_id)) for place in places)
    run = page.run
    metadata = {
        "original": page.original.name,
        "original-sha256": page.original.sha256,
        "collection": page.collection.identifier or page.collection.title,
        "rights": page.collection.rights,
        # Coordinates are of the page's own image: how that is cut out of the original, where it is not all of it.
        "part": Part(page.part).name.lower() if page.part else "",
        "turned": f"{page.degrees}° clockwise" if page.degrees else "",
        "columns": "-".join(map(str, framing_of(page).columns or ())),
        "state": page.state,
        "profile": str(run.profile_version) if run else "",
        "confidence": f"{page.confidence:.4f}" if page.confidence is not None else "",
    }
    return TranscribedPage(
        name=f"{page.document.title} p. {page.position}",
        image_name=_image_name(page),
        size=(page.width or 1, page.height or 1),
        lines=lines,
        metadata={key: value for key, value in metadata.items() if value},
        language=language_tag(page.collection.language),
        regions=page.layout.region_geometries if page.layout is not None else (),
    )


def _image_name(page: Page) -> str:
    """The file the coordinates are of: a page of a spread has an image of its own."""
    path = Path(page.original.name)
    return f"{path.stem}{PART_SUFFIXES[Part(page.part)]}{path.suffix}"


def _places(page: Page) -> list[LayoutLine]:
    if page.layout is None:
        return []
    return list(page.layout.places.select_related("line__current__author").order_by("position"))


def _line(place: LayoutLine, vote: Vote | None) -> TranscribedLine:
    current = place.line.current
    text = current.text if current is not None else ""
    voted = vote is not None and current is not None and current.source == Source.VOTE and current.text == vote.text
    words = tuple(
        TranscribedWord(
            text=word["text"],
            confidence=word["confidence"],
            polygon=None,
            # An alternative has a share of the vote, not a calibrated confidence: two scales must not share a name.
            alternatives=tuple((other["text"], None) for other in word["alternatives"]),
        )
        for word in (vote.words if vote is not None and voted else [])
        if word["text"]
    )
    return TranscribedLine(
        id=f"line_{place.line_id}",
        geometry=place.geometry,
        text=text,
        confidence=vote.confidence if vote is not None and voted else None,
        words=words,
        author=current.source if current is not None else "",
        tags=(),
        writer=_writer(current) if current is not None else "",
    )


def _writer(revision: TranscriptRevision) -> str:
    """The name that the history shows; nobody's where a machine wrote, a file was brought or the account is gone."""
    if revision.source != Source.PERSON or revision.author is None:
        return ""
    return revision.author.get_full_name() or revision.author.get_username()
