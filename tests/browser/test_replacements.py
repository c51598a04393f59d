"""A lead finds a letter that is misread everywhere, ticks one place off, has it replaced and takes it back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, expect
from playwright.sync_api import Page as Tab
from pytest_django.live_server_helper import LiveServer

from tests.factories import create_collection, create_membership, create_revision, create_user
from tests.review.written_page import create_written_page
from transcription.models import Collection, Line, Queue, Role
from transcription.steps.drain import drain

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SignIn = Callable[..., BrowserContext]


@pytest.fixture
def collection(live_server: LiveServer) -> Collection:
    made = create_collection(title="Vestry minutes")
    for _ in range(3):
        line = create_written_page(collection=made, text=["ſor the pariſh"]).lines.get()
        create_revision(line=line, text="for the parifh", author=create_user())
    create_written_page(collection=made, text=["the ſirſt|first day", "of ſaid pariſh", "no more"])
    return made


def violations(tab: Tab) -> list[str]:
    found = Axe().run(tab).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found]


def texts(collection: Collection) -> list[str]:
    lines = Line.objects.filter(page__collection=collection).order_by("-pk").select_related("current")[:3]
    return [line.current.text if line.current else "" for line in reversed(lines)]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_misread_everywhere_is_replaced_and_taken_back(
    sign_in: SignIn, collection: Collection, theme: str
) -> None:
    lead = create_membership(collection=collection, role=Role.LEAD).user
    tab = sign_in(lead, color_scheme=theme).new_page()
    tab.goto(f"/collections/{collection.pk}/")
    tab.get_by_role("link", name="Find and replace").click()
    proposed = tab.locator(".suggestion-table tbody tr")
    expect(proposed).to_contain_text("corrected in 6 of 6")
    assert violations(tab) == []
    proposed.get_by_role("link", name="4 places").click()
    expect(tab.locator("#found-title")).to_have_text("4 places in 2 lines on 1 page")
    expect(tab.locator(".place-image").first).to_have_js_property("complete", True)
    assert violations(tab) == []
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    tab.keyboard.press("Space")
    expect(tab.locator(".place ins").first).to_be_visible()
    button = tab.locator("[data-replace] [type=submit]")
    expect(button).to_have_text("Replace 3 places")
    expect(tab.locator(".place-kept").nth(1)).to_be_visible()
    button.click()
    live = tab.locator("#live")
    expect(live).to_contain_text("being made")
    drain(Queue.CPU)
    expect(live).to_contain_text("3 places in 2 lines on 1 page were changed.")
    expect(tab.locator("#pages ins").first).to_be_visible()
    assert texts(collection) == ["the firſt day", "of faid parifh", "no more"]
    assert violations(tab) == []
    tab.get_by_role("button", name="Undo").click()
    drain(Queue.CPU)
    expect(live).to_contain_text("2 lines have their text back.")
    assert texts(collection) == ["the ſirſt day", "of ſaid pariſh", "no more"]
    expect(tab.get_by_role("link", name="Preview again")).to_be_visible()
    assert violations(tab) == []
