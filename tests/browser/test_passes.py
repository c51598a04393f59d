"""Passes are chosen for a collection, seen on a page before they are saved, and are what its pages are read with."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import transaction
from playwright.sync_api import BrowserContext, Dialog, Locator, expect
from playwright.sync_api import Page as Tab
from pytest_django.live_server_helper import LiveServer

from tests.factories import create_page, create_user
from tests.steps.journey import current_run, prepared_page, receive_page, work_until_nothing_is_due
from tests.steps.scribe import scribe
from transcription.models import Collection, LayoutLine, Page, Reading, Run
from transcription.steps.create import create_collection
from transcription.steps.profiles import BUNDLED

__all__ = ["scribe"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SignIn = Callable[..., BrowserContext]
SHOTS = os.environ.get("SCREENSHOTS", "")  # a folder for pictures to look at
BUNDLED_TITLES = [
    *("Stretch and slant (Slant -0.15)", "Stretch and slant (Height 1.07)", "Stretch and slant (Width 1.17)"),
    *("Stretch and slant (Width 1.33)", "Stretch and slant (Width 1, Slant -0.2)"),
]
CHOSEN_TITLES = [BUNDLED_TITLES[0], "Show-through → Thicken strokes (Amount 0.8)", BUNDLED_TITLES[1]]


@pytest.fixture
def collection(live_server: LiveServer, scribe: Callable[..., None]) -> Collection:
    scribe()
    return create_collection(title="Vestry minutes", owner=None)


@pytest.fixture
def page(collection: Collection, media_root: Path) -> Page:
    """A page that was read with the bundled passes."""
    with transaction.atomic():
        page = prepared_page(media_root, collection=collection)
    work_until_nothing_is_due()
    return page


def violations(tab: Tab) -> list[str]:
    found = Axe().run(tab).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found]


def shoot(tab: Tab, name: str) -> None:
    if SHOTS:
        tab.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def errors_of(tab: Tab) -> list[str]:
    said: list[str] = []
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    return said


def open_screen(sign_in: SignIn, collection: Collection, **options: str) -> Tab:
    tab = sign_in(create_user(superuser=True), **options).new_page()
    tab.goto(f"/collections/{collection.pk}/settings/")
    tab.get_by_role("link", name="How it is read").click()
    expect(tab.locator("body[data-ready]")).to_be_attached()
    return tab


def expect_drawn(image: Locator, *said: str) -> None:
    """The picture is there and was asked for with these words in its address."""
    for each in said:
        expect(image).to_have_attribute("data-url", re.compile(re.escape(each)))
    expect(image).to_have_js_property("complete", True)
    expect(image).not_to_have_js_property("naturalWidth", 0)
    expect(image).not_to_have_attribute("data-loading", "")


def pixels(tab: Tab, image: Locator) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    found = image.evaluate(
        "(i) => { const c = new OffscreenCanvas(i.naturalWidth, i.naturalHeight), d = c.getContext('2d');"
        " d.drawImage(i, 0, 0);"
        " return [...d.getImageData(0, 0, c.width, c.height).data].filter((_, k) => k % 4 === 0); }"
    )
    return np.array(found, np.uint8)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_passes_are_changed_and_the_preview_follows(
    sign_in: SignIn, collection: Collection, page: Page, theme: str
) -> None:
    tab = open_screen(sign_in, collection, color_scheme=theme)
    said = errors_of(tab)
    expect(tab.locator(".pass-title")).to_have_text(BUNDLED_TITLES)
    expect(tab.locator("[data-calibrated=yes]")).to_be_visible()
    before, after = tab.locator(".line-before").first, tab.locator(".line-after").first
    expect_drawn(after, "stretch%3Aslant%3D-0.15")
    expect_drawn(tab.locator("#region-after"), "stretch%3Aslant%3D-0.15")
    assert violations(tab) == []
    shoot(tab, f"passes-{theme}")
    tab.get_by_label("Recipe 1 of pass 1", exact=True).select_option("plain")
    expect_drawn(after, "enhancement=plain")
    assert (pixels(tab, before) == pixels(tab, after)).all(), "plain changes nothing"

    tab.locator(".pass-open").nth(3).click()
    tab.get_by_label("Recipe 1 of pass 4", exact=True).select_option("adaptive")
    expect_drawn(after, "enhancement=adaptive")
    assert (pixels(tab, after) > 250).mean() > 0.6, "white paper"
    assert (pixels(tab, before) > 250).mean() < 0.1
    tab.get_by_label("Offset").focus()
    for _ in range(3):
        tab.keyboard.press("ArrowRight")
    expect_drawn(tab.locator("#region-after"), "offset%3D15")
    expect(tab.locator("#unsaved")).to_have_text("Not saved yet")
    expect(tab.locator("[data-calibrated=no]")).to_be_visible()
    assert violations(tab) == []
    shoot(tab, f"passes-threshold-{theme}")
    assert said == []


def test_chosen_passes_are_saved_and_pages_are_read_with_them(
    sign_in: SignIn, collection: Collection, page: Page, tmp_path: Path
) -> None:
    tab = open_screen(sign_in, collection)
    expect(tab.locator(".notice-warn.vocabulary-stale")).to_have_count(0)
    for number in (5, 4, 3):
        tab.get_by_role("button", name=f"Remove pass {number}").click()
    tab.get_by_role("button", name="Add a pass").click()
    tab.get_by_label("Recipe 1 of pass 3", exact=True).select_option("show_through")
    tab.get_by_role("button", name="Then another recipe").click()
    tab.get_by_label("Recipe 2 of pass 3", exact=True).select_option("thicken")
    tab.get_by_label("Amount").fill("0.8")
    tab.get_by_label("Weight in the vote").fill("0.6")
    tab.get_by_role("button", name="Move up: pass 3").click()
    expect(tab.locator(".pass-title")).to_have_text(CHOSEN_TITLES)
    expect_drawn(tab.locator(".line-after").first, "show_through%2Fthicken%3Aamount%3D0.8")
    expect_drawn(tab.locator("#region-after"), "show_through%2Fthicken%3Aamount%3D0.8")
    shoot(tab, "passes-chain")
    tab.get_by_role("button", name="Save", exact=True).click()
    expect(tab.locator(".messages")).to_contain_text("Saved.")
    expect(tab.locator("#unsaved")).to_have_text("")
    expect(tab.locator(".vocabulary-stale")).to_contain_text("1 page was read with other passes")
    expect(tab.locator(".pass-title")).to_have_text(CHOSEN_TITLES)
    shoot(tab, "passes-saved")

    chosen = {
        *("stretch:slant=-0.15+starter", "show_through/thicken:amount=0.8+starter", "stretch:height=1.07+starter"),
    }
    assert passes_of(current_run(page)) == {each.name for stage in BUNDLED["starter"] for each in stage}
    tab.get_by_role("button", name="Read again…").click()
    assert violations(tab) == []
    tab.get_by_role("button", name="Read again", exact=True).click()
    expect(tab.locator(".messages")).to_contain_text("1 page is read again.")
    receive_page(tmp_path, collection=collection)
    work_until_nothing_is_due()
    for each in Page.objects.filter(collection=collection):
        assert passes_of(current_run(each)) == chosen
    weights = current_run(page).profile_version.stage_passes.order_by("position").values_list("weight", flat=True)
    assert list(weights) == [1.0, 0.6, 1.0]
    tab.goto(f"/pages/{page.pk}/")
    tab.get_by_text("Where this page comes from").click()
    expect(tab.locator(".provenance-page")).to_contain_text("show_through/thicken:amount=0.8+starter")
    shoot(tab, "passes-page")


def test_leaving_with_passes_that_are_not_saved_asks_first_and_saving_does_not(
    sign_in: SignIn, collection: Collection
) -> None:
    tab = open_screen(sign_in, collection)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    tab.on("dialog", stay)
    tab.get_by_role("button", name="Remove pass 4").click()
    expect(tab.locator("#unsaved")).to_have_text("Not saved yet")
    tab.get_by_role("link", name="Vestry minutes").click(no_wait_after=True)
    tab.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    expect(tab.locator(".pass-title")).to_have_text([*BUNDLED_TITLES[:3], BUNDLED_TITLES[4]])
    tab.get_by_role("button", name="Save", exact=True).click()
    expect(tab.locator(".messages")).to_contain_text("Saved.")
    tab.get_by_role("link", name="Vestry minutes").click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Vestry minutes")
    assert asked == ["beforeunload"]


def passes_of(run: Run) -> set[str]:
    return set(Reading.objects.filter(run=run).values_list("pass_version__name", flat=True))


def test_any_page_is_previewed_by_keys_and_from_its_own_screen(
    sign_in: SignIn, collection: Collection, page: Page, media_root: Path
) -> None:
    with transaction.atomic():
        second = prepared_page(media_root, collection=collection)
    create_page(collection=collection)  # not prepared as far as its image goes: not to be previewed
    tab = sign_in(create_user(superuser=True)).new_page()
    said = errors_of(tab)
    tab.goto(f"/pages/{second.pk}/")
    tab.get_by_role("link", name="How it is read").click()
    expect(tab.locator("#page-number")).to_have_value("2")
    region = tab.locator("#region-after")
    expect_drawn(region, f"/pages/{second.pk}/")
    tab.locator("#content").focus()
    tab.keyboard.press("PageUp")
    expect(tab.locator("#page-number")).to_have_value("1")
    expect_drawn(region, f"/pages/{page.pk}/")
    expect(tab).to_have_url(f"/collections/{collection.pk}/passes/?page={page.pk}")
    tab.locator("#page-number").fill("99")
    tab.keyboard.press("Tab")
    expect(tab.locator("#page-number")).to_have_value("1")
    wide = tab.locator("#compare")
    LayoutLine.objects.filter(layout=page.layout).update(polygon=[[0, 0], [900, 0], [900, 30], [0, 30]])
    tab.reload()  # small lines are shown enlarged: there is more of the page than the pane holds
    expect_drawn(region, "x=0&y=0")
    wide.focus()
    tab.keyboard.press("ArrowDown")
    expect(region).not_to_have_attribute("data-url", re.compile("y=0&"))
    tab.keyboard.press("ArrowUp")
    expect_drawn(region, "x=0&y=0")
    box = wide.bounding_box()
    assert box is not None
    tab.mouse.move(box["x"] + 300, box["y"] + 200)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 300, box["y"] + 120, steps=4)
    tab.mouse.up()
    expect(region).to_have_attribute("data-url", re.compile(r"y=4\d&"))
    at = tab.get_by_label("Where before ends and after begins")
    at.focus()
    tab.keyboard.press("ArrowRight")
    assert tab.locator("#compare").evaluate("(e) => e.style.getPropertyValue('--at')") == "51%"
    assert said == []


def test_one_who_is_no_admin_may_try_and_not_save(sign_in: SignIn, collection: Collection, page: Page) -> None:
    user = create_user()
    collection.memberships.create(user=user, role="staff")
    tab = sign_in(user).new_page()
    tab.goto(f"/collections/{collection.pk}/passes/")
    tab.locator(".pass-open").nth(1).click()
    expect_drawn(tab.locator(".line-after").first, "stretch%3Aheight%3D1.07")
    expect(tab.get_by_role("button", name="Save")).to_have_count(0)
    expect(tab.locator("#passes-form")).to_contain_text("only admins")
    assert violations(tab) == []


def test_eight_passes_are_the_most_and_one_is_the_least(sign_in: SignIn, collection: Collection) -> None:
    tab = open_screen(sign_in, collection)
    expect(tab.locator("#preview")).to_contain_text("when the collection has a page")
    add = tab.get_by_role("button", name="Add a pass")
    for _ in range(8 - len(BUNDLED_TITLES)):
        add.click()
    expect(add).to_be_disabled()
    assert len(set(tab.locator(".pass-title").all_inner_texts())) == 8, "each is one that is not there yet"
    assert violations(tab) == []
    for number in range(8, 1, -1):
        tab.get_by_role("button", name=f"Remove pass {number}").click()
    expect(tab.get_by_role("button", name="Remove pass 1")).to_be_disabled()
    tab.get_by_role("button", name="Use the bundled passes").click()
    expect(tab.locator(".pass-title")).to_have_text(BUNDLED_TITLES)
    expect(tab.locator("#unsaved")).to_have_text("")
