"""Transcripts that come in the same upload as the scans: each finds its page as soon as both are here.

A file belongs to the scan of its name but for the ending, or of the name that it says itself (PAGE's imageFilename,
ALTO's fileName), which Transkribus, eScriptorium and METS packages rely on: of several, to the one that stands in its
own folder, then in the folder above (page/, alto/), then in a folder beside its own.
"""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import BinaryIO

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from transcription.errors import BadInput
from transcription.formats.ground_truth import parse_ground_truth
from transcription.formats.kinds import ARCHIVES, safe_name
from transcription.models import Beside, BesideTranscript, Original, Upload
from transcription.steps.import_transcripts import (
    LARGEST_FILE,
    SUFFIXES,
    check_transcript,
    import_transcript,
    name_stem,
    page_number_in,
)

_AROUND = 3  # how near a scan stands that is of the same name: own folder, above, beside, anywhere in the upload


def is_beside(name: str, upload: Upload) -> bool:
    """Whether a file of this name is taken as a transcript of the scans that it comes with."""
    return bool(upload.transcripts) and PurePosixPath(name).suffix.lower() in SUFFIXES


def receive_beside(*, upload: Upload, name: str, stream: BinaryIO, folder: str) -> BesideTranscript:
    """Keep a transcript until its scan is here, or give it to its page at once. The same file again is the one before.

    Raises BadInput for what is no transcript of a page.
    """
    data = stream.read(LARGEST_FILE + 1)
    check_transcript(name, data)
    image = parse_ground_truth(data, name).image_name
    digest = hashlib.sha256(data).hexdigest()
    beside, _created = BesideTranscript.objects.get_or_create(
        upload=upload,
        folder=folder[:500],
        name=name,
        sha256=digest,
        defaults={"stem": name_stem(name), "image_stem": name_stem(safe_name(image)) if image else "", "data": data},
    )
    found = _find(beside)
    if found is not None:
        _take(beside.pk, *found)
        beside.refresh_from_db()
    return beside


def take_beside(original: Original) -> int:
    """Give ``original``, which was opened, the transcripts that wait for it; returns how many it got."""
    if original.upload is None or not original.upload.transcripts:
        return 0
    stem = name_stem(original.name)
    fitting = Q(stem=stem) | Q(image_stem=stem)
    if (original.frames or 0) > 1:
        fitting |= Q(stem__startswith=stem)
    waiting = original.upload.beside.filter(fitting, state=BesideTranscript.State.WAITING).order_by("pk")
    count = 0
    for beside in waiting:
        found = _find(beside)
        if found is not None and found[0].pk == original.pk:
            count += _take(beside.pk, *found)
    return count


def _find(beside: BesideTranscript) -> tuple[Original, int] | None:
    """The original and frame that a transcript belongs to; None while there is none, its file is not opened, or there
    are two that stand as near."""
    scans = Original.objects.filter(upload=beside.upload_id).exclude(kind__in=ARCHIVES).select_related("document")

    def nearest(stem: str) -> Original | None:
        same = [scan for scan in scans.filter(name__istartswith=f"{stem}.") if name_stem(scan.name) == stem]
        distances = sorted(_distance(beside.folder, _folder_of(scan, beside.upload)) for scan in same)
        if not same or distances[:1] == distances[1:2]:
            return None
        return min(same, key=lambda scan: _distance(beside.folder, _folder_of(scan, beside.upload)))

    for stem in filter(None, (beside.stem, beside.image_stem)):
        single = nearest(stem)
        if single is not None and single.frames == 1:
            return single, 0
    whole, number = page_number_in(beside.stem)
    holding = nearest(whole) if number else None
    if holding is not None and (holding.frames or 0) > max(1, number - 1):
        return holding, number - 1
    return None


def loose_title(upload: Upload) -> str:
    """The title of the document of what came in no folder."""
    return f"Upload of {upload.created_at:%Y-%m-%d %H:%M}"


def _folder_of(scan: Original, upload: Upload) -> str:
    """Where a scan stood, told by the title of its document: a folder, or a file that is a document by itself."""
    title = scan.document.title
    if title in (loose_title(upload), scan.name):
        return ""
    return title.removesuffix(f"/{scan.name}")


def _distance(folder: str, other: str) -> int:
    if folder == other:
        return 0
    above = folder.rpartition("/")[0]
    if other == above:
        return 1
    return 2 if other.rpartition("/")[0] == above else _AROUND


def _take(beside_id: int, original: Original, frame: int) -> bool:
    """Make a waiting transcript the page's; False where somebody else was first."""
    with transaction.atomic():
        beside = BesideTranscript.objects.select_for_update(of=("self",)).select_related("upload__uploader")
        waiting = beside.filter(pk=beside_id, state=BesideTranscript.State.WAITING).first()
        if waiting is None:
            return False
        data = bytes(waiting.data)
        try:
            lines = check_transcript(waiting.name, data)
        except BadInput as error:
            waiting.state, waiting.code, waiting.message = BesideTranscript.State.REFUSED, error.code, error.message
            waiting.save(update_fields=["state", "code", "message"])
            return False
        taken = import_transcript(
            original=original,
            frame=frame,
            name=waiting.name,
            data=data,
            lines=lines,
            importer=waiting.upload.uploader,
            draft=waiting.upload.transcripts == Beside.DRAFT,
        )
        waiting.state, waiting.transcript, waiting.data = BesideTranscript.State.TAKEN, taken.transcript, b""
        waiting.save(update_fields=["state", "transcript", "data"])
    return True


def beside_counts(upload: Upload) -> dict[str, int]:
    """How many transcripts of an upload are in each state."""
    counts = dict.fromkeys(BesideTranscript.State.values, 0)
    for state in upload.beside.values_list("state", flat=True):
        counts[state] += 1
    return counts


def why_waiting(beside: BesideTranscript) -> str:
    """For people: what a transcript that found no page waits for."""
    return _(
        "“%(name)s” belongs to no scan of this upload: name it as the scan it transcribes, but for its ending."
    ) % {"name": beside.name}
