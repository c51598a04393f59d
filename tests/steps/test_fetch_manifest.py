"""Manifests by address: fetched from a real server, image by image, through every trouble a server makes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from PIL import Image
from pytest_django.fixtures import Settings

from tests.factories import create_collection, create_user
from tests.steps.journey import claim_step, perform
from tests.steps.web_server import say, serving
from transcription.errors import BadInput, NotAnswered
from transcription.models import Document, Failure, Manifest, Original, Page, Queue, Step, Work, WorkState
from transcription.steps import queue
from transcription.steps.drain import drain
from transcription.steps.fetch_manifest import ask_for_manifest
from transcription.steps.flow import after_failure
from transcription.steps.invariants import violations

pytestmark = pytest.mark.django_db
PAGES = 3


def jpeg(number: int, size: tuple[int, int] = (64, 48)) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", size, number).save(buffer, "JPEG")
    return buffer.getvalue()


class Library:
    """Serves a manifest of PAGES canvases with an image service; ``trouble`` has other answers, one a time."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[str] = []
        self.trouble: dict[str, list[Callable[[BaseHTTPRequestHandler], None]]] = {}

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path
        self.asked.append(path)
        if self.trouble.get(path):
            self.trouble[path].pop(0)(handler)
        elif path == "/manifest":
            say(handler, json.dumps(self.manifest()).encode(), Content_Type="application/ld+json")
        elif path.endswith("/info.json"):
            say(handler, json.dumps({"@context": "http://iiif.io/api/image/3/context.json"}).encode())
        elif path.endswith("/full/max/0/default.jpg"):
            say(handler, jpeg(int(path.split("/")[2])), Content_Type="image/jpeg")
        else:
            say(handler, status=404)

    def manifest(self) -> dict[str, Any]:
        def canvas(number: int) -> dict[str, Any]:
            service = {"id": f"{self.address}/img/{number}", "type": "ImageService3"}
            body = {"id": f"{self.address}/img/{number}.jpg", "type": "Image", "service": [service]}
            return {
                "id": f"{self.address}/canvas/{number}",
                "label": {"none": [f"f. {number}r"]},
                "items": [{"items": [{"body": body}]}],
            }

        return {
            "type": "Manifest",
            "id": f"{self.address}/manifest",
            "label": {"en": ["Baptisms 1741"]},
            "rights": "http://rights.example/pd",
            "requiredStatement": {"label": {}, "value": {"en": ["County Archive"]}},
            "items": [canvas(number) for number in range(1, PAGES + 1)],
        }


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    found = Library()
    with serving(found.answer) as address:
        found.address = address
        settings.FETCH_HOSTS = ("127.0.0.1",)
        yield found


def fetch_all() -> None:
    while Work.objects.filter(step=Step.FETCH, state=WorkState.QUEUED).exists():
        Work.objects.update(not_before=None)
        work, token = claim_step(Step.FETCH)
        try:
            perform(work, token)
        except (BadInput, NotAnswered) as error:
            queue.fail(work, token, error, then=after_failure)


def test_a_manifest_becomes_a_document_with_its_pages_in_order_and_all_that_it_says(library: Library) -> None:
    collection, user = create_collection(), create_user()
    manifest = ask_for_manifest(collection=collection, url=f"{library.address}/manifest", user=user)
    drain(Queue.CPU)
    manifest.refresh_from_db()
    assert (manifest.state, manifest.version, manifest.label) == (Manifest.State.READ, 3, "Baptisms 1741")
    assert (manifest.rights, manifest.attribution) == ("http://rights.example/pd", "County Archive")
    assert json.loads(bytes(manifest.data)) == library.manifest()
    document = Document.objects.get()
    assert document.title == "Baptisms 1741"
    assert document.provenance["attribution"] == "County Archive"
    pages = Page.objects.order_by("position").select_related("original")
    assert [page.original.provenance["canvas"] for page in pages] == [
        f"{library.address}/canvas/{number}" for number in (1, 2, 3)
    ]
    first = pages[0].original
    assert first.name == "0001 f 1r.jpeg"
    assert first.provenance["fetched_from"] == f"{library.address}/img/1/full/max/0/default.jpg"
    assert first.provenance["sha256"] == first.sha256
    assert violations() == []
    again = ask_for_manifest(collection=collection, url=f"{library.address}/manifest", user=user)
    fetch_all()
    again.refresh_from_db()
    assert (Document.objects.count(), Original.objects.count()) == (1, PAGES), "nothing comes twice"


