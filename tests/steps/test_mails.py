"""Notifications become mails, a few minutes later and in one; what a mail server does not take is not lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from tests.factories import create_collection, create_membership, create_page, create_user
from tests.steps.mail_server import MailServer, mail_server
from transcription.models import Collection, Mail, MailWish, Notification, PageState, Role
from transcription.steps.finished import notice_finished
from transcription.steps.mails import GATHERED_FOR, MOST_ATTEMPTS, gather, send
from transcription.steps.notify import mark_read, notify
from transcription.steps.postman import post_once

pytestmark = pytest.mark.django_db
Kind = Notification.Kind


@pytest.fixture
def server(settings: Settings) -> Iterator[MailServer]:
    with mail_server() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", running.port, False
        settings.MAILS, settings.ADDRESS = True, "https://longhand.example.org"
        settings.DEFAULT_FROM_EMAIL = "Longhand <longhand@example.org>"
        yield running


@pytest.fixture
def collection() -> Collection:
    return create_collection(title="Vestry\nminutes")


def member(collection: Collection, name: str, role: Role = Role.REVIEWER) -> User:
    user = create_user(username=name)
    user.email = f"{name}@example.org"
    user.save()
    create_membership(collection=collection, role=role, user=user)
    return user


def assigned(collection: Collection, user: User, count: int = 3) -> None:
    notify(Kind.ASSIGNED, to=[user], collection=collection, details={"count": count})


def some_minutes_pass() -> None:
    Notification.objects.update(created_at=Now() - GATHERED_FOR - timedelta(seconds=1))
    Mail.objects.update(not_before=Now() - timedelta(seconds=1))


def test_what_happens_within_minutes_comes_in_one_mail(collection: Collection, server: MailServer) -> None:
    ann, ben = member(collection, "ann"), member(collection, "ben")
    page = create_page(collection=collection, state=PageState.IN_REVIEW)
    assigned(collection, ann)
    post_once()
    assert server.mails == []
    some_minutes_pass()
    details = {"what": "changes", "note": "Line 2 <again>"}
    notify(Kind.RETURNED, to=[ann], actor=ben, page=page, details=details)
    post_once()
    post_once()
    (mail,) = server.mails
    body = mail.get_payload(decode=True)
    assert isinstance(body, bytes)
    text = body.decode()
    assert (mail["To"], mail["From"]) == ("ann@example.org", "Longhand <longhand@example.org>")
    assert mail["Subject"] == "Longhand: 2 things to know"
    assert "somebody assigned 3 pages of Vestry" in text
    assert "“Line 2 <again>”" in text
    assert f"https://longhand.example.org/review/pages/{page.pk}/" in text
    assert mail["Message-ID"].endswith("@longhand.example.org>")


def test_a_server_that_is_away_loses_nothing_and_is_asked_ever_more_rarely(
    collection: Collection, server: MailServer
) -> None:
    for name in ("ann", "ben"):
        assigned(collection, member(collection, name))
    some_minutes_pass()
    server.away = True
    gather()
    assert send() == 0
    first, second = Mail.objects.order_by("pk")
    assert (first.attempts, second.attempts) == (1, 0)  # the next would have met with the same
    assert "SMTPServerDisconnected" in first.error
    for _ in range(3):
        some_minutes_pass()
        send()
    first.refresh_from_db()
    assert first.not_before - first.created_at > timedelta(minutes=7)
    server.away = False
    some_minutes_pass()
    assert send() == 2
    assert [mail["Subject"] for mail in server.mails] == [
        "Longhand: somebody assigned 3 pages of Vestry minutes to you"
    ] * 2
    assert not Mail.objects.filter(sent_at=None).exists()
    assert Mail.objects.earliest("pk").error == ""


def test_an_address_that_is_refused_does_not_keep_others_from_theirs(
    collection: Collection, server: MailServer
) -> None:
    for name in ("ann", "ben"):
        assigned(collection, member(collection, name))
    server.refused.add("ann@example.org")
    some_minutes_pass()
    gather()
    assert send() == 1
    assert [mail["To"] for mail in server.mails] == ["ben@example.org"]
    Mail.objects.filter(sent_at=None).update(attempts=MOST_ATTEMPTS)
    some_minutes_pass()
    assert send() == 0
    assert "550" in Mail.objects.get(sent_at=None).error  # kept, to be looked at


def test_a_mail_whose_sender_died_is_sent_by_another_with_the_same_identity(
    collection: Collection, server: MailServer
) -> None:
    assigned(collection, member(collection, "ann"))
    some_minutes_pass()
    gather()
    assert send() == 1
    Mail.objects.update(sent_at=None)  # the server took it, and the process died before it could say so
    assert send() == 0  # it may still be on its way
    some_minutes_pass()
    assert send() == 1
    assert len({mail["Message-ID"] for mail in server.mails}) == 1


def test_who_wants_no_mails_or_has_read_it_gets_none(collection: Collection, server: MailServer) -> None:
    ann, ben, cleo = (member(collection, name) for name in ("ann", "ben", "cleo"))
    MailWish.objects.create(user=ann, wanted=False)
    User.objects.filter(pk=cleo.pk).update(email="")
    for user in (ann, ben, cleo):
        assigned(collection, user)
    mark_read(Notification.objects.filter(user=ben))
    some_minutes_pass()
    post_once()
    assert server.mails == []
    assert not Notification.objects.filter(to_mail=True).exists()
    assert Notification.objects.count() == 3


def test_without_a_mail_server_nothing_gathers(collection: Collection, settings: Settings) -> None:
    settings.MAILS = False
    assigned(collection, member(collection, "ann"))
    some_minutes_pass()
    post_once()
    assert not Mail.objects.exists()
    assert not Notification.objects.filter(to_mail=True).exists()


def test_who_left_the_collection_and_who_did_it_themselves_are_told_nothing(collection: Collection) -> None:
    ann, ben = member(collection, "ann"), member(collection, "ben")
    ben.memberships.all().delete()
    assert notify(Kind.COMMENT, to=[ann, ben, ann], actor=ann, collection=collection) == 0
    assert notify(Kind.COMMENT, to=[ann, ben, ann], actor=ben, collection=collection) == 1


def test_those_who_lead_a_collection_are_told_once_that_it_is_finished(collection: Collection) -> None:
    lead = member(collection, "lead", Role.LEAD)
    member(collection, "ann")
    assert notice_finished() == []  # no pages: nothing is finished
    create_page(collection=collection, state=PageState.REVIEWED)
    last = create_page(collection=collection, state=PageState.IN_REVIEW)
    assert notice_finished() == []
    last.state = PageState.ACCEPTED
    last.save()
    assert notice_finished() == [collection.pk]
    assert notice_finished() == []
    told = Notification.objects.get()
    assert (told.user, told.kind, told.details) == (lead, Kind.FINISHED, {"count": 2})
    last.state = PageState.IN_REVIEW
    last.save()
    assert notice_finished() == []
    last.state = PageState.REVIEWED
    last.save()
    assert notice_finished() == [collection.pk]
