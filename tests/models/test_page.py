"""What people know a page by."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import create_collection, create_document, create_original, create_page, create_user
from transcription.models import PageState
from transcription.templatetags.longhand import middle


@pytest.mark.parametrize(
    ("name", "frames", "frame", "label"),
    [
        ("Letter of 12 May.v2.jpg", 1, 0, "Letter of 12 May.v2"),
        ("box.pdf", 12, 2, "box.pdf p. 3"),
        ("box.pdf", 12, 0, "box.pdf p. 1"),
        ("letter.pdf", 1, 0, "letter"),
    ],
)
def test_a_page_is_called_by_its_file(db: None, name: str, frames: int, frame: int, label: str) -> None:
    original = create_original(name=name, frames=frames)
    assert create_page(document=original.document, original=original, frame=frame).label == label


@pytest.mark.parametrize("length", range(3, 14))
def test_a_long_name_keeps_its_beginning_and_its_end(length: int) -> None:
    short = middle("abcdefghijklmno", length)
    assert len(short) == length
    assert (short[0], short[-1]) == ("a", "o")
    assert middle("abc", length) == "abc"


def test_every_screen_of_a_page_shows_the_name_of_its_file(client: Client, db: None) -> None:
    user = create_user()
    document = create_document(collection=create_collection(owner=user), title="Upload of 2026-11-22 19:31")
    original = create_original(document=document, name="Ms 12 fol. 003r with a very long name of no use at all.tif")
    page = create_page(document=document, original=original, state=PageState.IN_REVIEW)
    client.force_login(user)
    for url in (
        reverse("transcription:collection", args=[document.collection_id]),
        reverse("transcription:page", args=[page.pk]),
        reverse("review:queue"),
        reverse("review:editor", args=[page.pk]),
    ):
        assert f'title="{page.label}">Ms 12 fol' in client.get(url).content.decode(), url
