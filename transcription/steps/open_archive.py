"""Open an archive: each file in it that is a scan becomes an original of its own, each transcript waits for its scan.

The archive stays as it was received. Opening it twice, or again after a worker was lost, adds nothing: a file is known
by the archive and its path in there.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.utils.translation import gettext as _

from transcription.errors import BadInput
from transcription.formats.decode import Limits, Listed, list_archive, unpack_archive
from transcription.formats.kinds import HEAD_BYTES, Kind, sniff
from transcription.models import Original, Upload, Work
from transcription.steps.files import local_path, scratch_folder
from transcription.steps.queue import finishing
from transcription.steps.store import receive_file

_TOGETHER = 40  # files unpacked by one decoder process, and lying beside the media at a time
_TOGETHER_BYTES = 2**30
MOST_REMARKS = 500

Remark = dict[str, str]


def open_archive(work: Work, original: Original, token: uuid.UUID, progress: Callable[[], None]) -> None:
    """Receive every file of ``original`` as uploads are received; what cannot be taken is remarked on it.

    Raises BadInput for an archive that is refused as a whole.
    """
    upload = original.upload
    assert upload is not None
    with local_path(original.file) as path, tempfile.TemporaryDirectory(dir=scratch_folder()) as folder:
        listed = list_archive(path, original.name, archive_limits())
        progress()
        known = set(original.members.values_list("member", flat=True))
        wanted = [entry for entry in listed if entry.path not in known]
        remarks = [_fault(entry, original.name) for entry in wanted if entry.fault]
        wanted = [entry for entry in wanted if not entry.fault]
        for batch in _batches(wanted):
            targets = [Path(folder) / str(entry.number) for entry in batch]
            results = unpack_archive(path, list(zip(batch, targets, strict=True)), archive_limits())
            for entry, target, error in zip(batch, targets, results, strict=True):
                found = error or _receive(entry, target, original, upload, several=len(listed))
                if isinstance(found, BadInput):
                    remarks.append({"name": entry.path, "code": found.code, "message": found.message})
                target.unlink(missing_ok=True)
                progress()
    if not original.members.exists() and not upload.beside.exists():
        raise _without_scans(original.name, remarks)
    with finishing(work, token):
        original.frames = 0
        original.remarks = remarks[:MOST_REMARKS]
        original.save(update_fields=["frames", "remarks"])


def archive_limits() -> Limits:
    """The limits of what may be unpacked, from the settings."""
    return Limits(max_entry_bytes=settings.MAX_FILE_BYTES)


def folder_of(path: str, archive: str) -> str:
    """The folder that a file of an archive stands in, as the title of its document: the archive's own name without its
    ending, then the folders in it; one that is called as the archive is, and holds all, is not said twice."""
    stem = PurePosixPath(archive).stem
    folders = path.split("/")[:-1]
    if folders and folders[0].casefold() == stem.casefold():
        folders = folders[1:]
    return "/".join([stem, *folders])


def _receive(entry: Listed, path: Path, original: Original, upload: Upload, *, several: int) -> BadInput | None:
    """Receive one unpacked file; the reason where it is not taken, None where it was or is nobody's business."""
    name = entry.path.rsplit("/", 1)[-1]
    with path.open("rb") as file:
        kind = sniff(file.read(HEAD_BYTES))
    if kind is Kind.ZIP:
        return BadInput(
            _("“%(name)s” is an archive inside of an archive. Unpack it and upload what it holds.")
            % {"name": entry.path},
            code="nested-archive",
        )
    try:
        with path.open("rb") as stream:
            received = receive_file(
                collection=original.collection,
                upload=upload,
                name=name,
                stream=stream,
                document_title=folder_of(entry.path, original.name),
            )
    except BadInput as error:
        return None if kind in (Kind.TEXT, Kind.MARKUP) and not upload.transcripts else error
    stored = received.original or _received_before(received.duplicate_of, upload, name)
    if stored is not None:
        Original.objects.filter(pk=stored.pk).update(container=original, member=entry.path)
        return None
    if received.duplicate_of is None:  # a transcript: it waits for its scan
        return None
    values = {"name": entry.path, "other": received.duplicate_of.name}
    return BadInput(
        _("“%(name)s” is the same scan as “%(other)s”, which this collection already holds.") % values, code="duplicate"
    )


def _without_scans(name: str, remarks: Sequence[Remark]) -> BadInput:
    if not remarks:
        return BadInput(_("“%(name)s” holds no scan that can be read.") % {"name": name}, code="no-pages")
    values = {"name": name, "why": remarks[0]["message"]}
    return BadInput(_("“%(name)s” holds no scan that can be read: %(why)s") % values, code=remarks[0]["code"])


def _received_before(twin: Original | None, upload: Upload, name: str) -> Original | None:
    """The file itself, where a worker was lost after it was stored and before it was said where it came from."""
    if twin is None or twin.container_id is not None or twin.upload_id != upload.pk or twin.name != name:
        return None
    return twin


def _fault(entry: Listed, archive: str) -> Remark:
    sentences = {
        "hostile-name": _("“%(name)s” in “%(archive)s” has a path that leads out of the archive; it was left out."),
        "not-a-file": _("“%(name)s” in “%(archive)s” is a link or a device, not a file; it was left out."),
        "encrypted": _("“%(name)s” in “%(archive)s” is encrypted. Pack it again without a password."),
        "unsupported-packing": _("“%(name)s” in “%(archive)s” is packed in a rare way. Pack it again as plain ZIP."),
        "too-large": _("“%(name)s” in “%(archive)s” is too large. Upload it by itself or split it."),
        "twice": _("“%(name)s” stands twice in “%(archive)s”; the second was left out."),
    }
    message = sentences[entry.fault] % {"name": entry.path, "archive": archive}
    return {"name": entry.path, "code": entry.fault, "message": message}


def _batches(entries: Sequence[Listed]) -> list[list[Listed]]:
    batches: list[list[Listed]] = []
    room = 0
    for entry in entries:
        if not batches or len(batches[-1]) >= _TOGETHER or entry.size > room:
            batches.append([])
            room = _TOGETHER_BYTES
        batches[-1].append(entry)
        room -= entry.size
    return batches
