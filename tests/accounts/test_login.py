"""Logging in as people do: password, a code of an authenticator, a recovery code; and what stops those who guess."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.people import unlock, wrong_passwords
from tests.factories import create_user
from transcription.models import Deed, Verb

PASSWORD = "correct-horse"
LOGIN = "/accounts/login/"


@pytest.fixture
def anna(db: None) -> User:
    user = create_user(username="anna", password=PASSWORD)
    user.email = "anna@example.org"
    user.save()
    return user


def log_in(client: Client, login: str = "anna", password: str = PASSWORD, **more: str) -> int:
    answer = client.post(LOGIN, {"login": login, "password": password}, **more)  # type: ignore[arg-type]
    return int(answer.status_code)


def code_of(secret: str, *, step: int = 0) -> str:
    """RFC 6238 with SHA-1, six digits, thirty seconds."""
    counter = struct.pack(">Q", int(time.time()) // 30 + step)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    number = struct.unpack(">I", digest[digest[-1] & 15 :][:4])[0] & 0x7FFFFFFF
    return f"{number % 10**6:06}"


def test_name_or_address_and_password_let_in_and_are_written_down(anna: User, client: Client) -> None:
    assert "Log in" in client.get(LOGIN).content.decode()
    assert log_in(client, password="wrong") == 200
    assert log_in(client) == 302
    assert client.get("/").status_code == 200
    client.post("/accounts/logout/")
    assert client.get("/").status_code == 302
    assert log_in(client, login="anna@example.org") == 302
    verbs = list(Deed.objects.order_by("pk").values_list("verb", "about", "address"))
    here = "127.0.0.1"
    assert verbs == [
        (Verb.LOGIN_FAILED, "anna", here),
        (Verb.LOGGED_IN, "anna", here),
        (Verb.LOGGED_OUT, "anna", here),
        (Verb.LOGGED_IN, "anna", here),
    ]


def test_whoever_guesses_waits_even_with_the_right_password_until_an_admin_lets_them_in(
    anna: User, settings: Settings, client: Client
) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    assert [log_in(client, password="wrong") for _ in range(3)] == [200, 200, 429]
    refused = client.post(LOGIN, {"login": "anna", "password": PASSWORD})
    assert refused.status_code == 429
    assert "the right password is refused until then too" in refused.content.decode()
    assert log_in(client, login="ANNA") == 429
    # Nobody else waits: not the same user elsewhere, not another user here.
    assert log_in(Client(), REMOTE_ADDR="203.0.113.7") == 302
    create_user(username="ben", password=PASSWORD)
    assert log_in(Client(), login="ben") == 302
    assert wrong_passwords(anna) == 1
    unlock(anna)
    assert log_in(client) == 302
    assert {Verb.LOCKED_OUT, Verb.UNLOCKED} <= set(Deed.objects.values_list("verb", flat=True))


def test_a_password_typed_into_the_wrong_field_is_written_nowhere(anna: User, client: Client) -> None:
    log_in(client, login="my-secret-passphrase", password="x")
    deed = Deed.objects.get()
    assert (deed.verb, deed.about, deed.details) == (Verb.LOGIN_FAILED, "", {})


def test_behind_a_trusted_proxy_the_address_is_what_the_proxy_saw(
    anna: User, settings: Settings, client: Client
) -> None:
    forged = {"HTTP_X_FORWARDED_FOR": "10.9.9.9, 203.0.113.9"}
    log_in(client, **forged)
    settings.TRUSTED_PROXIES = settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    log_in(Client(), **forged)
    assert list(Deed.objects.order_by("pk").values_list("address", flat=True)) == ["127.0.0.1", "203.0.113.9"]


def test_a_second_factor_is_asked_for_and_a_recovery_code_works_once(anna: User, client: Client) -> None:
    log_in(client)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    found = re.search(r'value="([A-Z2-7]{32})"', page)
    assert found is not None
    secret = found[1]
    assert client.post("/accounts/2fa/totp/activate/", {"code": "000000"}).status_code == 200
    assert client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)}).status_code == 302
    codes = re.findall(r"\b\d{8}\b", client.get("/accounts/2fa/recovery-codes/download/").content.decode())
    assert len(codes) == 10
    client.post("/accounts/logout/")
    assert log_in(client) == 302
    assert client.get("/").status_code == 302  # not in yet
    assert client.post("/accounts/2fa/authenticate/", {"code": "123456"}).status_code == 200
    assert client.post("/accounts/2fa/authenticate/", {"code": code_of(secret, step=1)}).status_code == 302
    assert client.get("/").status_code == 200
    for expected in (302, 200):
        other = Client()
        log_in(other)
        assert other.post("/accounts/2fa/authenticate/", {"code": codes[0]}).status_code == expected
    kept = str(list(Deed.objects.values_list("details", "about")))
    assert Verb.SECOND_FACTOR_ADDED in Deed.objects.values_list("verb", flat=True)
    assert secret not in kept


def test_a_forgotten_password_is_set_anew_through_the_mail(anna: User, client: Client, settings: Settings) -> None:
    assert "no mails can be sent" in client.get("/accounts/password/reset/").content.decode()
    assert client.post("/accounts/password/reset/", {"email": "anna@example.org"}).status_code == 200
    settings.MAILS = True
    assert client.post("/accounts/password/reset/", {"email": "nobody@example.org"}).status_code == 302
    assert mail.outbox == []  # strangers learn nothing, and get no mail from us either
    assert client.post("/accounts/password/reset/", {"email": "anna@example.org"}).status_code == 302
    link = re.search(r"/accounts/password/reset/key/\S+", str(mail.outbox[0].body))
    assert link is not None
    form = client.get(link[0], follow=True)
    assert form.status_code == 200
    new = "two-better-horses"
    done = client.post(form.redirect_chain[-1][0], {"password1": new, "password2": new})
    assert done.status_code == 302
    assert log_in(Client(), password=new) == 302
    assert client.get(link[0], follow=True).status_code == 200  # used up: says so
    assert log_in(Client(), password=PASSWORD) == 200
    assert Verb.PASSWORD_CHANGED in Deed.objects.values_list("verb", flat=True)


def test_a_password_is_changed_by_whoever_knows_it_and_the_session_goes_on(anna: User, client: Client) -> None:
    log_in(client)
    posted = {"oldpassword": PASSWORD, "password1": "short", "password2": "short"}
    assert client.post("/accounts/password/change/", posted).status_code == 200
    posted = {"oldpassword": PASSWORD, "password1": "new-horse-battery", "password2": "new-horse-battery"}
    assert client.post("/accounts/password/change/", posted).status_code == 302
    assert client.get("/").status_code == 200
    assert log_in(Client(), password="new-horse-battery") == 302


def test_nobody_signs_up_by_themselves(client: Client, db: None) -> None:
    posted = {
        "username": "eve",
        "email": "eve@example.org",
        "password1": "a-long-password",
        "password2": "a-long-password",
    }
    answer = client.post("/accounts/signup/", posted)
    assert "by invitation" in answer.content.decode()
    assert not User.objects.filter(username="eve").exists()


def test_the_provider_of_the_environment_is_offered_and_forms_may_lead_there(
    settings: Settings, client: Client, db: None
) -> None:
    from project.middleware import policy

    assert "form-action 'self';" in policy() + ";"
    settings.OIDC_URL, settings.OIDC_NAME = "https://sso.example.org/realms/archive", "County login"
    assert "form-action 'self' https://sso.example.org" in policy()
    assert "County login" not in client.get("/accounts/signup/").content.decode()
