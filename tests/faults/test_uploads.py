"""The web process dies by kill -9 at every piece of an upload; disks fill up; nothing acknowledged is lost."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.urls import reverse
from PIL import Image
from pytest_django.fixtures import Settings

from tests.factories import create_collection, create_membership, create_upload, create_user
from tests.web_process import CSRF, WebProcess, session_of
from transcription import tus
from transcription.errors import StorageFull
from transcription.models import IncomingFile, IncomingState, Original, Role, Upload, Work
from transcription.steps import incoming
from transcription.steps.invariants import violations
from transcription.steps.upload_limits import limits_of_installation
from transcription.steps.verify import verify_original

PIECES = 3
AT_A_PIECE = ["piece-written", "piece-on-disk", "piece-acknowledged"]
AT_THE_END = ["piece-written", "whole", "in-the-storage", "before-commit", "committed"]


def scan(side: int = 500) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((side, side), 60).save(stream, "PNG")
    return stream.getvalue()


def started(collection_of: str = "Faults") -> Upload:
    user = create_user()
    collection = create_collection(title=collection_of)
    create_membership(collection=collection, role=Role.STAFF, user=user)
    return create_upload(collection=collection, uploader=user)


@pytest.fixture
def web(process_environment: dict[str, str], settings: Settings) -> Iterator[WebProcess]:
    settings.DATA = Path(process_environment["LONGHAND_DATA"])
    (settings.DATA / "die").mkdir()
    process = WebProcess(process_environment, "tests.faults.dying_web")
    process.start()
    yield process
    process.kill()


class Stubborn:
    """A tus client that goes on whatever happens to the server, as long as what it was told stays true."""

    def __init__(self, web: WebProcess, upload: Upload) -> None:
        assert upload.uploader is not None
        self.web = web
        self.files = reverse("transcription:upload_files", args=[upload.pk])
        cookie = f"sessionid={session_of(upload.uploader)}; csrftoken={CSRF}"
        self.headers = {"Tus-Resumable": "1.0.0", "Cookie": cookie, "X-CSRFToken": CSRF}
        self.deaths = 0

    def ask(self, method: str, url: str, body: bytes = b"", **more: object) -> http.client.HTTPResponse:
        """The answer; ConnectionError where the server died over it."""
        headers = self.headers | {name.replace("_", "-"): str(value) for name, value in more.items()}
        if body:
            headers["Content-Type"] = tus.CONTENT_TYPE
        line = http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=30)
        try:
            line.request(method, url, body, headers)
            answer = line.getresponse()
            answer.read()
            return answer
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            line.close()

    def offset(self, url: str) -> int:
        for _ in range(200):
            try:
                answer = self.ask("HEAD", url)
                assert answer.status == 200, answer.status
                return int(answer.headers["Upload-Offset"])
            except ConnectionError:
                time.sleep(0.05)
        raise AssertionError("the server did not come back")

    def send(self, data: bytes, places: list[list[str]]) -> None:
        """Send ``data`` in as many pieces as there are ``places``, the server dying at each of them in turn."""
        name = base64.b64encode(b"Box/p1.png").decode()
        made = self.ask("POST", self.files, Upload_Length=len(data), Upload_Metadata=f"relativePath {name}")
        url = made.headers["Location"]
        edges = [len(data) * number // len(places) for number in range(len(places) + 1)]
        acknowledged = 0
        for end, of_piece in zip(edges[1:], places, strict=True):
            for place in [*of_piece, ""]:
                if place:
                    (self.web.folder / "die" / place).touch()
                start = self.offset(url)
                assert start >= acknowledged, "what was acknowledged was lost"
                acknowledged = start
                if start >= end:
                    continue  # it was acknowledged, and only the answer got lost
                try:
                    answer = self.ask("PATCH", url, data[start:end], Upload_Offset=start)
                    assert answer.status == 204, answer.status
                    acknowledged = int(answer.headers["Upload-Offset"])
                except ConnectionError:
                    self.deaths += 1
        assert self.offset(url) == len(data)


@pytest.mark.django_db(transaction=True)
def test_the_web_process_dies_at_every_piece_and_at_every_step_of_the_end(web: WebProcess) -> None:
    upload = started()
    data = scan()
    client = Stubborn(web, upload)
    client.send(data, [AT_A_PIECE] * (PIECES - 1) + [AT_THE_END])
    assert client.deaths >= (PIECES - 1) * len(AT_A_PIECE) + len(AT_THE_END) - 1
    original = Original.objects.get()
    with default_storage.open(original.file) as file:
        assert file.read() == data
    assert original.sha256 == hashlib.sha256(data).hexdigest()
    assert (IncomingFile.objects.get().original, Work.objects.count()) == (original, 1)
    assert sum(path.is_file() for path in Path(default_storage.path("originals")).rglob("*")) == 1
    assert not violations()


@pytest.fixture
def small_disk(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """A disk of its own of 3 MiB, with incoming files and media on it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small disk")
    settings.DATA, settings.MEDIA_ROOT, settings.MIN_FREE_BYTES = disk, disk / "media", 0
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.django_db
def test_a_disk_that_fills_up_refuses_what_does_not_fit_and_loses_nothing(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    upload, data = started(), scan(700)
    first = incoming.begin(upload=upload, limits=limits_of_installation(), path="Box/p1.png", size=len(data))
    incoming.receive(first, io.BytesIO(data), offset=0, length=len(data))
    second = incoming.begin(upload=upload, limits=limits_of_installation(), path="Box/p2.png", size=2 * len(data))
    monkeypatch.setattr(incoming, "CHECKPOINT", 2**17)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * (os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize - 300_000))
    settings.MIN_FREE_BYTES = -(2**30)  # another program fills the disk after the look at it
    with pytest.raises(StorageFull, match="disk is full"):
        incoming.receive(second, io.BytesIO(data * 2), offset=0, length=2 * len(data))
    second.refresh_from_db()
    assert 0 < second.offset < 300_000
    assert incoming.acknowledged(second) == second.offset
    ballast.unlink()
    settings.MIN_FREE_BYTES = 0
    rest = scan(700)[: 2 * len(data) - second.offset]
    rest += b"\0" * (2 * len(data) - second.offset - len(rest))
    whole = (data * 2)[: second.offset] + rest
    incoming.receive(second, io.BytesIO(rest), offset=second.offset, length=len(rest))
    assert second.state == IncomingState.STORED
    assert second.sha256 == hashlib.sha256(whole).hexdigest()
    settings.MIN_FREE_BYTES = 2 * 2**20
    with pytest.raises(StorageFull):
        incoming.begin(upload=upload, limits=limits_of_installation(), path="Box/p3.png", size=2**20)
    assert {verify_original(original) for original in Original.objects.all()} == {"intact"}
    assert not violations()
    connection.close_if_unusable_or_obsolete()
