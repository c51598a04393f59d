"""The IIIF Image API over the stored pages: what comes is what was asked for, and only to those who may see it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from tests.steps.journey import draw_page, prepared_page
from transcription.models import Collection, Page, Role

Browse = Callable[[Role], Client]


@pytest.fixture
def page(collection: Collection, media_root: Path) -> Page:
    return prepared_page(media_root, collection=collection)


@pytest.fixture
def service(page: Page) -> str:
    return reverse("transcription:iiif_image", args=[page.pk])


def test_the_information_document_says_level_1_and_where_it_is(service: str, member: Browse) -> None:
    client = member(Role.STAFF)
    answer = client.get(service)
    assert answer.status_code == 303
    answer = client.get(answer["Location"])
    told = answer.json()
    assert (told["type"], told["profile"], told["width"], told["height"]) == ("ImageService3", "level1", 900, 560)
    assert told["id"] == f"http://testserver{service}"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Content-Type"] == "application/json"
    linked = client.get(f"{service}/info.json", headers={"Accept": "application/ld+json"})
    assert linked["Content-Type"] == 'application/ld+json;profile="http://iiif.io/api/image/3/context.json"'


def test_regions_are_the_pages_pixels(service: str, member: Browse) -> None:
    client = member(Role.STAFF)
    answer = client.get(f"{service}/50,40,400,200/200,100/0/gray.png")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    image = Image.open(io.BytesIO(answer.content))
    assert (image.size, image.mode) == ((200, 100), "L")
    expected = draw_page().crop((50, 40, 450, 240)).resize((200, 100), Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(image, float) - np.asarray(expected, float)).mean() < 6
    whole = client.get(f"{service}/full/max/0/default.jpg")
    assert Image.open(io.BytesIO(whole.content)).size == (900, 560)
    assert b"Exif" not in whole.content


def test_what_is_known_already_is_not_made_again(service: str, member: Browse, page: Page) -> None:
    client = member(Role.STAFF)
    first = client.get(f"{service}/full/90,/0/default.jpg")
    same = client.get(f"{service}/full/,56/0/default.jpg", headers={"If-None-Match": first["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert f'<http://testserver{service}/full/90,56/0/default.jpg>;rel="canonical"' in first["Link"]
    info = client.get(f"{service}/info.json")
    assert client.get(f"{service}/info.json", headers={"If-None-Match": info["ETag"]}).status_code == 304
    Page.objects.filter(pk=page.pk).update(pyramid=page.pyramid.replace(".tif", "-1.tif"))  # the page was turned
    assert client.get(f"{service}/info.json", headers={"If-None-Match": info["ETag"]}).status_code == 200


def test_what_it_does_not_offer_is_said_with_the_right_status(service: str, member: Browse) -> None:
    client = member(Role.STAFF)
    assert client.get(f"{service}/full/max/90/default.jpg").status_code == 501
    answer = client.get(f"{service}/full/1000,/0/default.jpg")
    assert answer.status_code == 400
    assert "nothing is enlarged" in answer.content.decode()


def test_strangers_see_no_page_and_the_anonymous_are_asked_who_they_are(
    service: str, stranger: Client, client: Client
) -> None:
    for path in ("", "/info.json", "/full/max/0/default.jpg"):
        assert stranger.get(service + path).status_code == 404
        assert client.get(service + path).status_code == 302
