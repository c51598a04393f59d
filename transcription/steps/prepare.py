"""Prepare a page: verify its original, decode every pixel, make the upright pyramid TIFF and the thumbnail."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from functools import lru_cache, partial
from pathlib import Path

from django.db import transaction

from transcription.errors import BadInput
from transcription.formats.decode import extract
from transcription.htr.framing import Framing, reframe, reframe_region
from transcription.models import Document, Job, Layout, Original, Page, PageState, Part, TextLayer, Work
from transcription.models.layout import TURNED
from transcription.steps import flow
from transcription.steps.arrange import arrange_pages
from transcription.steps.beside import take_beside
from transcription.steps.files import delete_files, local_path, put, scratch_folder
from transcription.steps.framings import cut_of, framing_of_layout, image_files, pyramid_name, thumbnail_name
from transcription.steps.layouts import save_layout
from transcription.steps.profiles import profile_version_of
from transcription.steps.queue import finishing
from transcription.steps.turn import is_worked_on
from transcription.steps.unpack import limits


def prepare(work: Work, token: uuid.UUID) -> None:
    """Write the page's derivatives and start its first run; where the image was made anew, turned or cut another way,
    move its lines with it and read them again. Raises BadInput when the file is damaged or was altered."""
    page = work.page
    assert page is not None
    if work.stage != page.image:  # of an image that the page was to have before it was turned or parted again
        with finishing(work, token):
            return
    original = page.original
    pyramid, thumbnail = pyramid_name(page, page.image), thumbnail_name(page, page.image)
    with (
        tempfile.TemporaryDirectory(dir=scratch_folder()) as folder,
        local_path(original.file) as path,
    ):
        _verify(original, path)
        image, small = Path(folder) / "page.tif", Path(folder) / "thumb.jpg"
        extracted = extract(path, original.name, page.frame, image, small, limits(), cut_of(page))
        # Derivatives are the same whoever makes them: a worker that lost its lease replaces a file by its equal.
        put(image, pyramid)
        put(small, thumbnail)
    renewed = page.image > 0 or page.part != Part.WHOLE
    with transaction.atomic():
        if renewed:  # the document before its pages: who unpacks locks them in this order
            document = Document.objects.select_for_update(no_key=True).get(pk=page.document_id)
        with finishing(work, token) as locked:
            assert locked is not None
            if locked.image != work.stage:
                return
            before = image_files(locked)
            locked.width, locked.height = extracted.width, extracted.height
            locked.transform = extracted.transform
            locked.pyramid, locked.thumbnail = pyramid, thumbnail
            locked.state = PageState.PREPARED
            locked.save()
            if extracted.text:
                TextLayer.objects.update_or_create(
                    original=original, frame=page.frame, defaults={"text": extracted.text}
                )
            _begin(locked, extracted.framing, work.lane)
        if renewed:
            arrange_pages(document)
        transaction.on_commit(partial(delete_files, before - {pyramid, thumbnail}))
    take_beside(original)  # for one that came while the file was being opened, or whose worker was lost just then


def _begin(page: Page, framing: Framing, lane: int) -> None:
    """Read the lines that the page has, where they stand on its new image. Have them found where there are none, and
    where a machine found them on an image that was not upright and nobody has worked on them since."""
    if page.run_id is not None:
        return
    keep = page.layout
    if page.layout is not None and (before := framing_of_layout(page.layout, page)) != framing:
        page.layout = _moved(page, page.layout, framing)
        page.save(update_fields=["layout"])
        turned = (framing.frame_turn + framing.turn - before.frame_turn - before.turn) % 4
        keep = page.layout if not turned or is_worked_on(page) else None
    job = Job.objects.filter(original=page.original_id).select_related("profile").first()
    version = profile_version_of(page.collection, job.profile if job is not None else None)
    flow.start_run(page=page, profile_version=version, layout=keep, lane=lane)


def _moved(page: Page, layout: Layout, framing: Framing) -> Layout:
    """The layout's next version: every line where its writing is on the new image."""
    before = framing_of_layout(layout, page)
    places = layout.places.select_related("line").order_by("position")
    return save_layout(
        page=page,
        places=[(reframe(place.geometry, before, framing), place.line) for place in places],
        regions=[reframe_region(region, before, framing) for region in layout.region_geometries],
        source=layout.source,
        note=layout.note,
        parent=layout,
        change=TURNED,
        framing=framing,
    )


@lru_cache(maxsize=4)
def _digest_of(path: Path, size: int, mtime: int) -> str:
    """SHA-256 of a file, remembered for its next pages: a PDF of 500 pages is not read 500 times."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify(original: Original, path: Path) -> None:
    """Raise BadInput unless the stored bytes are those that were received."""
    stat = path.stat()
    found = _digest_of(path, stat.st_size, stat.st_mtime_ns)
    if found != original.sha256:
        raise BadInput(
            f"The stored file of “{original.name}” has changed since it was received (SHA-256 {found[:12]}…, expected "
            f"{original.sha256[:12]}…). Restore it from your backup, or upload it again.",
            code="altered-original",
        )
