"""What the editor's page is given, at what price, and to whom."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from tests.factories import create_user
from tests.review.written_page import TEXT, create_reviewer, create_written_page
from transcription.models import PageState, Source, Vote
from transcription.steps.revise import revise

pytestmark = pytest.mark.django_db


def given(client: Client, pk: int) -> dict[str, Any]:
    content = client.get(reverse("review:editor", args=[pk])).content.decode()
    found = re.search(r'<script id="page-data" type="application/json">(.*?)</script>', content, re.S)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_opening_a_page_claims_nothing_yet(client: Client) -> None:
    page = create_written_page(image=False)
    client.force_login(create_reviewer(page.collection))
    given(client, page.pk)
    assert not hasattr(page, "claim")


def test_every_line_comes_with_its_words_in_reading_order(client: Client) -> None:
    page = create_written_page(image=False)
    client.force_login(create_reviewer(page.collection))
    lines = given(client, page.pk)["lines"]
    assert isinstance(lines, list)
    assert [line["position"] for line in lines] == [1, 2, 3, 4]
    doubtful = [word for line in lines for word in line["words"] if word["confidence"] < 0.7]
    assert [word["text"] for word in doubtful] == ["Anne", "Marye", "Smyth"]
    assert [other["text"] for other in doubtful[1]["alternatives"]] == ["Mary", "Marie"]


def test_a_long_page_costs_no_more_queries_than_a_short_one(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    page = create_written_page(image=False, text=TEXT * 8)
    client.force_login(create_reviewer(page.collection))
    with django_assert_max_num_queries(25):
        given(client, page.pk)


def test_a_reviewed_page_opens_for_reading_and_offers_to_be_taken_into_review(client: Client) -> None:
    page = create_written_page(image=False)
    page.state = PageState.REVIEWED
    page.save()
    client.force_login(create_reviewer(page.collection))
    assert given(client, page.pk)["inReview"] is False
    answer = client.post(reverse("review:reopen", args=[page.pk]))
    assert answer.status_code == 302
    assert given(client, page.pk)["inReview"] is True


def test_text_that_looks_like_markup_stays_text(client: Client) -> None:
    page = create_written_page(image=False, text=["</script><b>&amp;|x"])
    client.force_login(create_reviewer(page.collection))
    content = client.get(reverse("review:editor", args=[page.pk])).content.decode()
    assert "</script><b>" not in content


def test_a_line_whose_text_failed_a_check_says_why_until_a_person_has_written(client: Client) -> None:
    page = create_written_page(image=False)
    assert page.layout is not None
    vote = Vote.objects.filter(line__page=page).earliest("pk")
    failed = {"failed": [{"code": "repetition", "detail": "and the"}, {"code": "of-a-later-version", "detail": ""}]}
    Vote.objects.filter(pk=vote.pk).update(checks=failed)
    client.force_login(create_reviewer(page.collection))
    first, *others = given(client, page.pk)["lines"]
    assert [said.split(":")[0] for said in first["checks"]] == ["Repeats itself"]
    assert not any(line["checks"] for line in others)
    revise(line=vote.line, text="typed by a person", source=Source.PERSON, author=create_user())
    assert given(client, page.pk)["lines"][0]["checks"] == []
