"""Uploading one file a request: what is stored, what is refused, each with its own sentence."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.urls import reverse
from PIL import Image

from tests.factories import create_collection, create_failure, create_original, create_upload
from transcription.errors import BadInput
from transcription.models import Collection, Original, Role, Step, Upload, Work
from transcription.steps.store import receive_file
from transcription.views.upload import WholeBody


@pytest.fixture
def upload(collection: Collection) -> Upload:
    return create_upload(collection=collection)


@pytest.fixture
def client(member: Callable[[Role], Client]) -> Client:
    return member(Role.STAFF)


@pytest.fixture
def send(upload: Upload, client: Client) -> Callable[..., Any]:
    """Send a whole file in one request, as a script does."""
    url = reverse("transcription:upload_files", args=[upload.pk])

    def put(data: bytes, path: str = "scan.png") -> Any:
        return client.put(url, data, content_type="application/octet-stream", headers={"X-File-Path": path})

    return put


def png(shade: int = 200) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (300, 300), shade).save(stream, "PNG")
    return stream.getvalue()


def test_a_whole_file_is_stored_byte_for_byte_and_its_opening_is_queued(
    send: Callable[..., Any], upload: Upload
) -> None:
    data = png()
    answer = send(data, "Box%207/f%C3%B6lio%201.png")
    assert (answer.status_code, answer.json()["status"]) == (200, "stored")
    original = Original.objects.get(upload=upload)
    assert original.name == "fölio 1.png"
    assert original.document.title == "Box 7"
    with default_storage.open(original.file) as file:
        assert file.read() == data
    assert Work.objects.filter(original=original, step=Step.UNPACK).count() == 1
    assert send(data, "second.png").json()["status"] == "duplicate"


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        pytest.param(b"", "empty.jpg", "empty", id="empty"),
        pytest.param(b"Dear diary, no picture today.\n" * 20, "diary.jpg", "", id="text renamed .jpg"),
        pytest.param(b"\x00\x01\x02\x03" * 50, "noise.tif", "", id="noise"),
    ],
)
def test_what_is_no_scan_is_rejected_in_one_sentence(
    send: Callable[..., Any], upload: Upload, data: bytes, name: str, code: str
) -> None:
    answer = send(data, name)
    said = answer.json()
    assert answer.status_code == 422
    assert said["status"] == "rejected"
    assert name in said["message"]
    assert said["code"] == code or (not code and said["code"])
    assert not Original.objects.filter(upload=upload).exists()


def test_a_body_that_ends_early_is_never_taken_for_a_whole_file() -> None:
    body = WholeBody(io.BytesIO(b"half of it"), 20, "scan.png")
    assert body.read(10) == b"half of it"
    with pytest.raises(BadInput) as caught:
        body.read(10)
    assert caught.value.code == "interrupted"


def test_the_status_names_files_that_could_not_be_opened(
    upload: Upload, collection: Collection, member: Callable[[Role], Client]
) -> None:
    original = create_original(name="torn.tif", frames=None, upload=upload)
    Original.objects.filter(pk=original.pk).update(collection=collection)
    create_failure(collection=collection, original=original, message="“torn.tif” is damaged: it ends after 41 %.")
    status = member(Role.STAFF).get(reverse("transcription:upload_status", args=[upload.pk])).json()
    assert "it ends after 41 %" in status["html"]
    assert status["waiting"] == 0


@pytest.mark.django_db(transaction=True)
def test_the_same_bytes_arriving_four_at_a_time_are_stored_once() -> None:
    collection = create_collection()
    upload, data, together = create_upload(collection=collection), png(), threading.Barrier(4)

    def receive(number: int) -> bool:
        together.wait(10)
        try:
            stream = io.BytesIO(data)
            received = receive_file(collection=collection, upload=upload, name=f"{number}.png", stream=stream)
            return received.original is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        stored = list(threads.map(receive, range(4)))
    assert sorted(stored) == [False, False, False, True]
    originals = Original.objects.filter(collection=collection)
    assert originals.count() == 1
    folders = [Path(default_storage.path(original.file)).parent.parent for original in originals]
    assert sum(file.is_file() for file in folders[0].rglob("*")) == 1
