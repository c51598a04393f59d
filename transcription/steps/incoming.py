"""Files that arrive in pieces: what is on disk for good is acknowledged, and a file once it is an original.

The row's ``offset`` is written after an fsync; what a killed process had received beyond it is cut off and sent again.
One request at a time writes a file: it holds a lock on it that the kernel frees when the process dies.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from transcription.errors import BadInput, Conflict, StorageFull
from transcription.formats.kinds import safe_name
from transcription.models import IncomingFile, IncomingState, KnownFiles, Upload
from transcription.models.incoming import LONGEST_PATH, fingerprint
from transcription.steps.disk import check_room, told_when_full
from transcription.steps.files import scratch_folder
from transcription.steps.store import LONGEST_TITLE, Arrived, Likeness, Received, store
from transcription.steps.upload_limits import UploadLimits, check_size, limits_of

CHUNK = 2**16  # what a connection that breaks down has received at most without its being written
CHECKPOINT = 8 * 2**20  # what a process that is killed has received at most without its being acknowledged
STRAY_AGE = 2 * 86_400  # seconds after which a file that no row knows is nobody's
BESIDE = "beside"  # the code of a transcript of scans, which is no original
_PREFIX = "incoming-"


class WrongOffset(Conflict):
    """The sender goes on at another place than where we stopped, at ``offset``."""

    code = "wrong-offset"

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class BeingReceived(Conflict):
    """Another request is just writing this file."""

    code = "being-received"


class Settled(Conflict):
    """Nothing more is to be sent of this file, or decided about it."""

    code = "settled"


class BadChecksum(BadInput):
    code = "checksum"


class Body(Protocol):
    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; none at the end, be it that the connection broke."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the sender says of one piece: ``algorithm`` is hashlib's name."""

    algorithm: str
    digest: bytes


# --- Beginning


def tidy_path(path: str) -> str:
    """A relative path as it may be stored and shown: every part safe, without those that lead up or nowhere."""
    parts = [part for part in unicodedata.normalize("NFC", path).replace("\\", "/").split("/") if part.strip(". \t")]
    tidied = "/".join(safe_name(part) for part in parts) or safe_name("")
    return tidied if len(tidied) <= LONGEST_PATH else tidied[-LONGEST_PATH:].partition("/")[2] or safe_name(parts[-1])


def title_of(path: str) -> str:
    """The title of the document that the file of a tidied path belongs to: its folder's path; a PDF is one by itself.
    Empty for a file without a folder."""
    folder, _slash, name = path.rpartition("/")
    if name.lower().endswith(".pdf"):
        return path
    return folder


def begin(
    *,
    upload: Upload,
    limits: UploadLimits,
    path: str,
    size: int,
    modified: int | None = None,
    promised_sha256: str = "",
) -> IncomingFile:
    """A file that is about to be sent, saved with its first bytes or by the caller. Raises BadInput, StorageFull."""
    path = tidy_path(path)
    file = IncomingFile(upload=upload, collection=upload.collection, path=path, size=size, modified=modified)
    file.fingerprint, file.promised_sha256 = fingerprint(path, size, modified), promised_sha256.lower()
    check_size(file.name, size, limits)
    check_room(size)
    return file


def expires_at(file: IncomingFile) -> datetime:
    """Until when what has come of a file is kept."""
    return file.changed_at + timedelta(days=settings.INCOMING_DAYS)


def acknowledged(file: IncomingFile) -> int:
    """How many bytes the sender need not send again. Fewer than the row says where the disk has lost some."""
    if file.state != IncomingState.RECEIVING:
        return file.size
    try:
        return min(file.offset, _path(file).stat().st_size)
    except FileNotFoundError:
        return 0


# --- Receiving


def receive(
    file: IncomingFile,
    body: Body,
    *,
    offset: int,
    length: int,
    checksum: Checksum | None = None,
    limits: UploadLimits | None = None,
) -> None:
    """Append ``length`` bytes of ``body`` at ``offset``; settle the file when it is whole.

    What came of a connection that broke is kept and acknowledged. Raises WrongOffset, BeingReceived, Settled,
    BadChecksum, StorageFull (what was acknowledged stays), and BadInput for a file that cannot be used.
    """
    check_room(length)
    with _held(file) as handle:
        start = _where_to_go_on(file, handle)
        if start != offset:
            sentence = _("“%(name)s” goes on at byte %(offset)d.")
            raise WrongOffset(sentence % {"name": file.name, "offset": start}, start)
        if start + length > file.size:
            sentence = _("More of “%(name)s” was sent than was announced. Send it again.")
            raise BadInput(sentence % {"name": file.name}, code="too-long")
        sha = hashlib.sha256() if start == 0 else None
        try:
            end = _append(file, handle, body, start, start + length, checksum, sha)
        except StorageFull:
            os.ftruncate(handle, file.offset)
            raise
        if end < file.size:
            if end > file.offset:
                _acknowledge(file, end)
            return
        _settle(file, sha.hexdigest() if sha else _digest(handle), KnownFiles(file.upload.known_files), limits)


