"""A reviewer repairs the lines of a page over its image, by pointer and by keys, and has only what changed read again."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from playwright.sync_api import BrowserContext, Locator, expect
from playwright.sync_api import Page as Tab
from pytest_django.live_server_helper import LiveServer

from review.claims import claim_page
from review.models import Claim
from tests.factories import create_revision, create_user
from tests.review.written_page import create_reviewer
from tests.steps.journey import current_run, prepared_page, work_until_nothing_is_due
from tests.steps.scribe import scribe
from transcription.models import Layout, LayoutLine, Line, Page, PageState, Reading
from transcription.steps.invariants import violations

__all__ = ["scribe"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SignIn = Callable[..., BrowserContext]
Install = Callable[..., None]


@pytest.fixture
def page(live_server: LiveServer, media_root: Path, scribe: Install) -> Page:
    """A page of three lines that was read and waits for review, in two regions."""
    scribe(text="the old rector of Whitcombe", score=0.3)
    with transaction.atomic():
        made = prepared_page(media_root)
    made.collection.threshold = 0.99
    made.collection.save()
    assert made.layout is not None
    made.layout.regions = [
        {"id": "r1", "kind": "heading", "polygon": [[40, 40], [860, 40], [860, 136], [40, 136]]},
        {"id": "r2", "kind": "paragraph", "polygon": [[40, 170], [860, 170], [860, 400], [40, 400]]},
    ]
    made.layout.save()
    for place in made.layout.places.all():
        place.region = "r1" if place.position == 1 else "r2"
        place.save()
    work_until_nothing_is_due()
    made.refresh_from_db()
    assert made.state == PageState.IN_REVIEW
    return made


@pytest.fixture
def reviewer(page: Page) -> User:
    return create_reviewer(page.collection, username="reviewer")


def picture(tab: Tab, name: str) -> None:
    """A screenshot, where somebody wants to look at them."""
    if folder := os.environ.get("SCREENSHOTS"):
        tab.wait_for_timeout(500)
        tab.screenshot(path=f"{folder}/layout-{name}.png")


def open_layout(context: BrowserContext, page: Page) -> Tab:
    tab = context.new_page()
    tab.on("pageerror", lambda error: pytest.fail(str(error)))
    tab.goto(f"/review/pages/{page.pk}/layout/")
    expect(tab.locator("body[data-ready]")).to_be_attached()
    tab.wait_for_timeout(300)  # the image opens
    return tab


def layout_of(page: Page) -> Layout:
    layout = Page.objects.get(pk=page.pk).layout
    assert layout is not None
    return layout


def places(page: Page) -> list[LayoutLine]:
    return list(layout_of(page).places.select_related("line__current").order_by("position"))


def row(tab: Tab, position: int) -> Locator:
    return tab.locator("#lines [role=option]").nth(position - 1)


def rows(tab: Tab, count: int) -> None:
    expect(tab.locator("#lines [role=option]")).to_have_count(count)


def spot(tab: Tab, x: float, y: float) -> tuple[float, float]:
    """Where a pixel of the image stands on the screen."""
    found = tab.evaluate(
        """([x, y]) => {
            const matrix = document.querySelector(".sheet > g").getScreenCTM();
            const point = new DOMPoint(x, y).matrixTransform(matrix);
            return [point.x, point.y];
        }""",
        [x, y],
    )
    return found[0], found[1]


def click(tab: Tab, x: float, y: float) -> None:
    tab.mouse.click(*spot(tab, x, y))
    tab.wait_for_timeout(60)


def done(tab: Tab, sentence: str) -> None:
    """What the screen said last."""
    expect(tab.locator("#say")).to_contain_text(sentence)
    expect(tab.get_by_test_id("saving")).to_have_attribute("data-state", "saved")


def test_a_page_is_repaired_and_only_what_changed_is_read_again(
    sign_in: SignIn, page: Page, reviewer: User, scribe: Install
) -> None:
    before = [place.line_id for place in places(page)]
    first_run = current_run(page)
    tab = open_layout(sign_in(reviewer), page)
    tab.set_viewport_size({"width": 1440, "height": 900})
    expect(tab.get_by_test_id("reread")).to_have_text("Nothing to read again")
    picture(tab, "opened")

    # split the first line where it is clicked
    tab.click("[data-mode=split]")
    click(tab, 450, 95)
    done(tab, "Line 1 split in two.")
    rows(tab, 4)
    assert [place.baseline[0] for place in places(page)[:2]] == [[50, 108], [450, 108]]
    assert places(page)[0].line.current.text == "the old rector"  # type: ignore[union-attr]
    picture(tab, "split")

    # merge it again, with the line below: three pieces at once
    row(tab, 1).click()
    row(tab, 2).click(modifiers=["Shift"])
    tab.click("#merge")
    done(tab, "Lines 1, 2 merged.")
    rows(tab, 3)
    assert places(page)[0].line.current.text == "the old rector of Whitcombe"  # type: ignore[union-attr]

    # drag a point of the second line's baseline
    row(tab, 2).click()
    handle = tab.locator(".handle-baseline[data-index='1']")
    expect(handle).to_be_visible()
    start = spot(tab, 850, 238)
    tab.mouse.move(*start)
    tab.mouse.down()
    tab.mouse.move(start[0] - 40, start[1] + 6, steps=4)
    tab.mouse.up()
    done(tab, "Line 2 drawn anew.")
    assert places(page)[1].baseline[1][0] < 840
    picture(tab, "points")

    # reorder by dragging the grip of the third line to the top
    grip = row(tab, 3).locator(".grip").bounding_box()
    top = row(tab, 1).bounding_box()
    assert grip is not None
    assert top is not None
    tab.mouse.move(grip["x"] + 5, grip["y"] + 5)
    tab.mouse.down()
    tab.mouse.move(top["x"] + 40, top["y"] + 4, steps=5)
    tab.mouse.up()
    done(tab, "Line 3 moved to place 1.")
    assert places(page)[0].line_id == before[2]

    # add a line below everything
    tab.click("[data-mode=add]")
    click(tab, 60, 470)
    click(tab, 400, 474)
    picture(tab, "adding")
    click(tab, 700, 470)
    tab.keyboard.press("Enter")
    done(tab, "added.")
    rows(tab, 4)
    added = next(place for place in places(page) if place.line.current is None)
    assert added.baseline == [[60, 470], [400, 474], [700, 470]] or len(added.baseline) == 3

    # tag it
    tab.select_option("#region", "marginalia")
    done(tab, "marginal note.")
    tab.select_option("#production", "printed")
    done(tab, "printed.")
    tagged = LayoutLine.objects.get(layout=layout_of(page), line=added.line)
    assert tagged.production == "printed"
    assert {"id": tagged.region, "kind": "marginalia"}.items() <= next(
        region for region in layout_of(page).regions if region["id"] == tagged.region
    ).items()

    # read again: the merged line, the one drawn anew, the new one; not the one that only moved
    expect(tab.get_by_test_id("reread")).to_have_text("Read 3 changed lines again")
    picture(tab, "before-reading")
    scribe(text="read anew", score=0.4)
    tab.get_by_test_id("reread").click()
    expect(tab.get_by_test_id("waiting")).to_have_text("Reading 3 lines…")
    picture(tab, "reading")
    work_until_nothing_is_due()
    expect(tab.get_by_test_id("waiting")).to_have_text("What was read is of these lines.")
    expect(tab.locator("body[data-held=true]")).to_be_attached()
    run = current_run(page)
    assert run.number == first_run.number + 1
    new = Reading.objects.filter(run=run, text="read anew").values_list("line", flat=True)
    assert set(new) == {place.line_id for place in places(page)} - {before[2]}
    assert page.state == PageState.IN_REVIEW
    picture(tab, "read")

    # and take back what was done, down to the lines that the machine found
    steps = 0
    while tab.locator("#undo").get_attribute("aria-disabled") == "false":
        version = layout_of(page).version
        tab.keyboard.press("u")
        done(tab, "Undone:")
        expect(tab.locator("#say")).to_contain_text("Undone")
        tab.wait_for_timeout(50)
        assert layout_of(page).version == version + 1
        steps += 1
    assert steps == 7
    assert [place.line_id for place in places(page)] == before
    expect(tab.get_by_test_id("waiting")).to_have_text(
        "No line needs to be read; what has changed is counted anew."
    )
    tab.get_by_test_id("reread").click()
    work_until_nothing_is_due()
    expect(tab.get_by_test_id("waiting")).to_have_text("What was read is of these lines.")
    assert violations() == []
