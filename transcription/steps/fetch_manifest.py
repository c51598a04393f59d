"""Fill a document from a IIIF manifest: ask for it, fetch it, then fetch its images one by one, each a unit of work.

Whatever is lost in the middle goes on at the image where it stopped; one image that cannot be had fails alone.
"""

from __future__ import annotations

import re
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from transcription.errors import BadInput
from transcription.formats.iiif_manifest import ManifestRecord, image_addresses, parse_json, parse_manifest
from transcription.formats.kinds import HEAD_BYTES, sniff
from transcription.models import Collection, Document, Lane, Manifest, Original, Step, Upload, Work
from transcription.steps.fetch import Fetched, fetch, fetch_bytes
from transcription.steps.files import scratch_folder
from transcription.steps.queue import enqueue, finishing
from transcription.steps.reachable import checked_url
from transcription.steps.store import receive_file

LARGEST_MANIFEST = 16 * 2**20
LARGEST_INFO = 2**20
_MANIFEST_SECONDS, _INFO_SECONDS, _IMAGE_SECONDS = 60.0, 20.0, 180.0
_JSON = "application/ld+json, application/json;q=0.9, */*;q=0.1"
_UNSAFE = re.compile(r"[\s/\\:*?\"<>|.]+")


def ask_for_manifest(*, collection: Collection, url: str, user: User | None) -> Manifest:
    """Have a manifest fetched by a worker. Raises BadInput for what is no address of the web."""
    address = str(checked_url(url, plain_http=True))
    with transaction.atomic():
        upload = Upload.objects.create(collection=collection, uploader=user)
        manifest = Manifest.objects.create(collection=collection, upload=upload, url=address)
        enqueue(step=Step.FETCH, collection_id=collection.pk, lane=Lane.BULK, manifest_id=manifest.pk, stage=0)
    return manifest


def fetch_manifest(work: Work, token: uuid.UUID, progress: Callable[[], None]) -> None:
    """Stage 0 fetches the manifest and queues its images, stage n its nth image.

    Raises BadInput for what will not be had, TransientError for what may be tried again.
    """
    manifest = work.manifest
    assert manifest is not None
    if work.stage == 0:
        _read(manifest, work, token, progress)
    else:
        _fetch_canvas(manifest, work, token, progress)


def _read(manifest: Manifest, work: Work, token: uuid.UUID, progress: Callable[[], None]) -> None:
    data, fetched = fetch_bytes(
        manifest.url,
        max_bytes=LARGEST_MANIFEST,
        seconds=_MANIFEST_SECONDS,
        accept=_JSON,
        plain_http=True,
        progress=progress,
    )
    record = parse_manifest(data, most_canvases=settings.MAX_PAGES)
    with finishing(work, token):
        manifest.version, manifest.label = record.version, record.label[:1000]
        manifest.rights, manifest.attribution = record.rights[:1000], record.attribution
        manifest.canvases = [
            {
                "id": each.id,
                "label": each.label,
                "image": each.image,
                "service": each.service,
                "width": each.width,
                "height": each.height,
            }
            for each in record.canvases
        ]
        manifest.data, manifest.sha256, manifest.fetched_at = data, fetched.sha256, Now()
        manifest.state = Manifest.State.READ
        manifest.document = _document(manifest, record)
        manifest.save()
        for number in range(1, len(record.canvases) + 1):
            enqueue(
                step=Step.FETCH,
                collection_id=manifest.collection_id,
                lane=work.lane,
                manifest_id=manifest.pk,
                stage=number,
            )


def _document(manifest: Manifest, record: ManifestRecord) -> Document:
    """The document of this manifest; another one of the same label is another document."""
    title = (record.label or record.id or manifest.url)[:230]
    provenance = {
        "manifest": record.id or manifest.url,
        "fetched_from": manifest.url,
        "label": record.label,
        "rights": record.rights,
        "attribution": record.attribution,
        "metadata": [list(pair) for pair in record.metadata],
    }
    named = title
    for number in range(2, 1000):
        document, created = Document.objects.get_or_create(
            collection_id=manifest.collection_id, title=named, defaults={"provenance": provenance}
        )
        if created:
            return document
        if document.provenance.get("manifest") == provenance["manifest"]:
            document.provenance = provenance
            document.save(update_fields=["provenance"])
            return document
        named = f"{title} ({number})"
    return document


def _fetch_canvas(manifest: Manifest, work: Work, token: uuid.UUID, progress: Callable[[], None]) -> None:
    canvas = manifest.canvases[work.stage - 1]
    document = manifest.document
    if document is None:
        raise BadInput(f"The document of “{manifest}” was deleted: fetch the manifest again.", code="no-document")
    name_start = f"{work.stage:04d}"
    known = manifest.upload.originals.filter(name__startswith=name_start).exclude(provenance={})
    if known.exists():
        with finishing(work, token):
            return
    with tempfile.TemporaryDirectory(dir=scratch_folder()) as folder:
        path = Path(folder) / "image"
        fetched = _image(canvas, path, progress)
        with path.open("rb") as file:
            kind = sniff(file.read(HEAD_BYTES))
        label = _UNSAFE.sub(" ", canvas["label"]).strip()[:80]
        name = f"{name_start} {label}".strip() + (f".{kind.value}" if kind is not None else "")
        with path.open("rb") as stream:
            received = receive_file(
                collection=manifest.collection,
                upload=manifest.upload,
                name=name,
                stream=stream,
                document_title=document.title,
            )
    twin = received.duplicate_of
    mine = received.original
    if mine is None and twin is not None and twin.upload_id == manifest.upload_id and twin.name == name:
        mine = twin  # stored before a worker was lost
    with finishing(work, token):
        if mine is not None:
            Original.objects.filter(pk=mine.pk).update(provenance=_provenance(manifest, canvas, fetched))


def _image(canvas: dict[str, Any], path: Path, progress: Callable[[], None]) -> Fetched:
    """Fetch the largest image of a canvas that its server gives."""
    refused: BadInput | None = None
    for address in image_addresses(canvas["service"], _info(canvas["service"], progress), canvas["image"]):
        try:
            return fetch(
                address,
                path,
                max_bytes=settings.MAX_FILE_BYTES,
                seconds=_IMAGE_SECONDS,
                accept="image/*",
                plain_http=True,
                progress=progress,
            )
        except BadInput as error:
            if error.code != "not-fetched":
                raise
            refused = error
    raise refused or BadInput(f"The canvas “{canvas['label']}” names no image.", code="no-image")


def _info(service: str, progress: Callable[[], None]) -> dict[str, Any] | None:
    """What the image service says of itself; None where it says nothing that helps."""
    if not service:
        return None
    try:
        data, _ = fetch_bytes(
            f"{service}/info.json",
            max_bytes=LARGEST_INFO,
            seconds=_INFO_SECONDS,
            accept=_JSON,
            plain_http=True,
            progress=progress,
        )
        return parse_json(data)
    except BadInput as error:
        if error.code in {"not-fetched", "not-json", "too-large"}:
            return None
        raise


def _provenance(manifest: Manifest, canvas: dict[str, Any], fetched: Fetched) -> dict[str, Any]:
    return {
        "manifest": manifest.url,
        "canvas": canvas["id"],
        "label": canvas["label"],
        "service": canvas["service"],
        "fetched_from": fetched.url,
        "sha256": fetched.sha256,
        "size": fetched.size,
        "canvas_size": [canvas["width"], canvas["height"]],
    }
