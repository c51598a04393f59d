"""Receive a file: nothing is acknowledged before its bytes are hashed, on disk and in the database."""

from __future__ import annotations

import hashlib
import os
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from django.contrib.auth.models import AbstractBaseUser
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.db.models import Case, Q, When

from transcription.errors import BadInput
from transcription.formats.decode import accepted_kind
from transcription.formats.kinds import ARCHIVES, Kind, safe_name
from transcription.models import BesideTranscript, Collection, Document, KnownFiles, Lane, Original, Step, Upload
from transcription.steps.beside import is_beside, loose_title, receive_beside
from transcription.steps.disk import told_when_full
from transcription.steps.files import put_beside, scratch_folder
from transcription.steps.queue import enqueue
from transcription.steps.upload_limits import UploadLimits, limits_of, too_large, too_many_pages
from transcription.steps.verify import restore_original

CHUNK = 2**20
LONGEST_TITLE = 250


class Likeness(StrEnum):
    """In which way a file is known already."""

    SAME_BYTES = "same-bytes"
    SAME_PLACE = "same-place"  # another file of its name stands in its document
    ELSEWHERE = "elsewhere"  # the same bytes, in another collection that the sender sees


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that lies whole on the disk beside the media; ``name`` is safe, ``title`` its document's, "" if it has
    none of its own."""

    path: Path
    name: str
    title: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a file: an original; or, where nothing was stored, the one it is like, and in which way; or a
    transcript of scans that come with it."""

    original: Original | None
    duplicate_of: Original | None = None
    likeness: Likeness | None = None
    beside: BesideTranscript | None = None


def receive_file(
    *,
    collection: Collection,
    upload: Upload,
    name: str,
    stream: BinaryIO,
    document_title: str = "",
    keep_duplicate: bool = False,
    lane: Lane = Lane.BULK,
) -> Received:
    """Store ``stream`` byte for byte as an original of ``collection`` and queue its opening; bytes that the collection
    holds are stored once, unless ``keep_duplicate``.

    Raises BadInput for what needs no opening to be refused (empty, too large, of no known kind), StorageFull.
    """
    name = safe_name(name)
    if is_beside(name, upload):
        return Received(None, beside=receive_beside(upload=upload, name=name, stream=stream, folder=document_title))
    limits = limits_of(collection, upload.uploader)
    handle, temporary_name = tempfile.mkstemp(dir=scratch_folder(), prefix="receiving-")
    temporary = Path(temporary_name)
    try:
        with told_when_full(), os.fdopen(handle, "wb") as file:
            digest, size = _copy(stream, file, name, limits)
        return store(
            Arrived(temporary, name, document_title, digest, size),
            collection=collection,
            upload=upload,
            known_files=KnownFiles.KEEP if keep_duplicate else KnownFiles.ASK,
            limits=limits,
            lane=lane,
        )
    finally:
        temporary.unlink(missing_ok=True)


