"""Blind checks: whoever types sees the image and nothing that was read, and nobody judges their own typing."""

from __future__ import annotations

from itertools import pairwise

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from review.audits import next_to_type, to_judge, to_type, versions
from review.models import Approval
from tests.factories import create_collection, create_membership, create_revision, create_user
from tests.review.written_page import create_reviewer, create_written_page
from transcription.models import Audit, AuditLine, Page, PageState, Role, RouteDecision
from transcription.steps.draw_audits import draw_machine_audit
from transcription.steps.settle_audit import type_line

pytestmark = pytest.mark.django_db


@pytest.fixture
def page() -> Page:
    """A page that was accepted unseen and drawn."""
    return create_audited_page()


def create_audited_page() -> Page:
    page = create_written_page(collection=create_collection(audit_rate=1.0), confidence=0.9)
    Page.objects.filter(pk=page.pk).update(state=PageState.ACCEPTED)
    RouteDecision.objects.filter(page=page).update(outcome="accept", reasons=[], features={"characters": 80})
    decision = RouteDecision.objects.select_related("page__collection", "run__layout").get(page=page)
    assert draw_machine_audit(decision, promised=False) is not None
    page.refresh_from_db()
    return page


@pytest.fixture
def typist(page: Page) -> User:
    return create_reviewer(page.collection)


@pytest.fixture
def judge(page: Page) -> User:
    return create_reviewer(page.collection, username="judge")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def lines() -> list[AuditLine]:
    return list(AuditLine.objects.select_related("audit").order_by("position"))


def test_the_screen_for_typing_holds_nothing_of_what_was_read(page: Page, typist: User) -> None:
    client = signed_in(typist)
    for line in lines():
        answer = client.get(reverse("review:audit-line", args=[line.pk]))
        html = answer.content.decode()
        assert answer.status_code == 200
        assert reverse("review:audit-image", args=[line.pk]) in html
        words = line.text.split()
        assert not [pair for pair in pairwise(words) if " ".join(pair) in html]
        assert not [word for word in words if len(word) > 4 and word in html]
        assert f"/pages/{page.pk}/" not in html


def test_the_image_is_of_the_line(page: Page, typist: User) -> None:
    answer = signed_in(typist).get(reverse("review:audit-image", args=[lines()[0].pk]))
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")


def test_lines_are_typed_one_after_the_other_and_the_same_text_settles_them(page: Page, typist: User) -> None:
    client = signed_in(typist)
    answer = client.post(reverse("review:audit-next", args=["type"]))
    for line in lines():
        assert answer["Location"] == reverse("review:audit-line", args=[line.pk])
        answer = client.post(reverse("review:audit-type", args=[line.pk]), {"text": line.text})
    assert answer["Location"] == reverse("review:audits")
    assert Audit.objects.get().state == Audit.State.SETTLED


def test_a_difference_waits_for_another_person(page: Page, typist: User, judge: User) -> None:
    line = lines()[0]
    signed_in(typist).post(reverse("review:audit-type", args=[line.pk]), {"text": "another text"})
    assert list(to_judge(typist)) == []
    assert [each.pk for each in to_judge(judge)] == [line.pk]
    refused = signed_in(typist).get(reverse("review:audit-line", args=[line.pk]), follow=True)
    assert line.text not in refused.content.decode()


def test_the_judge_is_not_told_which_text_is_the_machines(page: Page, typist: User, judge: User) -> None:
    line = lines()[0]
    type_line(line, text="another text", unreadable=False, typist=typist)
    shown = {}
    for swapped in (False, True):
        AuditLine.objects.update(swapped=swapped)
        shown[swapped] = [each.verdict for each in versions(AuditLine.objects.get(pk=line.pk))]
        html = signed_in(judge).get(reverse("review:audit-line", args=[line.pk])).content.decode()
        assert html.count('name="verdict"') == 4
        assert typist.get_username() not in html
        assert 'value="text"' not in html
        assert 'value="typed"' not in html
    assert shown[True] == shown[False][::-1]


