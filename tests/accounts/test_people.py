"""Invitations, users, members and the audit log."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.invitations import NoInvitation, invite, join, make_account
from accounts.models import Invitation
from accounts.people import LastSuperuser, set_active, set_superuser
from tests.factories import create_collection, create_failure, create_membership, create_user
from transcription.models import Collection, Deed, Failure, Membership, Role, Verb, WorkState
from transcription.steps.record_deed import record


@pytest.fixture
def collection(db: None) -> Collection:
    return create_collection(title="Vestry minutes")


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_link_makes_one_account_with_its_roles_and_no_second(collection: Collection) -> None:
    admin = client_of(create_membership(collection=collection, role=Role.ADMIN).user)
    posted = {"email": "guest@example.org", "days": 7, "collection1": collection.pk, "role1": Role.REVIEWER}
    link = re.search(
        r'value="http://testserver(/invitation/[\w-]+/)"', admin.post("/people/invitations/", posted).content.decode()
    )
    assert link is not None
    key = link[1].split("/")[2]
    assert key not in str(list(Invitation.objects.values()))  # what the database holds opens nothing
    guest = Client()
    assert "guest@example.org" in guest.get(link[1]).content.decode()
    typed = {"username": "guest", "full_name": "Gill Guest", "email": "guest@example.org"}
    assert guest.post(link[1], typed | {"password": "short", "again": "short"}).status_code == 422
    password = {"password": "a-long-passphrase", "again": "a-long-passphrase"}
    assert guest.post(link[1], typed | password).status_code == 302
    user = User.objects.get(username="guest")
    assert (user.first_name, user.last_name) == ("Gill", "Guest")
    assert guest.get(f"/collections/{collection.pk}/").status_code == 200  # logged in, and a member
    assert Membership.objects.get(user=user).role == Role.REVIEWER
    assert Client().get(link[1]).status_code == 410
    with pytest.raises(NoInvitation):
        make_account(key=key, username="other", full_name="", email="", password="a-long-passphrase")
    assert Deed.objects.get(verb=Verb.INVITATION_USED).actor == user


def test_an_invitation_runs_out_is_withdrawn_and_never_lowers_a_role(collection: Collection) -> None:
    inviter = create_membership(collection=collection, role=Role.ADMIN).user
    made, key = invite(inviter=inviter, roles={collection: Role.STAFF})
    lead = create_membership(collection=collection, role=Role.LEAD)
    join(key=key, user=lead.user)
    lead.refresh_from_db()
    assert lead.role == Role.LEAD
    late, late_key = invite(inviter=inviter, roles={collection: Role.STAFF})
    Invitation.objects.filter(pk=late.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    gone, gone_key = invite(inviter=inviter, roles={collection: Role.STAFF})
    client_of(inviter).post(f"/people/invitations/{gone.pk}/withdraw/")
    for each in (late_key, gone_key, "nonsense"):
        assert Client().get(f"/invitation/{each}/").status_code == 410
    assert made.roles.count() == 1


def test_an_admin_invites_only_to_collections_of_their_own(collection: Collection) -> None:
    other = create_collection(title="Not theirs")
    admin = client_of(create_membership(collection=collection, role=Role.ADMIN).user)
    posted = {"days": 7, "collection1": other.pk, "role1": Role.ADMIN}
    assert admin.post("/people/invitations/", posted).status_code == 422
    assert admin.post("/people/invitations/", {"days": 7}).status_code == 422
    assert not Invitation.objects.exists()


def test_leads_manage_members_but_not_admins(collection: Collection) -> None:
    lead = client_of(create_membership(collection=collection, role=Role.LEAD).user)
    admin = create_membership(collection=collection, role=Role.ADMIN)
    create_user(username="new")
    members = f"/collections/{collection.pk}/members/"
    assert lead.post(members, {"username": "new", "role": Role.REVIEWER}).status_code == 302
    assert lead.post(members, {"username": "new", "role": Role.ADMIN}).status_code == 403
    create_membership(collection=collection, role=Role.ADMIN)
    assert lead.post(members, {"username": admin.user.username, "role": Role.STAFF}).status_code == 403
    assert lead.post(f"{members}{admin.pk}/remove/").status_code == 403
    new = Membership.objects.get(user__username="new")
    assert lead.post(f"{members}{new.pk}/remove/").status_code == 302
    deeds = Deed.objects.filter(about="new", collection=collection).order_by("pk")
    assert list(deeds.values_list("verb", flat=True)) == [Verb.MEMBER_SET, Verb.MEMBER_REMOVED]


def test_a_deactivated_user_is_out_with_the_next_request_and_the_last_superuser_stays(db: None) -> None:
    chief, user = create_user(superuser=True), create_user(username="leaver")
    session = client_of(user)
    assert session.get("/").status_code == 200
    screen = client_of(chief)
    assert screen.get(f"/people/{user.pk}/").status_code == 200
    assert screen.post(f"/people/{user.pk}/deactivate/").status_code == 302
    assert session.get("/").status_code == 302
    with pytest.raises(LastSuperuser):
        set_active(chief, active=False)
    with pytest.raises(LastSuperuser):
        set_superuser(chief, superuser=False)
    assert "deactivated" in screen.get("/people/?q=leav").content.decode()


def test_the_database_lets_nobody_change_the_log(db: None) -> None:
    deed = record(Verb.RETRIED, about="x")
    for change in ("UPDATE transcription_deed SET about = 'y'", "DELETE FROM transcription_deed"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL longhand.purge = 'on'; {change}")
    assert Deed.objects.get() == deed
    with pytest.raises(ValueError, match="secrets"):
        record(Verb.TOKEN_MADE, details={"api_token": "abc"})


def test_the_log_outlives_people_is_filtered_paged_and_downloaded(collection: Collection) -> None:
    admin, other = create_membership(collection=collection, role=Role.ADMIN).user, create_collection(title="Elsewhere")
    leaver = create_user(username="leaver")
    record(Verb.UPLOADED, about="=cmd()", collection=collection, actor=leaver)
    record(Verb.UPLOADED, about="not theirs", collection=other)
    for number in range(120):
        record(Verb.RETRIED, about=f"row {number}", collection=collection, actor=admin)
    number = leaver.pk
    leaver.delete()
    screen = client_of(admin)
    first = screen.get("/log/")
    assert first.content.decode().count(">row ") == 100
    after = re.search(r"after=([\w-]+)", first.content.decode())
    assert after is not None
    rest = screen.get(f"/log/?after={after[1]}").content.decode()
    assert f"#{number}" in rest
    assert "not theirs" not in rest
    assert ">row " not in screen.get("/log/", {"did": Verb.UPLOADED}).content.decode()
    download = screen.get("/log.csv", {"did": Verb.UPLOADED})
    rows = list(csv.reader(io.StringIO(b"".join(download).decode())))  # type: ignore[call-overload]
    assert [row[3] for row in rows] == ["about", "'=cmd()"]
    assert screen.get("/log/", {"did": Verb.LOG_DOWNLOADED}).status_code == 200
    assert Deed.objects.filter(verb=Verb.LOG_DOWNLOADED, actor=admin).exists()


def test_failures_are_found_by_code_and_retried_one_many_or_all(collection: Collection) -> None:
    staff = client_of(create_membership(collection=collection, role=Role.STAFF).user)
    damaged = [create_failure(collection=collection) for _ in range(3)]
    late = create_failure(collection=collection, code="timeout", message="It took too long.")
    foreign = create_failure(collection=create_collection(title="Elsewhere"))
    page = staff.get("/failures/", {"code": "timeout"}).content.decode()
    assert "It took too long." in page
    assert f"failure-{late.pk}" in page
    assert "ends too early" not in page
    staff.post("/failures/retry/", {"failure": [damaged[0].pk, foreign.pk]})
    assert set(Failure.objects.open()) == {*damaged[1:], late, foreign}
    staff.post("/failures/retry/", {"all": "1", "code": "damaged"})
    assert set(Failure.objects.open()) == {late, foreign}
    damaged[0].work.refresh_from_db()
    assert damaged[0].work.state == WorkState.QUEUED
    answer = staff.post(f"/failures/{late.pk}/retry/", {"next": "/failures/?code=timeout"})
    assert answer["Location"] == "/failures/?code=timeout"
    assert staff.post("/failures/retry/", {}).status_code == 302
