"""Paging by key reaches every row once, forwards and backwards, whatever stands in the URL."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import create_collection, create_document, create_membership, create_page, create_user
from transcription.models import Collection, Page, Role
from transcription.models.keyset import paged

ORDER = ("-title", "pk")


@pytest.fixture
def titled(db: None) -> list[int]:
    """Ids in ORDER, several with the same title."""
    rows = [create_collection(title=title) for title in "bababcacb"]
    by_id = sorted(rows, key=lambda row: row.pk)
    return [row.pk for row in sorted(by_id, key=lambda row: row.title, reverse=True)]


def test_walking_on_gives_every_row_once_in_order(titled: list[int]) -> None:
    seen, key = [], ""
    while True:
        part = paged(Collection.objects.all(), order=ORDER, size=2, after=key)
        seen += [row.pk for row in part.rows]
        key = part.after
        if not key:
            break
    assert seen == titled


def test_walking_back_gives_the_same_pages(titled: list[int]) -> None:
    first = paged(Collection.objects.all(), order=ORDER, size=4)
    second = paged(Collection.objects.all(), order=ORDER, size=4, after=first.after)
    back = paged(Collection.objects.all(), order=ORDER, size=4, before=second.before)
    assert [row.pk for row in back.rows] == [row.pk for row in first.rows]
    assert (first.before, back.before) == ("", "")
    assert back.after == first.after


@pytest.mark.parametrize("key", ["?", "bm8", "WzEsMl0", "WyJhIiwgImIiXQ", "W251bGwsIG51bGxd"])
def test_a_key_that_means_nothing_gives_the_first_page(titled: list[int], key: str) -> None:
    part = paged(Collection.objects.all(), order=("-created_at", "pk"), size=3, after=key)
    assert len(part.rows) == 3


def test_no_rows_have_no_neighbors(db: None) -> None:
    part = paged(Page.objects.all(), order=("pk",), size=3)
    assert (part.rows, part.before, part.after) == ([], "", "")


def test_the_grid_of_a_collection_is_paged(collection: Collection) -> None:
    document = create_document(collection=collection)
    for _ in range(65):
        create_page(document=document)
    client = Client()
    client.force_login(create_membership(collection=collection, role=Role.STAFF).user)
    url = reverse("transcription:collection_grid", args=[collection.pk])
    first = client.get(url)
    part = first.context["part"]
    assert [page.position for page in part.rows] == list(range(1, 61))
    second = client.get(url, {"after": part.after})
    assert [page.position for page in second.context["part"].rows] == list(range(61, 66))


@pytest.fixture
def collection(db: None) -> Collection:
    return create_collection(owner=create_user())
