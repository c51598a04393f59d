"""A spread and a page that lies on its side go up; the spread is split and joined, a page turned, as people see it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, expect
from playwright.sync_api import Page as Tab
from pytest_django.live_server_helper import LiveServer

from review.claims import claim_page
from tests.factories import create_collection, create_user
from tests.steps.journey import draw_page, receive, work_until_nothing_is_due
from tests.steps.scribe import scribe
from tests.steps.spread import GUTTER, LINES, receive_spread
from tests.steps.surveyor import surveyor
from transcription.models import Page, PageState, Part

__all__ = ["scribe", "surveyor"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SignIn = Callable[..., BrowserContext]
Install = Callable[..., None]


def violations(tab: Tab) -> list[str]:
    found = Axe().run(tab).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found]


def image_shown(tab: Tab) -> None:
    tab.wait_for_function("document.querySelector('#viewer canvas') !== null")
    tab.wait_for_load_state("networkidle")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_spread_is_split_joined_and_turned(
    sign_in: SignIn, live_server: LiveServer, tmp_path: Path, scribe: Install, surveyor: Install, theme: str
) -> None:
    surveyor(lines=LINES, gutter=GUTTER)
    collection = create_collection(title="Letters")
    receive_spread(tmp_path, collection=collection)
    work_until_nothing_is_due()
    page = Page.objects.get()
    tab = sign_in(create_user(superuser=True), color_scheme=theme).new_page()
    tab.goto(f"/pages/{page.pk}/")
    expect(tab.locator(".viewer-text")).to_contain_text("Two-page spread, read left before right.")
    image_shown(tab)
    assert violations(tab) == []
    tab.screenshot(path=tmp_path / "whole.png")
    tab.get_by_role("button", name="Split into two pages").click()
    expect(tab.get_by_role("status").first).to_contain_text("Split into two pages")
    work_until_nothing_is_due()
    tab.reload()
    image_shown(tab)
    expect(tab.get_by_role("heading", level=1)).to_contain_text("letter-07 (left)")
    expect(tab.locator("ol.transcript li")).to_have_count(3)
    assert violations(tab) == []
    tab.screenshot(path=tmp_path / "left.png")
    tab.get_by_role("link", name="See the right page").click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text("letter-07 (right)")
    image_shown(tab)
    tab.screenshot(path=tmp_path / "right.png")
    tab.goto(f"/collections/{collection.pk}/")
    expect(tab.locator(".page-card")).to_have_count(2)
    tab.screenshot(path=tmp_path / "grid.png")
    tab.goto(f"/pages/{page.pk}/")
    tab.get_by_role("button", name="Join the two pages").click()
    expect(tab.get_by_role("status").first).to_contain_text("one page again")
    work_until_nothing_is_due()
    tab.reload()
    expect(tab.locator("ol.transcript li")).to_have_count(6)
    turning = tab.get_by_role("region", name="Turn this page")
    expect(turning).to_contain_text("Nobody has worked on its lines yet, so they are found anew")
    bottom, first = turning.bounding_box(), tab.locator("ol.transcript li").first.bounding_box()
    assert bottom is not None
    assert first is not None
    assert bottom["y"] + bottom["height"] <= first["y"], "found without scrolling past the lines"
    assert violations(tab) == []
    tab.screenshot(path=tmp_path / "menu.png")
    tab.get_by_role("button", name="Turn upside down").click()
    expect(tab.get_by_role("status").first).to_contain_text("Turned.")
    work_until_nothing_is_due()
    tab.reload()
    image_shown(tab)
    tab.screenshot(path=tmp_path / "turned.png")
    page.refresh_from_db()
    assert (page.turn, page.part, page.gutter) == (2, Part.WHOLE, pytest.approx(GUTTER / 1200))
    tab.goto(f"/collections/{collection.pk}/settings/")
    expect(tab.get_by_label("two-page spreads")).to_have_value("keep")
    assert violations(tab) == []
    tab.screenshot(path=tmp_path / "settings.png", full_page=True)
    tab.get_by_role("button", name="Split the 1 spread found").click()
    expect(tab.locator(".messages")).to_contain_text("1 spread was split.")
    tab.get_by_label("two-page spreads").select_option("split")
    tab.get_by_role("button", name="Save", exact=True).click()
    collection.refresh_from_db()
    assert collection.spreads == "split"
    work_until_nothing_is_due()


def test_a_sideways_page_stands_upright_and_a_blank_one_says_so(
    sign_in: SignIn, live_server: LiveServer, tmp_path: Path, scribe: Install, surveyor: Install
) -> None:
    collection = create_collection(title="Letters")
    surveyor(lines=[(50, 50, 850, 120), (50, 180, 850, 250)], turn=1)
    path = tmp_path / "sideways.png"
    draw_page().rotate(90, expand=True).save(path)
    receive(path, collection=collection)
    work_until_nothing_is_due()
    surveyor(note="blank page")
    path = tmp_path / "back.png"
    draw_page(()).save(path)
    receive(path, collection=collection)
    work_until_nothing_is_due()
    blank, upright = Page.objects.order_by("original__name")
    tab = sign_in(create_user(superuser=True)).new_page()
    tab.goto(f"/pages/{upright.pk}/")
    image_shown(tab)
    expect(tab.locator("ol.transcript li")).to_have_count(2)
    tab.screenshot(path=tmp_path / "upright.png")
    tab.goto(f"/pages/{blank.pk}/")
    expect(tab.locator(".viewer-text")).to_contain_text("Blank page: there is nothing to read on it.")
    assert violations(tab) == []
    tab.screenshot(path=tmp_path / "blank-screen.png")
    tab.goto(f"/collections/{collection.pk}/")
    expect(tab.locator(f"#page-{blank.pk}")).to_contain_text("blank page")
    assert violations(tab) == []
    tab.screenshot(path=tmp_path / "blank-grid.png")


def test_what_a_colleague_reviews_is_left_alone_with_a_sentence(
    sign_in: SignIn, live_server: LiveServer, tmp_path: Path, scribe: Install, surveyor: Install
) -> None:
    surveyor(lines=LINES, gutter=GUTTER)
    collection = create_collection(title="Letters", threshold=1.0)
    receive_spread(tmp_path, collection=collection)
    work_until_nothing_is_due()
    page = Page.objects.get()
    assert page.state == PageState.IN_REVIEW
    claim_page(page=page, reviewer=create_user(username="anna", superuser=True))
    tab = sign_in(create_user(superuser=True)).new_page()
    tab.goto(f"/pages/{page.pk}/")
    tab.get_by_role("button", name="Split into two pages").click()
    expect(tab.get_by_role("status").first).to_contain_text(
        "anna is reviewing “letter-07”: try again when they are done."
    )
    assert violations(tab) == []
    assert Page.objects.count() == 1
