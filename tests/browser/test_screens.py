"""Every screen, light in English and dark in French: no violation that axe finds, no error in the console."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import BrowserContext, expect

from tests.factories import (
    create_collection,
    create_failure,
    create_layout,
    create_page,
    create_revision,
    create_run,
    create_term,
    create_user,
    create_vote,
)
from transcription.models import Collection, Delivery, DeliveryState, Export, Page, PageState, Scope, Webhook
from transcription.steps.take_down import take_down_page
from transcription.steps.tokens import issue_token
from transcription.steps.webhooks import create_webhook

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SCREENS = [
    "/",
    "/collections/new/",
    "/collections/{collection}/",
    "/collections/{collection}/settings/",
    "/collections/{collection}/vocabulary/",
    "/collections/{collection}/passes/",
    "/collections/{collection}/upload/",
    "/collections/{collection}/exports/",
    "/pages/{page}/",
    "/collections/{collection}/documents/",
    "/tokens/",
    "/webhooks/",
    "/webhooks/{webhook}/",
    "/reports/",
    "/reports/quality/",
    "/reports/health/",
    "/status/",
    "/failures/",
    "/people/",
    "/people/{person}/",
    "/people/invitations/",
    "/log/",
    "/collections/{collection}/members/",
    "/collections/{collection}/takedowns/",
    "/pages/{taken}/",
    "/accounts/password/change/",
    "/accounts/email/",
    "/accounts/2fa/",
    "/accounts/reauthenticate/",
    "/nowhere/",
]


@pytest.fixture
def places() -> dict[str, int]:
    """A collection with something of everything; ids by name."""
    collection: Collection = create_collection(title="Vestry minutes", identifier="PR/12", owner=create_user())
    page = create_page(collection=collection, state=PageState.IN_REVIEW, confidence=0.42, finished_at=timezone.now())
    layout = create_layout(page=page, lines=3)
    run = create_run(page=page)
    lines = [place.line for place in layout.places.select_related("line")]
    for line in lines:
        create_vote(run=run, line=line)
    create_revision(line=lines[0], text="the Rector married")
    create_term(collection=collection)
    create_failure(collection=collection, page=create_page(collection=collection, state=PageState.RECEIVED))
    Export.objects.create(collection=collection, format="txt", state=Export.State.DONE, file="exports/1.zip", pages=1)
    taken = create_page(collection=collection)
    person = create_user(username="someone")
    take_down_page(taken, reason="A living person.", by=person)
    return {"collection": collection.pk, "page": page.pk, "taken": taken.pk, "person": person.pk}


def told_webhook(user: User) -> Webhook:
    """A webhook that was told in every way, and a token, so that their screens have something to show."""
    issue_token(user=user, name="Importer", scopes=[Scope.READ], collections=[create_collection()])
    webhook = create_webhook(user=user, url="https://example.org/hook").webhook
    for state in DeliveryState:
        Delivery.objects.create(
            webhook=webhook, event="job.completed", body="{}", state=state, attempts=1, problem="No."
        )
    return webhook


@pytest.mark.parametrize(("theme", "language"), [("light", "en-GB"), ("dark", "fr-FR")])
def test_screens_have_no_violations_and_no_errors(
    places: dict[str, int], sign_in: Callable[..., BrowserContext], theme: str, language: str
) -> None:
    user = create_user(superuser=True)
    webhook = told_webhook(user).pk
    context = sign_in(user, color_scheme=theme, locale=language)
    tab = context.new_page()
    said: list[str] = []
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    found: dict[str, list[str]] = {}
    for screen in SCREENS:
        tab.goto(screen.format(webhook=webhook, **places))
        tab.wait_for_load_state("networkidle")
        violations = Axe().run(tab).response["violations"]
        if violations:
            found[screen] = [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in violations]
    assert found == {}
    assert [each for each in said if "404" not in each and "410" not in each] == []


def test_the_colors_that_a_person_chose_are_remembered(
    places: dict[str, int], sign_in: Callable[..., BrowserContext]
) -> None:
    tab = sign_in(create_user(superuser=True), color_scheme="light").new_page()
    tab.goto("/")
    toggle = tab.locator("[data-theme-toggle]")
    toggle.click()
    toggle.click()
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    tab.goto("/collections/new/")
    assert tab.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


def test_the_list_of_keys_opens_and_closes_by_keys(
    places: dict[str, int], sign_in: Callable[..., BrowserContext]
) -> None:
    tab = sign_in(create_user(superuser=True)).new_page()
    tab.goto(f"/pages/{places['page']}/")
    tab.keyboard.press("?")
    assert tab.locator("#keys").is_visible()
    tab.keyboard.press("Escape")
    assert not tab.locator("#keys").is_visible()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowDown")
    assert tab.locator(".lines li.chosen .line-number").inner_text() == "2"


def test_a_page_that_broke_says_what_failed_and_leads_back(
    places: dict[str, int], sign_in: Callable[..., BrowserContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(page: Page) -> None:
        raise ZeroDivisionError(f"reading page {page.pk}")

    monkeypatch.setattr("transcription.views.page.line_texts", broken)
    tab = sign_in(create_user(superuser=True)).new_page()
    tab.goto("/collections/new/")
    answer = tab.goto(f"/pages/{places['page']}/")
    assert answer is not None
    assert answer.status == 500
    expect(tab.locator("p").first).to_contain_text("This page could not be shown")
    assert Axe().run(tab).response["violations"] == []
    tab.get_by_role("link", name="Back to where you were").click()
    expect(tab).to_have_url(re.compile("/collections/new/$"))
    tab.go_forward()
    tab.get_by_role("link", name="To your collections").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Collections")


def test_finding_lines_anew_says_that_repairs_do_not_come_back(
    places: dict[str, int], sign_in: Callable[..., BrowserContext]
) -> None:
    tab = sign_in(create_user(superuser=True)).new_page()
    tab.goto(f"/collections/{places['collection']}/settings/")
    tab.get_by_role("button", name="Read again…").click()
    box = tab.get_by_label("… and where a person drew them")
    expect(box).to_have_accessible_description(re.compile("cannot be undone on the Lines screen"))
    assert Axe().run(tab).response["violations"] == []
