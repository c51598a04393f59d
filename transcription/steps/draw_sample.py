"""Draw the sample's scans and send each through the upload's door."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

from transcription.errors import BadInput
from transcription.models import Upload, Work
from transcription.steps.files import scratch_folder
from transcription.steps.queue import finishing
from transcription.steps.store import receive_file
from transcription.training.sample import render_sample


def draw_sample(work: Work, token: uuid.UUID, progress: Callable[[], None] = lambda: None) -> None:
    """Receive the sample's files. Begun again after a crash, it skips what the collection holds already."""
    collection = work.collection
    uploader = collection.memberships.filter(role="staff").first()
    upload = Upload.objects.create(collection=collection, uploader=uploader.user if uploader else None)
    with tempfile.TemporaryDirectory(dir=scratch_folder()) as folder:
        for file in render_sample(Path(folder)):
            several = file.path.suffix in {".pdf", ".tif"}
            title = file.path.stem if several else file.path.stem.rsplit("_p", 1)[0]
            try:
                with file.path.open("rb") as stream:
                    receive_file(
                        collection=collection, upload=upload, name=file.name, stream=stream, document_title=title
                    )
            except BadInput:
                pass  # refused at the door, as it would be to anybody
            progress()
    with finishing(work, token):
        pass
