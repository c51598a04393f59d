"""Comments: who reads them, who is told, and that what was said stays."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from review.comments import Talk, astray, reopen, resolve, say, talks_of
from review.models import Comment, Thread
from review.queue import waiting
from review.queue_filter import QueueFilter, Waits
from tests.factories import create_membership, create_revision
from tests.review.written_page import create_reviewer, create_written_page
from transcription.models import Line, Notification, Page, Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def page() -> Page:
    return create_written_page(image=False)


@pytest.fixture
def line(page: Page) -> Line:
    return page.lines.earliest("pk")


def test_a_comment_tells_who_wrote_the_line_and_who_spoke_before(page: Page, line: Line) -> None:
    writer, speaker, other = (create_reviewer(page.collection) for _ in range(3))
    gone = create_reviewer(page.collection)
    gone.memberships.all().delete()
    create_revision(line=line, text="typed", author=writer)
    create_revision(line=line, text="typed once", author=gone)
    say(page=page, line=line, text="Is this Anna?", author=speaker)
    assert [told.user for told in Notification.objects.all()] == [writer]
    say(page=page, line=line, text="Yes.", author=writer)
    say(page=page, line=None, text="A hard page", author=other)
    assert [told.user for told in Notification.objects.order_by("pk")] == [writer, speaker]
    assert Notification.objects.latest("pk").details == {"note": "Yes.", "line": line.pk}


def test_a_thread_is_resolved_once_and_open_again_when_somebody_speaks(page: Page, line: Line) -> None:
    ann, ben = create_reviewer(page.collection), create_reviewer(page.collection)
    thread = say(page=page, line=line, text="?", author=ann).thread
    assert list(waiting(ann, QueueFilter(reason=Waits.COMMENTS))) == [page]
    assert resolve(thread, by=ben)
    assert not resolve(thread, by=ann)
    assert not waiting(ann, QueueFilter(reason=Waits.COMMENTS)).exists()
    assert talks_of(page) == {line.pk: Talk(1, open=False)}
    assert reopen(thread, by=ann)
    assert resolve(thread, by=ann)
    say(page=page, line=line, text="One more", author=ben)
    assert talks_of(page) == {line.pk: Talk(2, open=True)}
    kinds = list(Comment.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["said", "resolved", "reopened", "resolved", "said"]


def test_a_comment_on_a_line_that_left_the_page_is_shown_with_the_page(page: Page, line: Line) -> None:
    thread = say(page=page, line=line, text="Mind the margin", author=create_reviewer(page.collection)).thread
    assert not astray(page).exists()
    line.places.all().delete()
    assert list(astray(page)) == [thread]


def test_comments_are_escaped_counted_and_in_the_line_s_history(client: Client, page: Page, line: Line) -> None:
    client.force_login(create_reviewer(page.collection))
    url = reverse("review:say", args=[page.pk])
    assert client.post(url, {"line": line.pk, "text": " "}).status_code == 400
    answer = client.post(url, {"line": line.pk, "text": "<script>alert(1)</script>\nsecond"}).json()
    assert answer == {"comments": {str(line.pk): {"said": 1, "open": True}}}
    shown = client.get(reverse("review:comments", args=[page.pk]), {"line": line.pk}).content.decode()
    history = client.get(reverse("review:line-history", args=[line.pk])).content.decode()
    for content in (shown, history):
        assert "&lt;script&gt;alert(1)&lt;/script&gt;<br>second" in content
        assert "<script>" not in content
    resolved = client.post(reverse("review:resolve", args=[page.pk, Thread.objects.get().pk])).json()
    assert resolved["comments"][str(line.pk)]["open"] is False


def test_comments_of_another_page_do_not_exist(client: Client, page: Page, line: Line) -> None:
    other = create_written_page(collection=page.collection, image=False)
    reviewer = create_reviewer(page.collection)
    thread = say(page=page, line=line, text="here", author=reviewer).thread
    client.force_login(reviewer)
    assert client.post(reverse("review:say", args=[other.pk]), {"line": line.pk, "text": "x"}).status_code == 404
    assert client.get(reverse("review:comments", args=[other.pk]), {"line": line.pk}).status_code == 404
    assert client.get(reverse("review:comments", args=[page.pk]), {"line": "x"}).status_code == 404
    assert client.post(reverse("review:resolve", args=[other.pk, thread.pk])).status_code == 404
    client.force_login(create_membership(collection=page.collection, role=Role.STAFF).user)
    assert client.post(reverse("review:resolve", args=[page.pk, thread.pk])).status_code == 404
    assert Comment.objects.count() == 1
