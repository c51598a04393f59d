from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import create_failure
from transcription.models import Collection, Manifest, Role, Work, WorkState

Browse = Callable[[Role], Client]


@pytest.fixture
def url(collection: Collection) -> str:
    return reverse("transcription:manifest_new", args=[collection.pk])


def test_addresses_are_taken_one_a_line_and_fetched_by_workers(url: str, member: Browse) -> None:
    client = member(Role.STAFF)
    urls = "https://a.example/manifest\n\n https://b.example/m.json \nhttps://a.example/manifest"
    assert client.post(url, {"urls": urls}).status_code == 302
    assert set(Manifest.objects.values_list("url", flat=True)) == {
        "https://a.example/manifest",
        "https://b.example/m.json",
    }
    assert Work.objects.filter(step="fetch", stage=0).count() == 2
    shown = client.get(url).content.decode()
    assert "hx-trigger" in shown
    assert "https://b.example/m.json" in shown


@pytest.mark.parametrize("urls", ["", "file:///etc/passwd", "https://ok.example/m\nftp://no.example/", "x\n" * 60])
def test_a_wrong_address_is_said_and_nothing_is_fetched(url: str, member: Browse, urls: str) -> None:
    answer = member(Role.STAFF).post(url, {"urls": urls})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert not Manifest.objects.exists()


def test_the_list_says_what_came_what_failed_and_stops_asking_when_all_is_done(
    url: str, member: Browse, collection: Collection
) -> None:
    client = member(Role.STAFF)
    client.post(url, {"urls": "https://a.example/manifest"})
    listing = reverse("transcription:manifest_list", args=[collection.pk])
    assert client.get(listing).status_code == 200
    manifest = Manifest.objects.get()
    manifest.label, manifest.canvases, manifest.state = "<b>Register</b>", [{"id": "1"}, {"id": "2"}], "read"
    manifest.save()
    work = Work.objects.get()
    Work.objects.filter(pk=work.pk).update(stage=2, state=WorkState.FAILED)
    failure = create_failure(collection=collection, message="“a.example” answers 404.")
    failure.work = work
    failure.save()
    answer = client.get(listing)
    assert answer.status_code == 286
    said = answer.content.decode()
    assert "&lt;b&gt;Register" in said
    assert "0 of 2 images fetched" in said
    assert "Image 2:" in said
    assert "answers 404" in said


def test_strangers_have_no_such_screen(url: str, stranger: Client) -> None:
    assert stranger.get(url).status_code == 404
    assert stranger.post(url, {"urls": "https://a.example/m"}).status_code == 404
