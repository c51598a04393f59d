"""The way of a changed profile: edited, tried on three pages, compared, saved, read again; what people typed stays."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import transaction
from playwright.sync_api import BrowserContext, expect
from playwright.sync_api import Page as Tab
from pytest_django.live_server_helper import LiveServer

from tests.browser.test_passes import errors_of, shoot, violations
from tests.factories import create_user
from tests.steps.cascade import cascade, engines
from tests.steps.journey import current_run, prepared_page, work_until_nothing_is_due
from transcription.models import Collection, Page, Source, Trial
from transcription.steps.choose_passes import choose_passes, present_choice
from transcription.steps.correct import save_line
from transcription.steps.create import create_collection
from transcription.steps.invariants import violations as broken_invariants

__all__ = ["engines"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("engines")]

SignIn = Callable[..., BrowserContext]


@pytest.fixture
def collection(live_server: LiveServer) -> Collection:
    return create_collection(title="Vestry minutes", owner=None)


@pytest.fixture
def pages(collection: Collection, media_root: Path) -> list[Page]:
    """Four pages that the quick engine has read; on each of them a person typed the second line."""
    choose_passes(collection=collection, passes=cascade()[:1])
    with transaction.atomic():
        pages = [prepared_page(media_root, collection=collection, lines=4) for _ in range(4)]
    work_until_nothing_is_due()
    for page in pages:
        page.refresh_from_db()
        assert page.layout is not None
        line = page.layout.places.order_by("position")[1].line
        save_line(line=line, text="the bold rector", base_revision=1, author=create_user())
    return pages


def open_screen(sign_in: SignIn, collection: Collection, **options: str) -> Tab:
    tab = sign_in(create_user(superuser=True), **options).new_page()
    tab.goto(f"/collections/{collection.pk}/passes/")
    expect(tab.locator("body[data-ready]")).to_be_attached()
    return tab


def add_second_stage(tab: Tab) -> None:
    tab.get_by_role("button", name="Add a pass").click()
    tab.get_by_label("Recipe 1 of pass 2", exact=True).select_option("plain")
    tab.get_by_label("Engine").select_option("slow")
    tab.get_by_label("Stage", exact=True).select_option(label="2")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_passes_are_edited_tried_compared_saved_and_read_with(
    sign_in: SignIn, collection: Collection, pages: list[Page], theme: str
) -> None:
    tab = open_screen(sign_in, collection, color_scheme=theme)
    said = errors_of(tab)
    expect(tab.locator(".stage")).to_have_count(0)
    add_second_stage(tab)
    expect(tab.locator(".stage-title")).to_have_text(["Stage 1", "Stage 2"])
    threshold = tab.get_by_label("Lines below this go on to stage 2")
    expect(threshold).to_have_value("0.7")
    threshold.focus()
    for _ in range(4):
        tab.keyboard.press("ArrowLeft")
    expect(threshold).to_have_value("0.66")
    expect(tab.locator("#unsaved")).to_have_text("Not saved yet")
    assert violations(tab) == []
    shoot(tab, f"stages-{theme}")

    tab.get_by_role("button", name="Try on three pages…").click()
    expect(tab.locator("#try-pages input")).to_have_count(3)
    first = tab.get_by_label("Page 1 of the trial")
    first.fill("99")
    tab.keyboard.press("Tab")
    expect(tab.locator(".try-label").first).to_have_text("There is no such page.")
    numbers = [tab.get_by_label(f"Page {number} of the trial") for number in (1, 2, 3)]
    for number, field in enumerate(numbers, 1):
        field.fill(str(number))
    tab.keyboard.press("Tab")
    expect(tab.locator(".try-label").first).to_have_text(pages[0].label)
    assert violations(tab) == []
    shoot(tab, f"try-{theme}")
    tab.get_by_role("button", name="Try", exact=True).click()

    expect(tab.get_by_role("heading", level=1)).to_have_text("Tried on 3 pages")
    expect(tab.locator("#live")).to_contain_text("Being read: 0 of 3 passes")
    shoot(tab, f"trial-begun-{theme}")
    work_until_nothing_is_due()
    expect(tab.locator("#live")).to_contain_text("6 of 12 lines read differently")
    assert current_run(pages[0]).trial is None
    assert present_choice(collection).passes == tuple(cascade()[:1]), "nothing is saved"
    line = tab.locator(".trial-line.differs").first
    expect(line.locator("del")).to_have_text("old")
    expect(line.locator("ins")).to_have_text("bold")
    expect(line).to_contain_text("by a person")
    expect(tab.locator(".trial-figures").first).to_contain_text("Characters wrong, on 3 lines that people typed")
    expect(tab.locator(".trial-figures").first).to_contain_text("better")
    assert violations(tab) == []
    shoot(tab, f"trial-{theme}")
    tab.get_by_label("Only lines that differ").check()
    expect(tab.locator(".trial-line:visible")).to_have_count(6)

    tab.get_by_role("button", name="Use these passes").click()
    expect(tab.locator(".messages")).to_contain_text("Saved.")
    expect(tab.locator(".vocabulary-stale")).to_contain_text("4 pages were read with other passes")
    tab.get_by_role("button", name="Read again…").click()
    estimate = tab.locator("#passes-rerun")
    expect(estimate).to_contain_text("4 pages, 16 lines")
    expect(estimate).to_contain_text("of these about 8 again in stage 2")
    expect(estimate).to_contain_text("as measured here")
    expect(estimate).to_contain_text("4 lines with a person’s text keep it.")
    assert violations(tab) == []
    shoot(tab, f"estimate-{theme}")
    tab.get_by_role("button", name="Read again", exact=True).click()
    expect(tab.locator(".messages")).to_contain_text("4 pages are read again.")
    work_until_nothing_is_due()
    for page in pages:
        assert current_run(page).profile_version.thresholds == [0.66, 0.7]
        assert page.layout is not None
        texts = [
            (place.line.current.source, place.line.current.text)
            for place in page.layout.places.select_related("line__current").order_by("position")
            if place.line.current is not None
        ]
        assert texts[1] == (Source.PERSON, "the bold rector")
        assert texts[3] == (Source.VOTE, "the bold rector")
    assert broken_invariants() == []
    assert said == []


def test_a_trial_is_changed_further_or_discarded(sign_in: SignIn, collection: Collection, pages: list[Page]) -> None:
    tab = open_screen(sign_in, collection)
    add_second_stage(tab)
    tab.get_by_role("button", name="Try on three pages…").click()
    tab.get_by_role("button", name="Try", exact=True).click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Tried on 3 pages")
    tab.get_by_role("link", name="Change them further").click()
    expect(tab.locator(".stage-title")).to_have_text(["Stage 1", "Stage 2"])
    expect(tab.locator("#unsaved")).to_have_text("Not saved yet")
    expect(tab.locator(".messages")).to_contain_text("They are not saved.")
    shoot(tab, "trial-draft")
    tab.once("dialog", lambda dialog: dialog.accept())
    tab.locator(".trials a").first.click()
    tab.get_by_role("button", name="Discard").click()
    expect(tab.locator(".messages")).to_contain_text("The trial is discarded.")
    expect(tab.locator(".stage")).to_have_count(0)
    assert not Trial.objects.exists()
    assert broken_invariants() == []


def test_passes_go_from_stage_to_stage_with_the_arrows(sign_in: SignIn, collection: Collection) -> None:
    tab = open_screen(sign_in, collection)
    tab.get_by_role("button", name="Move down: pass 5").click()
    expect(tab.locator(".stage-title")).to_have_text(["Stage 1", "Stage 2"])
    expect(tab.get_by_role("button", name="Move down: pass 5")).to_be_disabled()
    tab.get_by_role("button", name="Move down: pass 4").click()
    shown = ("Stage 1", r"Slant -0\.15", r"Height 1\.07", r"Width 1\.17", "Stage 2", r"Width 1\.33", r"Slant -0\.2")
    expect(tab.locator("#passes > li")).to_have_text([re.compile(each) for each in shown])
    tab.get_by_role("button", name="Move down: pass 5").click()
    expect(tab.locator(".stage-title")).to_have_text(["Stage 1", "Stage 2", "Stage 3"])
    tab.get_by_role("button", name="Move up: pass 5").click()
    expect(tab.locator(".stage-title")).to_have_text(["Stage 1", "Stage 2"])
    tab.get_by_role("button", name="Use the bundled passes").click()
    expect(tab.locator(".stage")).to_have_count(0)
    expect(tab.locator("#unsaved")).to_have_text("")


def test_named_passes_are_taken_by_another_collection_and_an_earlier_version_is_restored(
    sign_in: SignIn, collection: Collection, live_server: LiveServer
) -> None:
    other = create_collection(title="Letters", owner=None)
    choose_passes(collection=collection, passes=cascade(), thresholds=[0.5])
    tab = open_screen(sign_in, collection)
    tab.get_by_label("Name of the profile").fill("Two stages")
    tab.get_by_role("button", name="Keep under this name").click()
    expect(tab.locator(".messages").first).to_contain_text("Kept as “Two stages”.")
    assert violations(tab) == []
    tab.goto(f"/collections/{other.pk}/passes/")
    tab.get_by_role("link", name="Two stages").click()
    expect(tab.locator(".stage-title")).to_have_text(["Stage 1", "Stage 2"])
    expect(tab.locator("#unsaved")).to_have_text("Not saved yet")
    tab.get_by_role("button", name="Save", exact=True).click()
    expect(tab.locator(".messages")).to_contain_text("Saved.")
    expect(tab.locator("#unsaved")).to_have_text("")
    assert present_choice(Collection.objects.get(pk=other.pk)) == present_choice(collection)

    tab.get_by_role("button", name="Use the bundled passes").click()
    tab.get_by_role("button", name="Save", exact=True).click()
    expect(tab.locator(".profile-versions li")).to_have_count(2)
    expect(tab.locator(".profile-versions")).to_contain_text("plain+quick was removed.")
    shoot(tab, "versions")
    tab.get_by_role("link", name="Show and restore").click()
    expect(tab.locator(".messages")).to_contain_text("These are the passes of an earlier version.")
    assert violations(tab) == []
    tab.get_by_role("button", name="Save", exact=True).click()
    expect(tab.locator(".profile-versions li")).to_have_count(3)
    assert present_choice(Collection.objects.get(pk=other.pk)).thresholds == (0.5,)
