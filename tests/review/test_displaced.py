from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.factories import create_layout, create_membership, create_page, create_revision, create_run, create_user
from transcription.models import DisplacedText, Line, Page, PageState, Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def page() -> Page:
    """A page in review with two lines and a text that lost its line to the first one's."""
    page = create_page(state=PageState.IN_REVIEW)
    gone = Line.objects.create(page=page)
    written = create_revision(line=gone, text="anno domini", author=create_user(username="ada"))
    layout = create_layout(page=page)
    create_run(page=page)
    near = layout.places.get(position=1).line
    DisplacedText.objects.create(page=page, layout=layout, line=gone, revision=written, near=near)
    return page


@pytest.fixture
def reviewer(page: Page) -> User:
    user = create_user()
    create_membership(collection=page.collection, role=Role.REVIEWER, user=user)
    return user


@pytest.fixture
def client_(client: Client, reviewer: User) -> Client:
    client.force_login(reviewer)
    return client


def settle(client: Client, **fields: object) -> int:
    url = reverse("review:settle-displaced", args=[DisplacedText.objects.get().pk])
    return client.post(url, fields).status_code


@pytest.mark.parametrize("name", ["review:editor", "review:unplaced", "transcription:page"])
def test_what_lost_its_line_is_shown_with_who_wrote_it_and_where(name: str, page: Page, client_: Client) -> None:
    shown = client_.get(reverse(name, args=[page.pk])).content.decode()
    assert "anno domini" in shown
    assert "ada" in shown
    assert "line 1?" in shown
    assert ("Dismiss" in shown) == name.startswith("review")


def test_what_stands_on_a_line_again_is_settled(page: Page, client_: Client, reviewer: User) -> None:
    assert page.layout is not None
    line = page.layout.places.get(position=2).line
    assert settle(client_, outcome="used", line=line.pk) == 409, "it does not stand there yet"
    save = {"text": "anno domini 1702", "base_revision": 0, "decisions": "[]"}
    assert client_.post(reverse("review:save-line", args=[line.pk]), save).status_code == 200
    assert settle(client_, outcome="used", line=line.pk) == 200
    settled = DisplacedText.objects.get()
    assert (settled.outcome, settled.used_on, settled.resolved_by) == ("used", line, reviewer)
    assert "anno domini" not in client_.get(reverse("review:unplaced", args=[page.pk])).content.decode()


def test_what_nobody_needs_is_dismissed_and_kept(client_: Client) -> None:
    assert settle(client_, outcome="dismissed") == 200
    kept = DisplacedText.objects.get()
    assert (kept.outcome, kept.revision.text) == ("dismissed", "anno domini")


def test_what_is_no_answer_is_refused(page: Page, client_: Client) -> None:
    elsewhere = create_layout(page=create_page()).places.get(position=1).line
    assert settle(client_, outcome="used") == 400
    assert settle(client_, outcome="lost") == 400
    assert settle(client_, outcome="used", line=elsewhere.pk) == 409
    assert DisplacedText.objects.unsettled().exists()


def test_other_peoples_pages_do_not_exist(page: Page, client: Client) -> None:
    client.force_login(create_user())
    assert settle(client, outcome="dismissed") == 404


def test_a_page_that_is_not_in_review_is_left_alone(page: Page, client_: Client) -> None:
    Page.objects.update(state=PageState.ACCEPTED)
    assert settle(client_, outcome="dismissed") == 423