def _append(
    file: IncomingFile,
    handle: int,
    body: Body,
    start: int,
    end: int,
    checksum: Checksum | None,
    sha: hashlib._Hash | None,
) -> int:
    """Write what comes, durably; returns up to where the file is whole and right."""
    check = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None
    written = durable = start
    with told_when_full():
        while written < end and (chunk := body.read(min(CHUNK, end - written))):
            _write(handle, chunk)
            written += len(chunk)
            for each in (sha, check):
                if each is not None:
                    each.update(chunk)
            if check is None and written - durable >= CHECKPOINT and written < file.size:
                os.fsync(handle)
                durable = written
                _acknowledge(file, durable)
        os.fsync(handle)
    if checksum is None or check is None:
        return written
    if written < end:  # a part of a piece cannot be checked
        return start
    if check.digest() != checksum.digest:
        sentence = _("A piece of “%(name)s” was altered on its way. It is asked for again.")
        raise BadChecksum(sentence % {"name": file.name})
    return written


def _write(handle: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(handle, view) :]


def _acknowledge(file: IncomingFile, offset: int) -> None:
    file.offset = offset
    if file._state.adding:
        file.save(force_insert=True)
    else:
        file.save(update_fields=["offset", "changed_at"])


@contextmanager
def _held(file: IncomingFile) -> Iterator[int]:
    """The file, open and locked. Raises BeingReceived where another request holds it, Settled where it came first."""
    path = _path(file)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sentence = _("“%(name)s” is just being received by another request.")
            raise BeingReceived(sentence % {"name": file.name}) from None
        if not file._state.adding:
            # Read under the lock: whoever held it before may have brought the file further, or to its end.
            file.refresh_from_db(fields=["state", "offset", "changed_at"])
        yield handle
    except IncomingFile.DoesNotExist:
        path.unlink(missing_ok=True)
        raise
    finally:
        if file._state.adding:  # no row knows of it
            path.unlink(missing_ok=True)
        os.close(handle)


def _where_to_go_on(file: IncomingFile, handle: int) -> int:
    """Cut off what was never acknowledged and stand at the end. Raises Settled."""
    if file.state != IncomingState.RECEIVING:
        if file.state != IncomingState.UNDECIDED:
            _path(file).unlink(missing_ok=True)
        raise Settled(_("“%(name)s” has arrived already.") % {"name": file.name})
    start = min(file.offset, os.fstat(handle).st_size)
    os.ftruncate(handle, start)
    os.lseek(handle, start, os.SEEK_SET)
    file.offset = start
    return start


