"""Receive a file: nothing is acknowledged before its bytes are hashed, on disk and in the database."""

from __future__ import annotations

import hashlib
import os
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction

from transcription.errors import BadInput
from transcription.formats.decode import accepted_kind
from transcription.formats.kinds import ARCHIVES, Kind, safe_name
from transcription.models import BesideTranscript, Collection, Document, Lane, Original, Step, Upload
from transcription.steps.beside import is_beside, loose_title, receive_beside
from transcription.steps.files import put, scratch_folder
from transcription.steps.queue import enqueue

CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a file: an original, or, for bytes the collection already holds, the one it equals; or a
    transcript of scans that come with it."""

    original: Original | None
    duplicate_of: Original | None = None
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
    """Store ``stream`` byte for byte as an original of ``collection`` and queue its opening.

    Order: bytes to a temporary file while hashing, fsync, rename, fsync of the folder, one transaction. A crash leaves
    at most an orphan file, never a row without bytes. Raises BadInput for what needs no opening to be refused: empty,
    too large, of no known kind.
    """
    name = safe_name(name)
    if is_beside(name, upload):
        return Received(None, beside=receive_beside(upload=upload, name=name, stream=stream, folder=document_title))
    handle, temporary_name = tempfile.mkstemp(dir=scratch_folder(), prefix="receiving-")
    temporary = Path(temporary_name)
    try:
        with os.fdopen(handle, "wb") as file:
            digest, size = _copy(stream, file, name)
        kind = accepted_kind(temporary, name, archives=True)
        duplicate = collection.originals.filter(sha256=digest).first()
        if duplicate is not None and not keep_duplicate:
            return Received(None, duplicate)
        original = Original(id=uuid.uuid4(), collection=collection, upload=upload, name=name, sha256=digest, size=size)
        original.kind = kind.value
        original.file = f"originals/{original.id.hex[:2]}/{original.id}.{kind.value}"
        put(temporary, original.file)
    finally:
        temporary.unlink(missing_ok=True)
    title = document_title or _title_of(name, kind, upload)
    with transaction.atomic():
        _wait_for_same_bytes(collection, digest)
        # Looked for again: four files at a time arrive, and their twin may have been stored meanwhile.
        duplicate = collection.originals.filter(sha256=digest).first()
        if duplicate is not None and not keep_duplicate:
            default_storage.delete(original.file)
            return Received(None, duplicate)
        original.document = _document(collection, title)
        original.save(force_insert=True)
        enqueue(step=Step.UNPACK, collection_id=collection.pk, lane=lane, original_id=original.pk)
    return Received(original, duplicate)


def _title_of(name: str, kind: Kind, upload: Upload) -> str:
    """What the document of a file is called that came in no folder."""
    if kind in ARCHIVES:
        return PurePosixPath(name).stem
    return name if kind in {Kind.PDF, Kind.TIFF} else loose_title(upload)


def _copy(stream: BinaryIO, file: BinaryIO, name: str) -> tuple[str, int]:
    sha = hashlib.sha256()
    size = 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if size > settings.MAX_FILE_BYTES:
            limit = settings.MAX_FILE_BYTES // 2**20
            raise BadInput(
                f"“{name}” is larger than {limit} MB. Split it, or ask your administrator to raise the limit.",
                code="too-large",
            )
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
    document, _ = Document.objects.get_or_create(collection=collection, title=title[:250])
    return document