def test_the_judges_word_settles_the_line(page: Page, typist: User, judge: User) -> None:
    line = lines()[0]
    type_line(line, text="another text", unreadable=False, typist=typist)
    answer = signed_in(judge).post(
        reverse("review:audit-judge", args=[line.pk]), {"verdict": "neither", "text": "a third text"}
    )
    assert answer["Location"] == reverse("review:audits")
    line.refresh_from_db()
    assert (line.verdict, line.truth, line.judge) == ("neither", "a third text", judge)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_number_chooses_the_text_that_is_shown_under_it(page: Page, typist: User, judge: User, swapped: bool) -> None:
    line = lines()[0]
    type_line(line, text="another text", unreadable=False, typist=typist)
    AuditLine.objects.update(swapped=swapped)
    signed_in(judge).post(reverse("review:audit-judge", args=[line.pk]), {"verdict": "1"})
    line.refresh_from_db()
    assert line.truth == ("another text" if swapped else line.text)


def test_a_line_that_the_typist_could_not_read_shows_the_judge_one_text(page: Page, typist: User, judge: User) -> None:
    line = lines()[0]
    type_line(line, text="", unreadable=True, typist=typist)
    url = reverse("review:audit-judge", args=[line.pk])
    signed_in(judge).post(url, {"verdict": "2"})
    line.refresh_from_db()
    assert line.verdict == ""
    signed_in(judge).post(url, {"verdict": "unreadable"})
    line.refresh_from_db()
    assert (line.verdict, line.truth, line.edits) == ("unreadable", None, line.size)


def test_the_typist_cannot_judge_by_sending_the_form(page: Page, typist: User) -> None:
    line = lines()[0]
    type_line(line, text="another text", unreadable=False, typist=typist)
    signed_in(typist).post(reverse("review:audit-judge", args=[line.pk]), {"verdict": "1"})
    line.refresh_from_db()
    assert line.verdict == ""


def test_nothing_typed_is_no_answer_unless_it_is_said(page: Page, typist: User) -> None:
    first, second, *_ = lines()
    client = signed_in(typist)
    client.post(reverse("review:audit-type", args=[first.pk]), {"text": "  "})
    first.refresh_from_db()
    assert first.typed_at is None
    client.post(reverse("review:audit-type", args=[first.pk]), {"text": "", "empty": "on"})
    client.post(reverse("review:audit-type", args=[second.pk]), {"text": "", "unreadable": "on"})
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.typed, first.unreadable, second.unreadable) == ("", False, True)


def test_whoever_corrected_or_approved_the_page_does_not_type_it(page: Page) -> None:
    corrector, approver = create_reviewer(page.collection), create_reviewer(page.collection, username="approver")
    create_revision(line=page.lines.order_by("pk")[0], text="corrected", author=corrector)
    Approval.objects.create(page=page, reviewer=approver, mode=Approval.Mode.WHOLE_PAGE)
    for person in (corrector, approver):
        assert list(to_type(person)) == []
        answer = signed_in(person).post(reverse("review:audit-type", args=[lines()[0].pk]), {"text": "one"})
        assert answer.status_code == 302
    assert all(line.typed_at is None for line in lines())


def test_two_people_do_not_type_one_page(page: Page, typist: User, judge: User) -> None:
    assert next_to_type(typist) is not None
    assert next_to_type(judge) is None
    Audit.objects.update(held_until=timezone.now())
    assert next_to_type(judge) is not None


def test_staff_and_strangers_reach_no_audit(page: Page) -> None:
    staff = create_user()
    create_membership(collection=page.collection, role=Role.STAFF, user=staff)
    line = lines()[0]
    for person in (staff, create_reviewer(create_collection())):
        client = signed_in(person)
        assert client.get(reverse("review:audit-line", args=[line.pk])).status_code == 404
        assert client.get(reverse("review:audit-image", args=[line.pk])).status_code == 404
        assert client.post(reverse("review:audit-type", args=[line.pk]), {"text": "one"}).status_code == 404
        assert client.post(reverse("review:audit-judge", args=[line.pk]), {"verdict": "1"}).status_code == 404
        assert list(to_type(person)) == []
    for name in ("audit-line", "audit-image"):
        assert "/login/" in Client().get(reverse(f"review:{name}", args=[line.pk]))["Location"]
    assert "/login/" in Client().get(reverse("review:audits"))["Location"]


def test_the_queue_and_the_overview_say_what_waits(page: Page, typist: User) -> None:
    client = signed_in(typist)
    assert "Blind checks" in client.get(reverse("review:queue")).content.decode()
    html = client.get(reverse("review:audits")).content.decode()
    assert f"Type {len(lines())} lines" in html