def _digest(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    with os.fdopen(os.dup(handle), "rb") as whole:
        return hashlib.file_digest(whole, "sha256").hexdigest()


def _path(file: IncomingFile) -> Path:
    return scratch_folder() / f"{_PREFIX}{file.pk}"


# --- Settling


def decide(file: IncomingFile, choice: KnownFiles) -> None:
    """Do what a person decided about a file that is known: keep both, skip it, or replace the scan it is like.

    Raises Settled where nothing is left to decide, BeingReceived while another request does it, BadInput, StorageFull.
    """
    with _held(file):
        if file.state != IncomingState.UNDECIDED:
            raise Settled(_("“%(name)s” was decided about already.") % {"name": file.name})
        _settle(file, file.sha256, choice)


def forget(file: IncomingFile) -> None:
    """Drop what has come of a file that will not be sent to its end. Raises Settled, BeingReceived."""
    with _held(file):
        if file.state not in (IncomingState.RECEIVING, IncomingState.UNDECIDED):
            raise Settled(_("“%(name)s” has arrived already.") % {"name": file.name})
        path = _path(file)
        file.delete()
        path.unlink(missing_ok=True)


def _settle(file: IncomingFile, digest: str, choice: KnownFiles, limits: UploadLimits | None = None) -> None:
    """Say what becomes of a whole file. Raises BadInput, with the refusal on record."""
    upload = file.upload
    arrived = Arrived(_path(file), file.name, title_of(file.path), digest, file.size)
    try:
        if file.promised_sha256 and file.promised_sha256 != digest:
            sentence = _("“%(name)s” was altered on its way: its SHA-256 is not the one announced. Send it again.")
            raise BadInput(sentence % {"name": file.name}, code="altered-on-its-way")
        store(
            arrived,
            collection=file.collection,
            upload=upload,
            known_files=choice,
            limits=limits or limits_of(file.collection, upload.uploader),
            original_id=file.pk,
            viewer=upload.uploader,
            then=partial(_note, file, arrived, choice),
        )
    except BadInput as error:
        file.code, file.message = error.code, error.message
        _save(file, IncomingState.REFUSED, digest)
        arrived.path.unlink(missing_ok=True)
        raise
    except IntegrityError:
        if not _stored_beside(file, digest):
            raise
    if file.state != IncomingState.UNDECIDED:
        arrived.path.unlink(missing_ok=True)


def _note(file: IncomingFile, arrived: Arrived, choice: KnownFiles, received: Received) -> None:
    """Write on the row what became of the file; runs in the transaction that stores it."""
    like = received.duplicate_of
    if received.beside is not None:  # a transcript: it waits for its scan, or has found it
        state = IncomingState.STORED
    elif received.original is not None:
        file.original, file.twin, state = received.original, None, IncomingState.STORED
    elif like is not None and _is_itself(arrived, received):
        file.original, file.twin, state = like, None, IncomingState.STORED
    elif choice == KnownFiles.ASK:
        file.original, file.twin, state = None, like, IncomingState.UNDECIDED
    elif choice == KnownFiles.REPLACE:  # the same bytes: its stored copy is sound again
        file.original, file.twin, state = like, None, IncomingState.STORED
    else:
        file.original, file.twin, state = None, like, IncomingState.SKIPPED
    file.code = BESIDE if received.beside else str(received.likeness) if state == IncomingState.UNDECIDED else ""
    _save(file, state, arrived.sha256)


def _is_itself(arrived: Arrived, received: Received) -> bool:
    """Whether it is the very file that was stored before, sent again: no question to anybody."""
    like = received.duplicate_of
    if like is None or received.likeness != Likeness.SAME_BYTES or like.name != arrived.name:
        return False
    return not arrived.title or like.document.title == arrived.title[:LONGEST_TITLE]


def _save(file: IncomingFile, state: IncomingState, digest: str) -> None:
    file.state, file.offset, file.sha256 = state, file.size, digest
    file.save(force_insert=file._state.adding)


def _stored_beside(file: IncomingFile, digest: str) -> bool:
    """Whether a request beside this one, whose answer was lost, stored the same file of the same upload: then it is
    this one's answer too."""
    others = file.upload.files.filter(fingerprint=file.fingerprint, state=IncomingState.STORED, sha256=digest)
    other = others.exclude(pk=file.pk).select_related("original").first()
    if other is None:
        return False
    IncomingFile.objects.filter(pk=file.pk).delete()
    file.pk = other.pk
    file.original, file.state, file.offset = other.original, IncomingState.STORED, file.size
    return True


# --- Tidying up


def forget_expired() -> int:
    """Drop half-sent files that nobody has gone on with, undecided ones after four times as long, and what lies in the
    scratch folder that no row knows. Returns how many rows went."""
    now = timezone.now()
    expired = IncomingFile.objects.filter(
        state=IncomingState.RECEIVING, changed_at__lt=now - timedelta(days=settings.INCOMING_DAYS)
    ) | IncomingFile.objects.filter(
        state=IncomingState.UNDECIDED, changed_at__lt=now - timedelta(days=4 * settings.INCOMING_DAYS)
    )
    count = 0
    for file in expired[:1000]:
        try:
            forget(file)
            count += 1
        except (Conflict, IncomingFile.DoesNotExist):
            continue  # somebody has gone on with it this very moment
    _remove_strays()
    return count


def _remove_strays() -> None:
    oldest = time.time() - STRAY_AGE
    strays = {
        path.name.removeprefix(_PREFIX): path
        for path in scratch_folder().glob(f"{_PREFIX}*")
        if path.stat().st_mtime < oldest
    }
    open_states = [IncomingState.RECEIVING, IncomingState.UNDECIDED]
    known = IncomingFile.objects.filter(pk__in=list(strays), state__in=open_states).values_list("pk", flat=True)
    for name in strays.keys() - {str(pk) for pk in known}:
        strays[name].unlink(missing_ok=True)
