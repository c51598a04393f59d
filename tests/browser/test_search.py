"""A name is typed into the header's field, found in texts and in what was read otherwise, and opened on its page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, expect
from playwright.sync_api import Page as Tab
from pytest_django.live_server_helper import LiveServer

from tests.factories import create_collection, create_membership, create_user
from tests.review.written_page import create_written_page
from transcription.models import Collection, Page
from transcription.steps.correct import save_line
from transcription.steps.search_index import settle_marks

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SignIn = Callable[..., BrowserContext]


@pytest.fixture
def collection(live_server: LiveServer) -> Collection:
    return create_collection(title="Vestry minutes")


@pytest.fixture
def page(collection: Collection) -> Page:
    made = create_written_page(collection=collection)
    save_line(line=made.lines.order_by("pk")[3], text="of Will'm Smyth wid-", base_revision=1, author=create_user())
    settle_marks()
    return made


@pytest.fixture
def reader(collection: Collection) -> User:
    return create_membership(collection=collection).user


def violations(tab: Tab) -> list[str]:
    found = Axe().run(tab).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_misread_name_is_found_marked_and_opened_at_its_place_on_the_image(
    sign_in: SignIn, reader: User, page: Page, theme: str
) -> None:
    tab = sign_in(reader, color_scheme=theme).new_page()
    tab.goto("/")
    tab.keyboard.press("/")
    tab.keyboard.type("mary")
    tab.keyboard.press("Enter")
    expect(tab).to_have_url("/search/?q=mary")
    result = tab.get_by_test_id("result").first
    expect(result.locator("mark")).to_have_text("Marye")
    expect(result).to_contain_text("read otherwise: Mary")
    expect(result).to_contain_text("Vestry minutes")
    expect(result.locator(".result-crop img")).to_be_visible()
    crop, box = result.locator(".result-crop").bounding_box(), result.locator(".result-crop span").bounding_box()
    assert crop
    assert box
    assert crop["x"] < box["x"] < box["x"] + box["width"] <= crop["x"] + crop["width"] + 4
    assert violations(tab) == []
    result.locator(".result-text a").click()
    expect(tab.locator("li.chosen mark")).to_have_text("Marye")
    expect(tab.locator(".outlines polygon.found")).to_have_count(1)
    seen, place = tab.locator("#viewer").bounding_box(), tab.locator(".outlines polygon.found").bounding_box()
    assert seen
    assert place
    assert seen["x"] <= place["x"]
    assert place["x"] + place["width"] <= seen["x"] + seen["width"]
    assert seen["y"] <= place["y"] <= seen["y"] + seen["height"]
    assert place["height"] > 20
    assert tab.locator(".site-search input").input_value() == "mary"
    assert violations(tab) == []


def test_what_was_typed_is_found_in_the_same_moment_and_filters_stand_in_the_address(
    sign_in: SignIn, reader: User, page: Page
) -> None:
    tab = sign_in(reader).new_page()
    tab.goto("/search/")
    expect(tab.get_by_label("Words to look for")).to_be_focused()
    assert violations(tab) == []
    tab.keyboard.type('"Will\'m smyth"')
    tab.keyboard.press("Enter")
    expect(tab.locator(".search-said")).to_contain_text("1 line")
    expect(tab.get_by_test_id("result").locator("mark")).to_have_text(["Will'm", "Smyth"])
    expect(tab.get_by_test_id("result")).to_contain_text("written by a person")
    tab.get_by_label("Texts").select_option("low")
    expect(tab.locator(".empty")).to_contain_text("No line that you may see")
    assert "sure=low" in tab.url
    tab.get_by_role("link", name="Search everywhere").click()
    expect(tab.get_by_test_id("result")).to_have_count(1)


def test_nothing_found_offers_words_that_are_there(sign_in: SignIn, reader: User, page: Page) -> None:
    tab = sign_in(reader).new_page()
    tab.goto("/search/?q=baptisement")
    expect(tab.locator(".empty")).to_contain_text("Words that are there and look like it")
    tab.get_by_role("link", name="baptised").click()
    expect(tab.get_by_test_id("result").locator("mark")).to_have_text("baptised")
    tab.goto("/search/?q=x")
    expect(tab.locator(".empty")).to_contain_text("at least two letters")
    tab.goto("/search/?q=-smith")
    expect(tab.locator(".empty")).to_contain_text("Name a word to look for")


def test_similar_spellings_say_so_and_can_be_left_out(sign_in: SignIn, reader: User, page: Page) -> None:
    tab = sign_in(reader).new_page()
    tab.goto("/search/?q=webb")
    expect(tab.locator(".search-said")).to_contain_text("Only in similar spellings")
    expect(tab.get_by_test_id("result")).to_contain_text("similar spelling")
    expect(tab.get_by_test_id("result").locator("mark")).to_have_text("Webbe")
    tab.get_by_role("link", name="Only as typed").click()
    expect(tab.get_by_test_id("result")).to_have_count(0)
    tab.goto(f"/pages/{page.pk}/?q=webb&line={page.lines.order_by('pk')[1].pk}")
    expect(tab.locator("li.chosen mark")).to_have_text("Webbe")
