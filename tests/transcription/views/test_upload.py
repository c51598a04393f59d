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
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from PIL import Image
from pytest_django.fixtures import Settings

from tests.factories import create_collection, create_failure, create_original, create_upload
from transcription.errors import BadInput
from transcription.models import Collection, Original, Role, Step, Upload, Work
from transcription.steps.store import receive_file
from transcription.views.upload import RequestBody


@pytest.fixture
def upload(collection: Collection) -> Upload:
    return create_upload(collection=collection)


@pytest.fixture
def send(upload: Upload, member: Callable[[Role], Client]) -> Callable[..., Any]:
    """Send bytes as the raw body of a request, as the browser does."""
    client = member(Role.STAFF)
    url = reverse("transcription:upload_file", args=[upload.pk])

    def post(data: bytes, name: str = "scan.png", **headers: str) -> Any:
        headers = {"X-File-Name": name} | {key.replace("_", "-"): value for key, value in headers.items()}
        return client.post(url, data, content_type="application/octet-stream", headers=headers)

    return post


def png(shade: int = 200) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (300, 300), shade).save(stream, "PNG")
    return stream.getvalue()


def test_an_image_is_stored_byte_for_byte_and_its_opening_is_queued(send: Callable[..., Any], upload: Upload) -> None:
    data = png()
    answer = send(data, "f%C3%B6lio%201.png")
    assert answer.status_code == 200
    assert answer.json()["status"] == "stored"
    original = Original.objects.get(upload=upload)
    assert original.name == "fölio 1.png"
    with default_storage.open(original.file) as file:
        assert file.read() == data
    assert Work.objects.filter(original=original, step=Step.UNPACK).count() == 1


def test_multipart_works_as_well(upload: Upload, member: Callable[[Role], Client]) -> None:
    url = reverse("transcription:upload_file", args=[upload.pk])
    answer = member(Role.STAFF).post(url, {"file": SimpleUploadedFile("a.png", png())})
    assert answer.json()["status"] == "stored"


def test_a_folder_becomes_a_document(send: Callable[..., Any], upload: Upload) -> None:
    send(png(), "1.png", X_Folder_Name="Box%207")
    assert Original.objects.get(upload=upload).document.title == "Box 7"


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


def test_a_file_over_the_limit_is_rejected(send: Callable[..., Any], settings: Settings) -> None:
    settings.MAX_FILE_BYTES = 2**20
    answer = send(png() + b"\0" * 2**20)
    assert answer.status_code == 422
    assert answer.json()["code"] == "too-large"


@pytest.mark.parametrize("name", ["", "%20"])
def test_a_file_without_a_name_is_rejected(send: Callable[..., Any], name: str) -> None:
    assert send(png(), name).json()["code"] == "no-name"


def test_a_name_with_path_and_control_characters_is_made_safe(
    send: Callable[..., Any], upload: Upload, media_root: Path
) -> None:
    assert send(png(), "..%2F..%2Fetc%2Fpass%00wd%1B%5B2J.png").json()["status"] == "stored"
    original = Original.objects.get(upload=upload)
    assert "/" not in original.name
    assert original.name.isprintable()
    assert (media_root / original.file).is_file()


def test_no_multipart_file_is_rejected(upload: Upload, member: Callable[[Role], Client]) -> None:
    answer = member(Role.STAFF).post(reverse("transcription:upload_file", args=[upload.pk]), {"other": "field"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "no-file"


def test_the_same_bytes_under_another_name_are_a_duplicate_that_can_be_kept(
    send: Callable[..., Any], upload: Upload
) -> None:
    data = png()
    send(data, "first.png")
    again = send(data, "second.png").json()
    assert (again["status"], again["code"]) == ("duplicate", "duplicate")
    assert "first.png" in again["message"]
    assert send(data, "second.png", X_Keep_Duplicate="yes").json()["status"] == "stored"
    assert Original.objects.filter(upload=upload).count() == 2


def test_sending_a_file_again_after_a_lost_answer_is_no_problem(send: Callable[..., Any], upload: Upload) -> None:
    data = png()
    send(data, "first.png")
    again = send(data, "first.png").json()
    assert (again["status"], again["code"]) == ("duplicate", "here-already")
    assert Original.objects.filter(upload=upload).count() == 1


def test_a_body_that_ends_early_is_never_taken_for_a_whole_file() -> None:
    request = HttpRequest()
    vars(request).update(_stream=io.BytesIO(b"half of it"), _read_started=False)
    body = RequestBody(request, expected=20, name="scan.png")
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
