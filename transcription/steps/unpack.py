"""Open an original: how many pages it holds; make a page row for each and queue their preparation. What it holds in
turn, where it is an archive, become originals themselves."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.conf import settings
from django.db.models import Max

from transcription.formats.decode import Limits, probe
from transcription.formats.kinds import ARCHIVES
from transcription.models import Document, Page, Step, Work
from transcription.steps.arrange import arrange_pages
from transcription.steps.beside import take_beside
from transcription.steps.files import local_path
from transcription.steps.open_archive import open_archive
from transcription.steps.queue import enqueue, finishing


def unpack(work: Work, token: uuid.UUID, progress: Callable[[], None]) -> None:
    """Probe the file in a throw-away process, then write its pages. Raises BadInput for what cannot be opened."""
    original = work.original
    assert original is not None
    if original.kind in ARCHIVES:
        open_archive(work, original, token, progress)
        return
    with local_path(original.file) as path:
        info = probe(path, original.name, limits())
    with finishing(work, token):
        # Not its key: who splits a spread adds a page of it, and holds a page that is moved here.
        document = Document.objects.select_for_update(no_key=True).get(pk=original.document_id)
        last = document.pages.aggregate(last=Max("position"))["last"] or 0
        pages = Page.objects.bulk_create(
            Page(
                collection_id=work.collection_id,
                document=document,
                original=original,
                frame=frame.index,
                position=last + offset,
                width=frame.width,
                height=frame.height,
            )
            for offset, frame in enumerate(info.frames, start=1)
        )
        original.frames = len(pages)
        original.save(update_fields=["frames"])
        for page in pages:
            enqueue(step=Step.PREPARE, collection_id=work.collection_id, lane=work.lane, page_id=page.pk)
        arrange_pages(document)
    take_beside(original)


def limits() -> Limits:
    """The limits of what may be decoded, from the settings."""
    return Limits(max_frames=settings.MAX_PAGES, max_pixels=settings.MAX_PIXELS, max_side=settings.MAX_SIDE)
