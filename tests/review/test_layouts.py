"""Who may repair lines, when, and what the screen is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from review.approvals import approve_as_empty
from review.claims import claim_page
from review.corrections import Decision, correct_line
from review.editor import page_data
from review.models import Claim, WordDecision
from review.queue import unsure_words
from tests.factories import create_membership, create_revision, create_user
from tests.review.written_page import TEXT, create_reviewer, create_written_page
from tests.steps.journey import current_run, prepared_page, work_until_nothing_is_due
from tests.steps.scribe import scribe
from transcription.models import Line, Page, PageState, Role
from transcription.steps.invariants import violations

__all__ = ["scribe"]
pytestmark = pytest.mark.django_db
NAMES = ("layout-change", "layout-undo", "layout-redo", "layout-reread")


@pytest.fixture
def page() -> Page:
    return create_written_page(image=False)


@pytest.fixture
def reviewer(page: Page) -> User:
    return create_reviewer(page.collection, username="anna")


@pytest.fixture
def anna(client: Client, reviewer: User) -> Client:
    client.force_login(reviewer)
    return client


def lines(page: Page) -> list[int]:
    layout = Page.objects.get(pk=page.pk).layout
    assert layout is not None
    return list(layout.places.order_by("position").values_list("line", flat=True))


def post(client: Client, page: Page, name: str, **fields: Any) -> HttpResponse:
    values = {key: json.dumps(value) if key == "operation" else value for key, value in fields.items()}
    answer: HttpResponse = client.post(reverse(f"review:layout-{name}", args=[page.pk]), values)
    return answer


def change(client: Client, page: Page, version: int, **operation: Any) -> HttpResponse:
    return post(client, page, "change", version=version, operation=operation)


def test_the_screen_is_for_reviewers_only(client: Client, page: Page) -> None:
    url = reverse("review:layout", args=[page.pk])
    assert client.get(url).status_code == 302
    client.force_login(create_membership(collection=page.collection, role=Role.STAFF).user)
    assert client.get(url).status_code == 404
    assert client.get(reverse("review:layout-state", args=[page.pk])).status_code == 404
    client.force_login(create_reviewer(page.collection))
    assert client.get(url).status_code == 200
    assert client.get(reverse("review:layout-state", args=[page.pk])).json()["layout"]["version"] == 1


@pytest.mark.parametrize("name", NAMES)
def test_changes_are_for_reviewers_of_the_collection_only(client: Client, page: Page, name: str) -> None:
    url = reverse(f"review:{name}", args=[page.pk])
    assert client.post(url).status_code == 401
    for user in (create_user(), create_membership(collection=page.collection, role=Role.STAFF).user):
        client.force_login(user)
        assert client.post(url, {"version": 1}).status_code == 404
    assert client.get(url).status_code == 405


def test_a_page_without_lines_or_regions_opens(anna: Client, page: Page) -> None:
    page.layout = None
    page.save()
    content = anna.get(reverse("review:layout", args=[page.pk])).content.decode()
    found = re.search(r'<script id="page-data" type="application/json">(.*?)</script>', content, re.S)
    assert found
    assert json.loads(found[1])["layout"]["version"] == 0
    answer = change(anna, page, 0, kind="add", baseline=[[100, 300], [900, 300]])
    assert answer.status_code == 200
    assert answer.json()["layout"]["version"] == 2


def test_a_change_answers_with_the_lines_as_they_are_now(anna: Client, page: Page) -> None:
    one, *others = lines(page)
    answer = change(anna, page, 1, kind="split", line=one, share=0.5).json()
    assert answer["done"] == "Line 1 split in two"
    assert answer["touched"] == lines(page)[:2]
    layout = answer["layout"]
    assert (layout["version"], layout["undo"], layout["redo"]) == (2, "Line 1 split in two", None)
    assert [line["waits"] for line in layout["lines"]] == [True, True, False, False, False]
    assert (layout["waiting"], layout["stale"], layout["reading"]) == (2, True, None)
    undone = post(anna, page, "undo", version=2).json()
    assert undone["done"] == "Undone: Line 1 split in two"
    assert [line["id"] for line in undone["layout"]["lines"]] == [one, *others]
    assert undone["layout"]["redo"] == "Line 1 split in two"
    assert post(anna, page, "redo", version=3).json()["layout"]["waiting"] == 2
    assert post(anna, page, "redo", version=4).status_code == 400


def test_a_change_of_an_old_version_is_refused_with_the_present_lines(anna: Client, page: Page) -> None:
    one, two, *_others = lines(page)
    change(anna, page, 1, kind="delete", lines=[one])
    answer = change(anna, page, 1, kind="delete", lines=[two])
    assert answer.status_code == 409
    assert answer.json()["code"] == "layout-conflict"
    assert "anna changed the lines" in answer.json()["message"]
    assert answer.json()["layout"]["version"] == 2
    assert two in lines(page)


def test_nobody_changes_the_lines_of_a_page_that_somebody_else_is_on(anna: Client, page: Page) -> None:
    colleague = create_reviewer(page.collection, username="colleague")
    claim_page(page=page, reviewer=colleague)
    answer = change(anna, page, 1, kind="delete", lines=lines(page)[:1])
    assert answer.status_code == 423
    assert "colleague is on this page" in answer.json()["message"]
    assert post(anna, page, "reread").status_code == 423
    Claim.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert change(anna, page, 1, kind="delete", lines=lines(page)[:1]).status_code == 200
    assert Claim.objects.get().reviewer.username == "anna"


def test_an_approved_page_is_taken_into_review_first(anna: Client, page: Page) -> None:
    Page.objects.filter(pk=page.pk).update(state=PageState.REVIEWED, approved_at=Now())
    assert change(anna, page, 1, kind="delete", lines=lines(page)[:1]).status_code == 423
    assert "Take it into review again" in anna.get(reverse("review:layout", args=[page.pk])).content.decode()
    answer = anna.post(reverse("review:reopen", args=[page.pk]), {"to": "layout"})
    assert answer["Location"] == reverse("review:layout", args=[page.pk])
    assert change(anna, page, 1, kind="delete", lines=lines(page)[:1]).status_code == 200


def test_text_at_stake_is_said_with_a_code(anna: Client, page: Page, reviewer: User) -> None:
    one = page.layout.places.first().line  # type: ignore[union-attr]
    create_revision(line=one, text="typed", author=reviewer)
    answer = change(anna, page, 1, kind="delete", lines=[one.pk])
    assert (answer.status_code, answer.json()["code"]) == (409, "text-at-stake")
    assert change(anna, page, 1, kind="delete", lines=[one.pk], sure=True).status_code == 200


def test_typed_words_are_undone_away_only_when_the_reviewer_is_sure(anna: Client, page: Page, reviewer: User) -> None:
    change(anna, page, 1, kind="split", line=lines(page)[0], share=0.5)
    create_revision(line=Line.objects.get(pk=lines(page)[0]), text="the old rector", author=reviewer)
    asked = post(anna, page, "undo", version=2)
    assert (asked.status_code, asked.json()["code"]) == (409, "text-at-stake")
    assert "“the old rector”" in asked.json()["message"]
    answer = post(anna, page, "undo", version=2, sure="true")
    assert answer.json()["done"] == "Undone: Line 1 split in two; what was typed is kept beside the text"
    for url in (reverse("review:unplaced", args=[page.pk]), reverse("review:editor", args=[page.pk])):
        assert "the old rector" in anna.get(url).content.decode()


def test_a_line_that_a_person_typed_stays_settled_when_it_is_read_again(client: Client, read_page: Page) -> None:
    page = read_page
    reviewer = create_reviewer(page.collection)
    client.force_login(reviewer)
    change(client, page, 1, kind="split", line=lines(page)[0], share=0.5)
    typed = Line.objects.get(pk=lines(page)[0])
    create_revision(line=typed, text="the old", author=reviewer)
    post(client, page, "reread")
    work_until_nothing_is_due()
    page = Page.objects.get(pk=page.pk)
    doubted = {
        each["id"]: [word["text"] for word in each["words"] if not word["settled"] and word["confidence"] < 0.7]
        for each in page_data(page)["lines"]
    }
    assert doubted.pop(typed.pk) == []
    assert all(len(words) == 3 for words in doubted.values())
    assert unsure_words([page.run_id]) == {page.run_id: 9}
    mine = next(each for each in page_data(page)["lines"] if each["id"] == typed.pk)
    assert [word["voted"] for word in mine["words"]] == [None, None]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "operation: This field is required"),
        ({"operation": "no json"}, "not understood"),
        ({"operation": {"kind": "explode"}}, "not understood (operation"),
        ({"operation": {"kind": "delete", "lines": ["x"]}}, "not understood (delete.lines.0"),
        ({"operation": {"kind": "add", "baseline": [[1, 1]]}}, "two points"),
        ({"operation": {"kind": "add", "baseline": [[1, 1]] * 2000}}, "not understood (add.baseline"),
        ({"operation": {"kind": "delete", "lines": [987654321]}}, "not on the page any more"),
    ],
)
def test_bad_input_gets_one_sentence(anna: Client, page: Page, fields: dict[str, Any], sentence: str) -> None:
    answer = post(anna, page, "change", version=1, **fields)
    assert answer.status_code == 400
    assert sentence in answer.json()["message"]
    assert Page.objects.get(pk=page.pk).layout == page.layout


def test_a_line_of_another_page_is_not_touched(anna: Client, page: Page) -> None:
    other = create_written_page(image=False)
    foreign = lines(other)[0]
    assert change(anna, page, 1, kind="delete", lines=[foreign]).status_code == 400
    assert change(anna, page, 1, kind="merge", lines=[lines(page)[0], foreign]).status_code == 400
    assert foreign in lines(other)


def test_a_long_page_costs_no_more_queries_than_a_short_one(
    anna: Client, django_assert_max_num_queries: DjangoAssertNumQueries, reviewer: User
) -> None:
    page = create_written_page(image=False, text=TEXT * 8)
    create_membership(collection=page.collection, role=Role.REVIEWER, user=reviewer)
    with django_assert_max_num_queries(20):
        anna.get(reverse("review:layout", args=[page.pk]))


def test_text_that_looks_like_markup_stays_text(client: Client) -> None:
    page = create_written_page(image=False, text=["</script><b>&amp;|x"])
    client.force_login(create_reviewer(page.collection))
    assert "</script><b>" not in client.get(reverse("review:layout", args=[page.pk])).content.decode()


@pytest.fixture
def read_page(media_root: Path, scribe: Callable[..., None]) -> Page:
    scribe(text="the old rector", score=0.3)
    made = prepared_page(media_root)
    made.collection.threshold = 0.99
    made.collection.save()
    work_until_nothing_is_due()
    return Page.objects.get(pk=made.pk)


def test_the_readers_take_the_page_and_bring_it_back_to_who_sent_it(client: Client, read_page: Page) -> None:
    page = read_page
    client.force_login(create_reviewer(page.collection))
    change(client, page, 1, kind="split", line=lines(page)[0], share=0.5)
    for url in (reverse("transcription:page", args=[page.pk]), reverse("review:editor", args=[page.pk])):
        assert "2 lines were changed and wait to be read again." in client.get(url).content.decode()
    layout = post(client, page, "reread").json()["layout"]
    assert (layout["reading"], layout["inReview"]) == (2, False)
    assert [line["waits"] for line in layout["lines"]] == [True, True, False, False]
    assert change(client, page, 2, kind="delete", lines=lines(page)[:1]).status_code == 423
    work_until_nothing_is_due()
    layout = client.get(reverse("review:layout-state", args=[page.pk])).json()["layout"]
    assert (layout["reading"], layout["inReview"], layout["stale"], layout["waiting"]) == (None, True, False, 0)
    assert "wait to be read" not in client.get(reverse("transcription:page", args=[page.pk])).content.decode()
    assert post(client, page, "reread").status_code == 200, "asked again, it does nothing"
    assert current_run(page).number == 2
    assert violations() == []


def test_what_fails_is_said(client: Client, read_page: Page, scribe: Callable[..., None]) -> None:
    page = read_page
    client.force_login(create_reviewer(page.collection))
    change(client, page, 1, kind="split", line=lines(page)[0], share=0.5)
    post(client, page, "reread")
    scribe(fails=range(10))
    work_until_nothing_is_due()
    layout = client.get(reverse("review:layout-state", args=[page.pk])).json()["layout"]
    assert "could not be read" in layout["failure"]
    assert layout["reading"] == 0


def test_words_that_were_settled_stay_settled_when_other_lines_are_read_again(client: Client, read_page: Page) -> None:
    page = read_page
    reviewer = create_reviewer(page.collection)
    client.force_login(reviewer)
    place = page.layout.places.select_related("line__current").order_by("position")[2]  # type: ignore[union-attr]
    decision = Decision(word=1, kind=WordDecision.Kind.CONFIRMED, after="old")
    correct_line(line=place.line, text="the old rector", base_revision=1, decisions=[decision], reviewer=reviewer)
    change(client, page, 1, kind="split", line=lines(page)[0], share=0.5)
    post(client, page, "reread")
    work_until_nothing_is_due()
    page = Page.objects.get(pk=page.pk)
    line = next(each for each in page_data(page)["lines"] if each["id"] == place.line_id)
    assert [word["settled"] for word in line["words"]] == [False, True, False]


def test_what_was_typed_on_a_deleted_line_outlives_a_page_with_nothing_to_read(
    anna: Client, page: Page, reviewer: User
) -> None:
    one = page.layout.places.first().line  # type: ignore[union-attr]
    create_revision(line=one, text="typed", author=reviewer)
    change(anna, page, 1, kind="delete", lines=[one.pk], sure=True)
    approve_as_empty(page=page, reviewer=reviewer, active_seconds=1)
    assert Line.objects.select_related("current").get(pk=one.pk).current.text == "typed"  # type: ignore[union-attr]
    assert not Line.objects.filter(pk__in=lines(page)).exclude(current__text="").exists()


def test_lines_of_an_approved_page_wait_for_nobody(client: Client, read_page: Page) -> None:
    page = read_page
    client.force_login(create_reviewer(page.collection))
    change(client, page, 1, kind="split", line=lines(page)[0], share=0.5)
    Page.objects.filter(pk=page.pk).update(state=PageState.REVIEWED, approved_at=Now())
    assert "wait to be read" not in client.get(reverse("transcription:page", args=[page.pk])).content.decode()
    layout = client.get(reverse("review:layout-state", args=[page.pk])).json()["layout"]
    assert (layout["waiting"], layout["stale"]) == (0, False)
    assert not any(line["waits"] for line in layout["lines"])
