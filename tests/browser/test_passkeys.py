"""A passkey, made and used by Chromium's own virtual authenticator; and what those see who are not in yet."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.invitations import invite
from tests.factories import create_user
from transcription.models import Deed, Verb

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def with_authenticator(context: BrowserContext) -> Page:
    tab = context.new_page()
    devtools = context.new_cdp_session(tab)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return tab


def test_a_passkey_lets_in_without_a_password(sign_in: Callable[..., BrowserContext], live_server: LiveServer) -> None:
    user = create_user(username="anna", password="correct-horse")
    site = live_server.url.replace("127.0.0.1", "localhost")  # browsers make passkeys for names, not for addresses
    context = sign_in(user)
    context.clear_cookies()
    tab = with_authenticator(context)
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    tab.goto(f"{site}/accounts/login/")
    tab.get_by_label("User name or e-mail address").fill("anna")
    tab.get_by_label("Password").fill("correct-horse")
    tab.get_by_role("button", name="Log in").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Collections")
    tab.goto(f"{site}/accounts/2fa/webauthn/add/")
    if "/reauthenticate/" in tab.url:
        tab.get_by_label("Password").fill("correct-horse")
        tab.get_by_role("button", name="Confirm").click()
    tab.get_by_label("Name").fill("Desk")
    tab.get_by_label("Passwordless").check()
    assert Axe().run(tab).response["violations"] == []
    tab.locator("#mfa_webauthn_add").click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Recovery Codes")
    context.clear_cookies()
    tab.goto(f"{site}/accounts/login/")
    assert Axe().run(tab).response["violations"] == []
    tab.get_by_role("button", name="Use a passkey").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Collections")
    assert said == []
    assert Deed.objects.filter(verb=Verb.SECOND_FACTOR_ADDED, actor=user, details__kind="webauthn").exists()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_strangers_see_has_no_violations(sign_in: Callable[..., BrowserContext], theme: str) -> None:
    _, key = invite(inviter=create_user(), roles={}, email="guest@example.org")
    context = sign_in(create_user(), color_scheme=theme)
    context.clear_cookies()
    tab = context.new_page()
    found = {}
    for path in (
        "/accounts/login/",
        "/accounts/password/reset/",
        "/accounts/signup/",
        f"/invitation/{key}/",
        "/invitation/x/",
    ):
        tab.goto(path)
        violations = Axe().run(tab).response["violations"]
        if violations:
            found[path] = [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in violations]
    assert found == {}
