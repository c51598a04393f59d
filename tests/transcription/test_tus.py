"""The tus protocol as a client sees it, on the real view, the real database and real files."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import io
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image
from pytest_django.fixtures import Settings

from tests.factories import create_collection, create_membership, create_upload, create_user
from transcription import tus
from transcription.models import (
    Collection,
    IncomingFile,
    IncomingState,
    KnownFiles,
    Original,
    Role,
    Upload,
    UploadLimit,
)
from transcription.steps import incoming
from transcription.steps.invariants import violations
from transcription.steps.manifest import Chosen, Standing, compare

pytestmark = pytest.mark.django_db


def png(shade: int = 200, side: int = 300) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((side, side), 40).point(lambda value: (value + shade) % 256).save(stream, "PNG")
    return stream.getvalue()


@dataclass
class Sender:
    """A tus client of one upload."""

    client: Client
    upload: Upload

    def headers(self, **more: object) -> dict[str, str]:
        return {"Tus-Resumable": "1.0.0"} | {key.replace("_", "-"): str(value) for key, value in more.items()}

    def create(self, path: str, size: int, body: bytes = b"", modified: int = 1000, **more: object) -> Any:
        pairs = {"relativePath": path, "modified": str(modified)} | {
            key: str(more.pop(key)) for key in ("sha256",) if key in more
        }
        metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())
        return self.client.post(
            reverse("transcription:upload_files", args=[self.upload.pk]),
            body,
            content_type=tus.CONTENT_TYPE,
            headers=self.headers(Upload_Length=size, Upload_Metadata=metadata, **more),
        )

    def patch(self, url: str, offset: int, body: bytes, **more: object) -> Any:
        headers = self.headers(Upload_Offset=offset, **more)
        return self.client.patch(url, body, content_type=tus.CONTENT_TYPE, headers=headers)

    def head(self, url: str) -> Any:
        return self.client.head(url, headers=self.headers())

    def send(self, path: str, data: bytes, modified: int = 1000) -> IncomingFile:
        answer = self.create(path, len(data), data, modified)
        assert answer.status_code == 201, answer.content
        return IncomingFile.objects.get(pk=answer["Location"].rstrip("/").rsplit("/", 1)[1])


@pytest.fixture
def collection() -> Collection:
    return create_collection()


@pytest.fixture
def sender(collection: Collection, client: Client, settings: Settings, tmp_path: Path) -> Sender:
    settings.DATA = tmp_path
    user = create_user()
    create_membership(collection=collection, role=Role.STAFF, user=user)
    client.force_login(user)
    return Sender(client, create_upload(collection=collection, uploader=user))


def stored_bytes(original: Original | None) -> bytes:
    assert original is not None
    with default_storage.open(original.file) as file:
        return bytes(file.read())


def scratch() -> list[Path]:
    return list((Path(django_settings.DATA) / "incoming").glob("incoming-*"))


def test_a_file_in_one_request_is_acknowledged_as_an_original(sender: Sender, collection: Collection) -> None:
    data = png()
    answer = sender.create("Box 7/folio 2/p1.png", len(data), data, sha256=hashlib.sha256(data).hexdigest())
    assert answer.status_code == 201
    assert (answer["Upload-Offset"], answer["Longhand-State"]) == (str(len(data)), "stored")
    original = Original.objects.get(collection=collection)
    assert stored_bytes(original) == data
    assert original.document.title == "Box 7/folio 2"
    assert not scratch()
    assert not violations()


def test_pieces_arrive_one_after_the_other_and_a_wrong_offset_is_answered_with_the_right_one(sender: Sender) -> None:
    data = png()
    url = sender.create("p1.png", len(data))["Location"]
    assert sender.head(url)["Upload-Offset"] == "0"
    assert sender.patch(url, 0, data[:700])["Upload-Offset"] == "700"
    wrong = sender.patch(url, 0, data[:700])
    assert (wrong.status_code, wrong["Upload-Offset"]) == (409, "700")
    assert sender.patch(url, 700, data[700:] + b"more").status_code == 413
    head = sender.head(url)
    assert (head["Upload-Offset"], head["Upload-Length"], head["Cache-Control"]) == ("700", str(len(data)), "no-store")
    assert "Upload-Expires" in head
    last = sender.patch(url, 700, data[700:])
    assert (last.status_code, last["Upload-Offset"], last["Longhand-State"]) == (204, str(len(data)), "stored")
    assert sender.patch(url, len(data), b"x").status_code == 410
    assert stored_bytes(Original.objects.get()) == data


def test_what_was_never_acknowledged_is_cut_off_and_sent_again(sender: Sender) -> None:
    data = png()
    url = sender.create("p1.png", len(data), data[:500])["Location"]
    (path,) = scratch()
    with path.open("ab") as file:
        file.write(b"what a killed process had still written")
    assert sender.head(url)["Upload-Offset"] == "500"
    sender.patch(url, 500, data[500:900])
    path.write_bytes(data[:300])  # a disk that lost some of what it said it had
    assert sender.head(url)["Upload-Offset"] == "300"
    assert sender.patch(url, 900, data[900:]).status_code == 409
    sender.patch(url, 300, data[300:])
    assert stored_bytes(Original.objects.get()) == data


def test_a_connection_that_breaks_keeps_what_came(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    data = png()
    url = sender.create("p1.png", len(data))["Location"]
    file = IncomingFile.objects.get()
    incoming.receive(file, io.BytesIO(data[:1000]), offset=0, length=len(data))
    assert sender.head(url)["Upload-Offset"] == "1000"


def test_one_request_at_a_time_writes_a_file(sender: Sender) -> None:
    data = png()
    url = sender.create("p1.png", len(data), data[:10])["Location"]
    with scratch()[0].open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        busy = sender.patch(url, 10, data[10:])
    assert (busy.status_code, busy["Retry-After"]) == (423, "5")
    assert sender.patch(url, 10, data[10:]).status_code == 204


def test_a_piece_altered_on_its_way_is_asked_for_again(sender: Sender) -> None:
    data = png()
    url = sender.create("p1.png", len(data))["Location"]
    digest = base64.b64encode(hashlib.sha1(data).digest()).decode()
    altered = sender.patch(url, 0, data[:-1] + b"!", Upload_Checksum=f"sha1 {digest}")
    assert altered.status_code == 460
    assert sender.head(url)["Upload-Offset"] == "0"
    assert sender.patch(url, 0, data, Upload_Checksum="crc32 AAAA").status_code == 400
    assert sender.patch(url, 0, data, Upload_Checksum=f"sha1 {digest}").status_code == 204
    refused = sender.create("p2.png", 4, b"abcd", sha256="0" * 64)
    assert (refused.status_code, refused.json()["code"]) == (422, "altered-on-its-way")


def test_the_protocol_says_what_it_can_and_refuses_what_it_cannot(sender: Sender) -> None:
    url = reverse("transcription:upload_files", args=[sender.upload.pk])
    options = sender.client.options(url)
    assert options["Tus-Version"] == "1.0.0"
    assert {"creation", "creation-with-upload", "termination"} <= set(options["Tus-Extension"].split(","))
    assert sender.client.post(url).status_code == 412
    assert sender.create("", 5, b"12345").json()["code"] == "no-name"
    assert sender.create("p.png", 5, Upload_Defer_Length=1).status_code == 400
    assert sender.create("empty.png", 0).json()["code"] == "empty"
    bad = sender.client.post(url, headers=sender.headers(Upload_Length=1, Upload_Metadata="name %%%"))
    assert bad.status_code == 400
    made = sender.create("../../etc/./p.png", 9)["Location"]
    assert IncomingFile.objects.get().path == "etc/p.png"
    assert sender.client.patch(made, b"123", content_type="text/plain", headers=sender.headers()).status_code == 415
    assert sender.client.post(made, headers=sender.headers(X_HTTP_Method_Override="DELETE")).status_code == 204
    assert sender.head(made).status_code == 404
    assert not scratch()


def test_what_is_no_scan_is_refused_with_a_sentence_and_leaves_no_file(sender: Sender) -> None:
    letter = b"Dear Sir, this is no picture.\n" * 20
    refused = sender.create("letter.jpg", len(letter), letter)
    assert refused.status_code == 422
    assert "letter.jpg" in refused.json()["message"]
    assert IncomingFile.objects.get().state == IncomingState.REFUSED
    assert not scratch()
    (answer,) = compare(sender.upload, [Chosen("letter.jpg", len(letter), 1000)])
    assert (answer.standing, answer.final) == (Standing.REFUSED, False)
    assert "letter.jpg" in answer.message


def test_the_manifest_tells_what_is_missing_whatever_became_of_the_browser(
    sender: Sender, collection: Collection
) -> None:
    data = [png(shade) for shade in range(5)]
    sender.send("Box/p1.png", data[0])
    url = sender.create("Box/p2.png", len(data[1]), data[1][:100])["Location"]
    again = create_upload(collection=collection, uploader=sender.upload.uploader)
    chosen = [[f"Box/p{number}.png", len(each), 1000] for number, each in enumerate(data, start=1)]
    chosen += [["Box/p1.png", len(data[0]), 2000], ["Box/notes.docx", 10, 1000], ["Box/nothing.png", 0, 1000]]
    answer = sender.client.post(
        reverse("transcription:upload_manifest", args=[again.pk]),
        {"files": chosen, "bytes": sum(map(len, data))},
        content_type="application/json",
    ).json()
    standing = {int(index): each["standing"] for index, each in answer["files"].items()}
    assert standing == {0: "here", 1: "partly", 6: "refused", 7: "refused"}
    assert answer["files"]["1"]["url"] == url
    assert "notes.docx" in answer["files"]["6"]["message"]
    assert answer["warning"] == ""
    colleague = create_upload(collection=collection, uploader=create_user())
    others = compare(colleague, [Chosen("Box/p1.png", len(data[0]), 1000), Chosen("Box/p2.png", len(data[1]), 1000)])
    assert [each.standing for each in others] == [Standing.HERE, Standing.MISSING], "hers may be under way this moment"


def test_limits_of_role_and_collection_are_told_before_a_file_is_sent(
    sender: Sender, collection: Collection, settings: Settings
) -> None:
    UploadLimit.objects.create(collection=None, role=Role.STAFF, file_mb=5, document_pages=1)
    UploadLimit.objects.create(collection=collection, role=Role.STAFF, file_mb=2)
    large, fits = 3 * 2**20, [Chosen("Box/p1.png", 1000, 1), Chosen("Box/p2.png", 1000, 1), Chosen("Vol/p1.png", 9, 1)]
    told = compare(sender.upload, [Chosen("huge.png", large, 1), *fits])
    assert [each.code for each in told] == ["too-large", "", "too-many-pages", ""]
    assert "2 MB" in told[0].message
    assert compare(sender.upload, fits[:1], {"Box": 1})[0].code == "too-many-pages"
    refused = sender.create("huge.png", large)
    assert (refused.status_code, refused.json()["code"]) == (413, "too-large")
    settings.MIN_FREE_BYTES = 2**60
    full = sender.create("p1.png", 1000)
    assert (full.status_code, full.json()["code"]) == (507, "storage-full")
    asked = {"files": [["p1.png", 1000, 1]], "bytes": 1000}
    url = reverse("transcription:upload_manifest", args=[sender.upload.pk])
    assert "room" in sender.client.post(url, asked, content_type="application/json").json()["warning"]


def test_an_answer_that_got_lost_stores_nothing_twice(sender: Sender) -> None:
    data = png()
    Upload.objects.update(known_files=KnownFiles.KEEP)
    sender.upload.refresh_from_db()
    first = sender.send("Box/p1.png", data)
    assert sender.create("Box/p1.png", len(data), data)["Location"].endswith(f"{first.pk}/")
    # The first request was still storing it when the second began.
    late = IncomingFile(upload=sender.upload, collection=first.collection, path=first.path, size=first.size)
    late.fingerprint = first.fingerprint
    incoming.receive(late, io.BytesIO(data), offset=0, length=len(data))
    assert late.original == first.original
    assert Original.objects.count() == IncomingFile.objects.count() == 1
    assert sum(path.is_file() for path in Path(default_storage.path("originals")).rglob("*")) == 1
    assert not scratch()


def test_known_files_wait_for_a_decision_and_each_decision_is_kept(sender: Sender, collection: Collection) -> None:
    other = create_collection(title="Other box")
    create_membership(collection=other, role=Role.STAFF, user=sender.upload.uploader)
    elsewhere = Sender(sender.client, create_upload(collection=other, uploader=sender.upload.uploader))
    data = [png(shade) for shade in range(4)]
    sender.send("Box/p1.png", data[0])
    elsewhere.send("Old/x.png", data[1])
    twin = sender.send("Box/copy.png", data[0])
    place = sender.send("Box/p1.png", data[2], modified=2000)
    away = sender.send("Box/p3.png", data[1])
    assert [each.state for each in (twin, place, away)] == [IncomingState.UNDECIDED] * 3
    assert len(scratch()) == 3
    asked = [[each.path, each.size, each.modified] for each in (twin, place, away)]
    url = reverse("transcription:upload_manifest", args=[sender.upload.pk])
    told = sender.client.post(url, {"files": asked}, content_type="application/json").json()["files"]
    assert [told[key]["choices"] for key in "012"] == [["keep", "skip"], ["keep", "skip", "replace"], ["keep", "skip"]]
    assert "p1.png" in told["0"]["message"]
    assert "Other box" in told["2"]["message"]

    def decide(choice: str, *files: IncomingFile, **more: Any) -> Any:
        body = {"choice": choice, "files": [str(file.pk) for file in files]} | more
        decided = reverse("transcription:upload_decide", args=[sender.upload.pk])
        return sender.client.post(decided, body, content_type="application/json").json()

    assert decide("skip", twin)["waiting"] == 2
    assert decide("replace", place)["decided"] == [str(place.pk)]
    assert decide("keep", all=True) == {"decided": [str(away.pk)], "refused": {}, "waiting": 0}
    for file in (twin, place, away):
        file.refresh_from_db()
    assert [file.state for file in (twin, place, away)] == ["skipped", "stored", "stored"]
    assert place.original is not None
    assert place.original.replaces == Original.objects.get(name="p1.png", collection=collection, replaces=None)
    assert stored_bytes(away.original) == data[1]
    assert decide("keep", twin) == {"decided": [], "refused": {}, "waiting": 0}
    assert sender.send("Box/another.png", data[0]).state == IncomingState.STORED, "keep was chosen for all"
    assert not scratch()


def test_the_same_bytes_in_two_folders_are_asked_about_and_never_dropped_silently(sender: Sender) -> None:
    data = png()
    sender.send("Box 1/blank.png", data)
    assert sender.send("Box 2/blank.png", data).state == IncomingState.UNDECIDED
    again = Upload.objects.create(collection=sender.upload.collection, uploader=sender.upload.uploader)
    sent_again = Sender(sender.client, again).send("Box 1/blank.png", data, modified=5000)
    assert (sent_again.state, Original.objects.count()) == (IncomingState.STORED, 1)


def test_half_sent_files_go_after_their_days_and_strays_with_them(sender: Sender, settings: Settings) -> None:
    data = png()
    for name in ("old.png", "fresh.png"):
        sender.create(name, len(data), data[:50])
    stray = scratch()[0].with_name("incoming-00000000-0000-0000-0000-000000000000")
    stray.write_bytes(b"of nobody")
    os.utime(stray, (1, 1))
    long_ago = timezone.now() - timedelta(days=settings.INCOMING_DAYS + 1)
    IncomingFile.objects.filter(path="old.png").update(changed_at=long_ago)
    assert incoming.forget_expired() == 1
    assert [file.path for file in IncomingFile.objects.all()] == ["fresh.png"]
    assert len(scratch()) == 1


def test_who_is_not_let_in_learns_nothing(sender: Sender, client: Client) -> None:
    data = png()
    url = sender.create("p1.png", len(data), data[:10])["Location"]
    sender.client.logout()
    assert sender.head(url).status_code == 401
    sender.client.force_login(create_user())
    assert sender.head(url).status_code == 404
    assert sender.patch(url, 10, data[10:]).status_code == 404
