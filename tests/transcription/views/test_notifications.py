"""The bell and its list: each person's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from tests.factories import create_membership, create_page, create_user
from transcription.models import Collection, MailWish, Notification, PageState, Role
from transcription.steps.notify import notify
from transcription.views.notifications import PAGE_SIZE

Kind = Notification.Kind
LIST = "transcription:notifications"


def test_the_bell_counts_and_the_list_says_what_happened(collection: Collection, client: Client) -> None:
    reviewer = create_membership(collection=collection, role=Role.REVIEWER).user
    lead = create_user(username="lead")
    page = create_page(collection=collection, state=PageState.IN_REVIEW)
    notify(Kind.RETURNED, to=[reviewer], actor=lead, page=page, details={"what": "rejected", "note": "<i>no</i>"})
    notify(Kind.FINISHED, to=[reviewer], collection=collection, details={"count": 7})
    client.force_login(reviewer)
    content = client.get(reverse(LIST)).content.decode()
    assert "2 not read yet" in content
    assert f"lead rejected your review of “{page.label}”, in Vestry minutes" in content
    assert "&lt;i&gt;no&lt;/i&gt;" in content
    assert "Vestry minutes is finished: all of its 7 pages are done" in content
    told = Notification.objects.get(kind=Kind.RETURNED)
    answer = client.post(reverse("transcription:notification_open", args=[told.pk]))
    assert answer["Location"] == reverse("review:editor", args=[page.pk])
    assert Notification.objects.filter(read_at=None).count() == 1
    client.post(reverse("transcription:notifications_read"), {"upto": Notification.objects.latest("pk").pk})
    assert "All read" in client.get(reverse(LIST)).content.decode()


def test_marking_all_leaves_what_came_since(collection: Collection, client: Client) -> None:
    reviewer = create_membership(collection=collection, role=Role.REVIEWER).user
    notify(Kind.FINISHED, to=[reviewer], collection=collection)
    seen = Notification.objects.get()
    notify(Kind.FINISHED, to=[reviewer], collection=collection)
    client.force_login(reviewer)
    client.post(reverse("transcription:notifications_read"), {"upto": seen.pk})
    assert Notification.objects.filter(read_at=None).count() == 1


def test_notifications_of_others_do_not_exist(collection: Collection, stranger: Client, client: Client) -> None:
    reviewer = create_membership(collection=collection, role=Role.REVIEWER).user
    notify(Kind.FINISHED, to=[reviewer], collection=collection)
    told = Notification.objects.get()
    assert stranger.post(reverse("transcription:notification_open", args=[told.pk])).status_code == 404
    assert "Vestry" not in stranger.get(reverse(LIST)).content.decode()
    stranger.post(reverse("transcription:notifications_read"))
    for name in (LIST, "transcription:notifications_read", "transcription:mail_wish"):
        answer = client.get(reverse(name)) if name == LIST else client.post(reverse(name))
        assert answer.status_code == 302
        assert reverse("login") in answer["Location"]
    told.refresh_from_db()
    assert told.read_at is None


def test_who_left_a_collection_is_shown_nothing_of_it_any_more(collection: Collection, client: Client) -> None:
    reviewer = create_membership(collection=collection, role=Role.REVIEWER).user
    notify(Kind.FINISHED, to=[reviewer], collection=collection)
    reviewer.memberships.all().delete()
    client.force_login(reviewer)
    assert "Vestry" not in client.get(reverse(LIST)).content.decode()


def test_a_long_list_is_paged(collection: Collection, client: Client) -> None:
    reviewer = create_membership(collection=collection, role=Role.REVIEWER).user
    for _ in range(PAGE_SIZE + 2):
        notify(Kind.FINISHED, to=[reviewer], collection=collection)
    client.force_login(reviewer)
    first = client.get(reverse(LIST))
    after = first.context["slice"].after
    assert len(first.context["rows"]) == PAGE_SIZE
    assert len(client.get(reverse(LIST), {"after": after}).context["rows"]) == 2


@pytest.mark.parametrize("email", ["", "ann@example.org"])
def test_mails_are_switched_off_and_on(
    member: Callable[[Role], Client], settings: Settings, collection: Collection, email: str
) -> None:
    settings.MAILS = True
    client = member(Role.STAFF)
    user = collection.memberships.get().user
    user.email = email
    user.save()
    content = client.get(reverse(LIST)).content.decode()
    assert ("Send me no mails" in content) == bool(email)
    client.post(reverse("transcription:mail_wish"), {"wanted": "off"})
    assert not MailWish.objects.get(user=user).wanted
    client.post(reverse("transcription:mail_wish"), {"wanted": "on"})
    assert MailWish.objects.get(user=user).wanted