def test_troubles_of_the_server_are_waited_out_and_one_image_fails_alone(library: Library) -> None:
    busy = lambda handler: say(handler, status=503, Retry_After="120")  # noqa: E731
    gone = lambda handler: say(handler, status=404)  # noqa: E731
    library.trouble = {
        "/manifest": [lambda handler: say(handler, status=500)],
        "/img/1/full/max/0/default.jpg": [busy, busy],
        "/img/2/info.json": [gone],
        "/img/3/full/max/0/default.jpg": [gone] * 9,
    }
    ask_for_manifest(collection=create_collection(), url=f"{library.address}/manifest", user=None)
    fetch_all()
    assert {original.name[:4] for original in Original.objects.all()} == {"0001", "0002"}
    failure = Failure.objects.get()
    assert (failure.code, failure.work.stage) == ("not-fetched", 3)
    assert "/img/3.jpg" in failure.message
    assert library.asked.count("/img/3.jpg") == 1, "what is not there is not asked for again"
    work = Work.objects.get(step=Step.FETCH, stage=1)
    assert work.attempts == 2


def test_the_pause_that_a_server_asks_for_is_kept(library: Library) -> None:
    library.trouble = {"/manifest": [lambda handler: say(handler, status=429, Retry_After="3600")]}
    ask_for_manifest(collection=create_collection(), url=f"{library.address}/manifest", user=None)
    drain(Queue.CPU)
    work = Work.objects.get()
    assert work.not_before is not None
    assert work.started_at is None or work.state == WorkState.QUEUED
    assert 3500 < (work.not_before - work.created_at).total_seconds() < 3700


def test_a_worker_lost_in_the_middle_goes_on_at_its_image(library: Library) -> None:
    ask_for_manifest(collection=create_collection(), url=f"{library.address}/manifest", user=None)
    perform(*claim_step(Step.FETCH))
    work, token = claim_step(Step.FETCH)
    perform(work, token)
    # Lost after the image was stored and before that was on record.
    Original.objects.update(provenance={})
    Work.objects.filter(pk=work.pk).update(state=WorkState.QUEUED, ended_at=None)
    fetch_all()
    assert Original.objects.count() == PAGES
    assert not Original.objects.filter(provenance={}).exists()
    asked = list(library.asked)
    Work.objects.filter(step=Step.FETCH).update(state=WorkState.QUEUED, ended_at=None)
    fetch_all()
    assert len(library.asked) - len(asked) == 1, "only the manifest; images that are here are not fetched again"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"<html>not here</html>", "not-json"),
        (b'{"type": "Collection", "items": []}', "collection"),
        (b"x" * 100, "not-json"),
    ],
)
def test_what_is_no_manifest_fails_at_once_in_a_sentence(library: Library, answer: bytes, code: str) -> None:
    library.trouble = {"/manifest": [lambda handler: say(handler, answer)]}
    manifest = ask_for_manifest(collection=create_collection(), url=f"{library.address}/manifest", user=None)
    drain(Queue.CPU)
    manifest.refresh_from_db()
    assert manifest.state == Manifest.State.FAILED
    assert Failure.objects.get().code == code


def test_images_that_lead_inside_are_refused_and_what_is_no_image_too(library: Library, settings: Settings) -> None:
    settings.FETCH_HOSTS = (library.address.removeprefix("http://"),)
    inside = "http://127.0.0.1:8081/latest/meta-data"
    manifest = library.manifest()
    manifest["items"][0]["items"][0]["items"][0]["body"] = {"id": inside, "type": "Image"}
    library.trouble = {
        "/manifest": [lambda handler: say(handler, json.dumps(manifest).encode())],
        "/img/2/full/max/0/default.jpg": [lambda handler: say(handler, b"<script>alert(1)</script>")],
    }
    ask_for_manifest(collection=create_collection(), url=f"{library.address}/manifest", user=None)
    fetch_all()
    codes = {failure.work.stage: failure.code for failure in Failure.objects.all()}
    assert codes == {1: "address-refused", 2: "not-an-image"}


def test_an_address_that_is_none_is_said_at_once() -> None:
    with pytest.raises(BadInput):
        ask_for_manifest(collection=create_collection(), url="file:///etc/passwd", user=None)
    assert not Manifest.objects.exists()
