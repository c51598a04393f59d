"""Prepare a page: verify its original, decode every pixel, make the upright pyramid TIFF and the thumbnail."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from functools import lru_cache
from pathlib import Path

from transcription.errors import BadInput
from transcription.formats.decode import extract
from transcription.models import Original, PageState, Work
from transcription.steps import flow
from transcription.steps.files import local_path, put, scratch_folder
from transcription.steps.profiles import profile_version_of
from transcription.steps.queue import finishing
from transcription.steps.unpack import limits


def prepare(work: Work, token: uuid.UUID) -> None:
    """Write the page's derivatives and start its first run. Raises BadInput when the file is damaged or was altered."""
    page = work.page
    assert page is not None
    original = page.original
    pyramid = f"pages/{page.pk % 256:02x}/{page.pk}.tif"
    thumbnail = f"pages/{page.pk % 256:02x}/{page.pk}.thumb.jpg"
    with (
        tempfile.TemporaryDirectory(dir=scratch_folder()) as folder,
        local_path(original.file) as path,
    ):
        _verify(original, path)
        image, small = Path(folder) / "page.tif", Path(folder) / "thumb.jpg"
        extracted = extract(path, original.name, page.frame, image, small, limits())
        # Derivatives are the same whoever makes them: a worker that lost its lease replaces a file by its equal.
        put(image, pyramid)
        put(small, thumbnail)
    with finishing(work, token) as locked:
        assert locked is not None
        locked.width, locked.height = extracted.width, extracted.height
        locked.transform = extracted.transform
        locked.pyramid, locked.thumbnail = pyramid, thumbnail
        locked.state = PageState.PREPARED
        locked.save()
        if locked.run_id is None:
            version = profile_version_of(locked.collection)
            flow.start_run(page=locked, profile_version=version, layout=None, lane=work.lane)


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