def store(
    arrived: Arrived,
    *,
    collection: Collection,
    upload: Upload,
    known_files: KnownFiles,
    limits: UploadLimits,
    lane: Lane = Lane.BULK,
    original_id: uuid.UUID | None = None,
    viewer: AbstractBaseUser | None = None,
    then: Callable[[Received], None] = lambda received: None,
) -> Received:
    """Make a file that lies whole on the disk an original, unless it is known and ``known_files`` says otherwise.

    With a ``viewer``, a file of its name in its document and its bytes in other collections that the viewer sees count
    as known too. ``then`` is called in the transaction that settles what became of it. Order: file into the storage,
    fsync of it and its folder, one transaction; ``arrived.path`` stays, so that a crash at any point loses nothing and
    leaves at most an orphan in the storage. Raises BadInput (also for bytes that were taken down here), StorageFull,
    and IntegrityError where ``then`` does.
    """
    if is_beside(arrived.name, upload):
        with arrived.path.open("rb") as stream, transaction.atomic():
            beside = receive_beside(upload=upload, name=arrived.name, stream=stream, folder=arrived.title)
            received = Received(None, beside=beside)
            then(received)
        return received
    kind = accepted_kind(arrived.path, arrived.name, archives=True)
    title = arrived.title or _title_of(arrived.name, kind, upload)
    document = collection.documents.filter(title=title[:LONGEST_TITLE]).first()
    _refuse_taken_down(arrived, collection)
    known = _known(arrived, collection, document, viewer)
    if known is not None and not _is_wanted(known, known_files):
        if known_files == KnownFiles.REPLACE and known.duplicate_of is not None:
            restore_original(known.duplicate_of, arrived.path)
        with transaction.atomic():
            then(known)
        return known
    if document is not None and document.pages.count() >= limits.document_pages:
        raise too_many_pages(arrived.name, document.title, limits)
    original = Original(id=original_id or uuid.uuid4(), collection=collection, upload=upload, name=arrived.name)
    original.sha256, original.size, original.kind = arrived.sha256, arrived.size, kind.value
    original.file = f"originals/{original.id.hex[:2]}/{original.id}.{kind.value}"
    with told_when_full():
        put_beside(arrived.path, original.file)
    try:
        with transaction.atomic():
            _wait_for_same_bytes(collection, arrived.sha256)
            # Looked for again: four files at a time arrive, and their twin may have been stored meanwhile.
            known = known or _known(arrived, collection, None, None)
            if known is not None and not _is_wanted(known, known_files):
                default_storage.delete(original.file)
                then(known)
                return known
            original.document = document or _document(collection, title)
            if known is not None and known_files == KnownFiles.REPLACE and known.likeness == Likeness.SAME_PLACE:
                original.replaces = known.duplicate_of
            original.save(force_insert=True)
            enqueue(step=Step.UNPACK, collection_id=collection.pk, lane=lane, original_id=original.pk)
            received = Received(original, *((known.duplicate_of, known.likeness) if known else ()))
            then(received)
    except IntegrityError:
        if not Original.objects.filter(pk=original.pk).exists():
            default_storage.delete(original.file)
        raise
    return received


def _refuse_taken_down(arrived: Arrived, collection: Collection) -> None:
    """Raises BadInput where bytes come back that were taken down, kept or not: that is for an admin to decide."""
    same = Original.objects.filter(collection=collection, sha256=arrived.sha256)
    if same.exists() and not same.shown().exists():
        raise BadInput(
            f"“{arrived.name}” was taken down from this collection. An admin can restore it under “Taken down”.",
            code="taken-down",
        )


def _title_of(name: str, kind: Kind, upload: Upload) -> str:
    """What the document of a file is called that came in no folder."""
    if kind in ARCHIVES:
        return PurePosixPath(name).stem
    return name if kind in {Kind.PDF, Kind.TIFF} else loose_title(upload)


def _is_wanted(known: Received, known_files: KnownFiles) -> bool:
    """Whether a known file is stored all the same. The same bytes replace nothing but a damaged copy of theirs."""
    if known_files == KnownFiles.REPLACE:
        return known.likeness != Likeness.SAME_BYTES
    return known_files == KnownFiles.KEEP


def _known(
    arrived: Arrived, collection: Collection, document: Document | None, viewer: AbstractBaseUser | None
) -> Received | None:
    """The original that a file is like: of the same bytes here, in the same place, of the same bytes elsewhere."""
    seen = Q(collection=collection)
    if viewer is not None:
        seen |= Q(collection__in=Collection.objects.visible_to(viewer))
    same = Q(sha256=arrived.sha256)
    known = same & seen
    if document is not None and viewer is not None:
        known |= Q(document=document, name=arrived.name)
    nearness = Case(When(same & Q(collection=collection), then=0), When(same, then=2), default=1)
    found = Original.objects.shown().in_use().filter(known).select_related("collection", "document")
    like = found.order_by(nearness, "received_at").first()
    if like is None:
        return None
    if like.sha256 != arrived.sha256:
        return Received(None, like, Likeness.SAME_PLACE)
    here = like.collection_id == collection.pk
    return Received(None, like, Likeness.SAME_BYTES if here else Likeness.ELSEWHERE)


def _copy(stream: BinaryIO, file: BinaryIO, name: str, limits: UploadLimits) -> tuple[str, int]:
    sha = hashlib.sha256()
    size = 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if size > limits.file_bytes:
            raise too_large(name, limits)
        sha.update(chunk)
        file.write(chunk)
    file.flush()
    os.fsync(file.fileno())
    return sha.hexdigest(), size


def _wait_for_same_bytes(collection: Collection, digest: str) -> None:
    """Let one transaction at a time store these bytes in this collection; released when it ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{collection.pk}:{digest}"])


def _document(collection: Collection, title: str) -> Document:
    document, _ = Document.objects.get_or_create(collection=collection, title=title[:LONGEST_TITLE])
    return document
