"""Sending files through the door that uploads come in by, and doing the work of workers on them."""

from __future__ import annotations

import io
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings
from django.db.models import Q

from transcription.errors import BadInput
from transcription.management.bad_inputs.archives import EVIL
from transcription.management.bad_inputs.files import BadFile
from transcription.models import Beside, Collection, Failure, Original, Page, Queue, Step, Upload, Work, WorkState
from transcription.steps.drain import drain
from transcription.steps.store import receive_file

_PREPARATION = [Step.UNPACK, Step.PREPARE]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: ``code`` and ``sentence`` where it was refused, else how many pages were made of it.
    ``defect`` is a traceback of what nobody foresaw: it would have been a 500 or an unexplained failure."""

    file: BadFile
    code: str = ""
    sentence: str = ""
    pages: int = 0
    defect: str = ""


def try_files(
    files: Sequence[BadFile], collection: Collection, *, say: Callable[[str], object] = lambda _: None
) -> list[Outcome]:
    """Send each in an upload of its own, then open and prepare all that was received. What engines would do of it stays
    queued."""
    sent = [_sent(file, collection) for file in files]
    say(f"{len(files)} files sent")
    began = time.monotonic()
    while drain(Queue.CPU):
        pass
    say(f"opened and prepared in {time.monotonic() - began:.0f} s")
    return [
        outcome if outcome.code or outcome.defect else _became(file, upload)
        for file, (upload, outcome) in zip(files, sent, strict=True)
    ]


def strays(roots: Iterable[Path] = ()) -> list[str]:
    """Files that came to lie where none should: those meant to break out, and what is left half done."""
    places = [Path(settings.DATA).parent, Path("/tmp"), Path("/etc"), Path("/"), *roots]
    found = {str(path) for place in places for path in place.glob(f"*{EVIL}*")}
    data = Path(settings.DATA)
    found |= {str(path) for path in data.rglob(f"*{EVIL}*")}
    return sorted(found | {str(path) for path in (data / "incoming").rglob("*") if path.is_file()})


def _sent(file: BadFile, collection: Collection) -> tuple[Upload, Outcome]:
    transcripts = Beside.TRUTH if file.group == "transcript" else Beside.LEFT_OUT
    upload = Upload.objects.create(collection=collection, transcripts=transcripts)
    stream = cast(BinaryIO, io.BytesIO(file.data))
    try:
        received = receive_file(
            collection=collection, upload=upload, name=file.name, stream=stream, document_title=str(upload.pk)
        )
    except BadInput as refused:
        return upload, Outcome(file, refused.code, refused.message)
    except Exception:  # noqa: BLE001 - what is looked for here
        return upload, Outcome(file, defect=traceback.format_exc())
    if received.duplicate_of is not None:
        return upload, Outcome(file, "duplicate", f"The same scan as “{received.duplicate_of.name}”.")
    return upload, Outcome(file)


def _became(file: BadFile, upload: Upload) -> Outcome:
    received = Original.objects.filter(upload=upload)
    pages = Page.objects.filter(original__in=received).exclude(pyramid="").count()
    of_upload = Q(original__in=received) | Q(page__original__in=received)
    failure = Failure.objects.open().filter(of_upload).order_by("pk").first()
    if failure is not None:
        defect = failure.detail if failure.code == "unexpected" else ""
        return Outcome(file, failure.code, failure.message, pages, defect)
    remarks = [remark for remarks in received.values_list("remarks", flat=True) for remark in remarks]
    if remarks:
        return Outcome(file, remarks[0]["code"], remarks[0]["message"], pages)
    if Work.objects.filter(of_upload, step__in=_PREPARATION, state__in=[WorkState.QUEUED, WorkState.RUNNING]).exists():
        return Outcome(file, defect="its work was left undone")
    return Outcome(file, pages=pages)
