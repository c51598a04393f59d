"""A reviewer repairs the lines of a page over its image, by pointer and by keys; only what changed is read again."""

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
from tests.factories import create_revision
from tests.review.written_page import create_reviewer, create_written_page
from tests.steps.journey import current_run, prepared_page, work_until_nothing_is_due
from tests.steps.scribe import scribe
from transcription.models import Layout, LayoutLine, Page, PageState, Reading, Source
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
    tab.goto(f"/pages/{page.pk}/")  # elsewhere it is said, too
    expect(tab.get_by_test_id("changed-lines")).to_contain_text("3 lines were changed and wait to be read again.")
    assert Axe().run(tab).violations_count == 0
    picture(tab, "page")
    tab.get_by_role("link", name="Open the lines").click()
    expect(tab.locator("body[data-ready]")).to_be_attached()
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
    expect(tab.get_by_test_id("waiting")).to_have_text("No line needs to be read; what has changed is counted anew.")
    tab.get_by_test_id("reread").click()
    expect(tab.get_by_test_id("waiting")).to_have_text("Read; putting the page together…")
    work_until_nothing_is_due()
    expect(tab.get_by_test_id("waiting")).to_have_text("What was read is of these lines.")
    assert violations() == []


@pytest.fixture
def written(live_server: LiveServer) -> Page:
    """A page of four lines in review."""
    return create_written_page()


@pytest.fixture
def anna(written: Page) -> User:
    return create_reviewer(written.collection, username="anna")


def texts(page: Page) -> list[str]:
    return [place.line.current.text if place.line.current else "" for place in places(page)]


def test_everything_is_done_by_keys_alone(sign_in: SignIn, written: Page, anna: User) -> None:
    tab = open_layout(sign_in(anna), written)
    ids = [place.line_id for place in places(written)]
    press = tab.keyboard.press

    press("ArrowDown")
    expect(row(tab, 1)).to_be_focused()
    expect(row(tab, 1)).to_have_attribute("aria-selected", "true")

    # split: the mark moves, a word goes over, Enter
    press("s")
    expect(tab.get_by_test_id("cut")).to_be_attached()
    expect(tab.locator("#split-panel")).to_be_visible()
    press("Shift+ArrowLeft")
    press("ArrowLeft")
    press("[")
    picture(tab, "split-by-keys")
    before = tab.locator("#split-before").inner_text()
    press("Enter")
    done(tab, "Line 1 split in two.")
    rows(tab, 5)
    assert texts(written)[0] == before

    # merge: a stretch of two
    press("ArrowUp")
    press("Shift+ArrowDown")
    press("m")
    done(tab, "Lines 1, 2 merged.")
    rows(tab, 4)
    assert texts(written)[0] == "On the 4th day of May 1702 the Rector"

    # reorder
    press("Alt+ArrowDown")
    done(tab, "Line 1 moved to place 2.")
    assert places(written)[0].line_id == ids[1]
    expect(row(tab, 2)).to_be_focused()

    # points: the second of the baseline, ten to the left and one down, one more point, one less
    press("p")
    expect(tab.locator(".handle-baseline[data-index='0']")).to_be_focused()
    press("Tab")
    expect(tab.locator(".handle-baseline[data-index='1']")).to_be_focused()
    was = places(written)[1].baseline[1]
    press("Shift+ArrowLeft")
    press("ArrowDown")
    picture(tab, "points-by-keys")
    done(tab, "Line 2 drawn anew.")
    assert places(written)[1].baseline[1] == [was[0] - 10, was[1] + 1]
    expect(tab.locator(".handle-baseline[data-index='1']")).to_be_focused()
    press("i")
    expect(tab.locator(".handle-baseline")).to_have_count(3)
    tab.wait_for_timeout(900)
    assert len(places(written)[1].baseline) == 3
    press("Delete")
    tab.wait_for_timeout(900)
    assert len(places(written)[1].baseline) == 2
    press("Escape")
    expect(row(tab, 2)).to_be_focused()

    # tags: Tab reaches the selects
    tab.locator("#region").focus()
    press("h")  # a select goes by its options' letters
    done(tab, "Line 2: heading.")
    assert places(written)[1].region == "heading"
    assert not tab.locator(".sheet").get_attribute("data-hidden")
    tab.locator("#lines [tabindex='0']").focus()

    # add: the cross, points, Enter
    press("a")
    for key in ("ArrowDown", "ArrowDown", "Space", "Shift+ArrowRight", "Shift+ArrowRight", "ArrowUp", "Space"):
        press(key)
    picture(tab, "adding-by-keys")
    press("Enter")
    done(tab, "added.")
    rows(tab, 5)
    drawn = next(place for place in places(written) if place.line.current is None).baseline
    assert (drawn[1][0] - drawn[0][0], drawn[1][1] - drawn[0][1]) == (200, -10)

    # delete, undo, redo
    press("Delete")
    rows(tab, 4)
    press("Control+z")
    rows(tab, 5)
    press("Control+Shift+z")
    rows(tab, 4)
    tab.reload()
    expect(tab.locator("body[data-ready]")).to_be_attached()
    press("u")  # it survives a reload
    rows(tab, 5)

    # the overlay, the zoom, the list of keys
    press("h")
    expect(tab.locator(".sheet")).to_be_hidden()
    press("h")
    press("+")
    press("f")
    press("?")
    expect(tab.locator("#keys")).to_be_visible()


def test_lines_are_numbered_by_clicking_them_in_order(sign_in: SignIn, written: Page, anna: User) -> None:
    tab = open_layout(sign_in(anna), written)
    ids = [place.line_id for place in places(written)]
    tab.keyboard.press("o")
    for y in (426, 242, 334):  # the fourth, the second, the third line
        click(tab, 300, y - 10)
    picture(tab, "numbering")
    tab.keyboard.press("Enter")
    done(tab, "Line 4 moved to place 2.")
    assert [place.line_id for place in places(written)] == [ids[0], ids[3], ids[1], ids[2]]


def test_what_a_person_typed_is_asked_about_before_it_goes(sign_in: SignIn, written: Page, anna: User) -> None:
    create_revision(line=places(written)[0].line, text="typed by a person", author=anna)
    tab = open_layout(sign_in(anna), written)
    row(tab, 1).click()
    expect(row(tab, 1)).to_contain_text("typed by anna")
    tab.keyboard.press("Delete")
    dialog = tab.locator("#delete-dialog")
    expect(dialog).to_contain_text("Line 1 has text that a person typed: “typed by a person”")
    picture(tab, "delete")
    tab.keyboard.press("Enter")  # keeping is what Enter does
    expect(dialog).to_be_hidden()
    rows(tab, 4)
    tab.keyboard.press("Delete")
    tab.click("#delete-sure")
    rows(tab, 3)
    tab.keyboard.press("u")
    rows(tab, 4)
    assert texts(written)[0] == "typed by a person"

    # a person's text is parted only after they have looked
    tab.keyboard.press("s")
    click(tab, 400, 140)
    expect(tab.locator("#split-panel")).to_be_visible()
    tab.click("#word-right")
    tab.click("#split-now")
    done(tab, "Line 1 split in two.")
    assert all(place.line.current.source == Source.PERSON for place in places(written)[:2])  # type: ignore[union-attr]

    # and merged with the machine's only after they have read it
    row(tab, 2).click()
    row(tab, 3).click(modifiers=["Shift"])
    tab.keyboard.press("m")
    expect(tab.locator("#merge-dialog")).to_be_visible()
    assert "married John Alder" in tab.locator("#merge-text").input_value()
    tab.fill("#merge-text", "what stands there")
    tab.click("#merge-sure")
    done(tab, "merged.")
    assert texts(written)[1] == "what stands there"


def test_words_typed_on_a_piece_are_not_undone_away(sign_in: SignIn, written: Page, anna: User) -> None:
    tab = open_layout(sign_in(anna), written)
    row(tab, 1).click()
    tab.keyboard.press("s")
    tab.keyboard.press("Enter")
    done(tab, "Line 1 split in two.")
    create_revision(line=places(written)[0].line, text="typed by a person", author=anna)
    dialog = tab.locator("#back-dialog")
    tab.keyboard.press("u")
    expect(dialog).to_contain_text("Line 1 has text that a person typed: “typed by a person”")
    assert Axe().run(tab).response["violations"] == []
    picture(tab, "undo")
    tab.keyboard.press("Enter")  # keeping is what Enter does
    expect(dialog).to_be_hidden()
    rows(tab, 5)
    tab.keyboard.press("u")
    tab.click("#back-sure")
    done(tab, "Undone: Line 1 split in two; what was typed is kept beside the text.")
    rows(tab, 4)
    tab.goto(f"/review/pages/{written.pk}/")
    expect(tab.locator("#displaced")).to_contain_text("typed by a person")


def test_what_is_marked_in_the_text_is_nothing_that_this_screen_decides(
    sign_in: SignIn, written: Page, anna: User
) -> None:
    tab = open_layout(sign_in(anna), written)
    tab.locator("#separator").focus()
    tab.keyboard.press("ArrowLeft")  # something of this screen is remembered
    tab.goto(f"/review/pages/{written.pk}/")
    expect(tab.locator("body[data-ready]")).to_be_attached()
    expect(tab.locator("#below-value")).to_have_text("70 %")
    expect(tab.locator(".word-low")).to_have_count(3)
    kept = "JSON.parse(localStorage.getItem('longhand:editor'))"
    assert list(tab.evaluate(kept)) == ["layoutSplit"]
    tab.locator("#below").focus()
    tab.keyboard.press("Home")  # a wish of 0 is one
    tab.reload()
    expect(tab.locator("body[data-ready]")).to_be_attached()
    expect(tab.locator("#below-value")).to_have_text("0 %")
    expect(tab.locator(".word-low")).to_have_count(0)


def test_the_line_that_was_moved_is_named(sign_in: SignIn, written: Page, anna: User) -> None:
    tab = open_layout(sign_in(anna), written)
    row(tab, 4).click()
    tab.keyboard.press("Alt+ArrowUp")
    done(tab, "Line 4 moved to place 3.")
    tab.keyboard.press("a")
    tab.keyboard.press("Space")
    expect(tab.locator("#hint")).to_contain_text("1 point.")


def test_two_people_never_change_the_lines_at_once(sign_in: SignIn, written: Page, anna: User) -> None:
    tab = open_layout(sign_in(anna), written)
    colleague = create_reviewer(written.collection, username="colleague")
    Claim.objects.update(lease_until=Now() - timedelta(seconds=1))
    claim_page(page=written, reviewer=colleague)
    row(tab, 1).click()
    tab.keyboard.press("Delete")
    expect(tab.locator("[data-notice=held]")).to_contain_text("colleague is on this page")
    rows(tab, 4)
    assert layout_of(written).version == 1
    tab.keyboard.press("s")  # nothing can be begun
    expect(tab.get_by_test_id("cut")).to_have_count(0)
    Claim.objects.all().delete()
    tab.get_by_role("button", name="Try again").click()
    expect(tab.locator("body[data-held=true]")).to_be_attached()
    tab.keyboard.press("Delete")
    rows(tab, 3)


def test_a_change_of_lines_that_another_tab_changed_is_not_made(sign_in: SignIn, written: Page, anna: User) -> None:
    context = sign_in(anna)
    first, second = open_layout(context, written), open_layout(context, written)
    row(first, 1).click()
    first.keyboard.press("Delete")
    rows(first, 3)
    row(second, 4).click()
    second.keyboard.press("Delete")
    expect(second.locator("[data-notice=conflict]")).to_contain_text("anna changed the lines")
    rows(second, 3)
    assert layout_of(written).version == 2
    row(second, 3).click()
    second.keyboard.press("Delete")
    rows(second, 2)
    expect(second.locator("[data-notice=conflict]")).to_have_count(0)


def test_a_change_without_a_connection_is_kept_and_sent_later(sign_in: SignIn, written: Page, anna: User) -> None:
    context = sign_in(anna)
    tab = open_layout(context, written)
    context.route("**/layout/change/", lambda route: route.abort())
    row(tab, 1).click()
    tab.keyboard.press("Delete")
    expect(tab.locator("[data-notice=trouble]")).to_contain_text("No connection")
    expect(tab.get_by_test_id("saving")).to_have_text("1 change not saved yet")
    context.unroute("**/layout/change/")
    tab.get_by_role("button", name="Try now").click()
    rows(tab, 3)
    expect(tab.locator("[data-notice=trouble]")).to_have_count(0)
    assert layout_of(written).version == 2


def test_a_change_that_makes_no_sense_is_refused_with_a_sentence(sign_in: SignIn, written: Page, anna: User) -> None:
    tab = open_layout(sign_in(anna), written)
    tab.keyboard.press("a")
    click(tab, 300, 600)
    click(tab, 302, 603)
    tab.keyboard.press("Enter")
    expect(tab.locator("[data-notice=refused]")).to_contain_text("A line needs two points at least.")
    click(tab, 309, 600)
    tab.keyboard.press("i")  # not a key of this mode
    tab.evaluate("document.querySelector('#end-now').click()")
    expect(tab.locator("[data-notice=refused]")).to_have_count(0, timeout=8000)
    rows(tab, 5)
    tab.keyboard.press("u")
    rows(tab, 4)
    tab.keyboard.press("Escape")
    row(tab, 1).click()
    tab.keyboard.press("m")
    expect(tab.locator("[data-notice=refused]")).to_contain_text("two or more lines")


def test_letters_can_be_switched_off(sign_in: SignIn, written: Page, anna: User) -> None:
    tab = open_layout(sign_in(anna), written)
    tab.keyboard.press("?")
    tab.uncheck("#single-keys")
    tab.keyboard.press("Escape")
    tab.keyboard.press("a")
    expect(tab.locator("[data-mode=add].tool")).to_have_attribute("aria-pressed", "false")


def test_an_approved_page_is_looked_at_and_taken_into_review(sign_in: SignIn, written: Page, anna: User) -> None:
    Page.objects.filter(pk=written.pk).update(state=PageState.REVIEWED, approved_at=Now())
    tab = open_layout(sign_in(anna), written)
    row(tab, 2).click()
    tab.keyboard.press("Delete")
    rows(tab, 4)
    tab.click("#reopen")
    expect(tab.locator("body[data-held=true]")).to_be_attached()
    assert tab.url.endswith("/layout/")
    row(tab, 2).click()
    tab.keyboard.press("Delete")
    rows(tab, 3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), (820, 1180)])
def test_the_lines_have_no_accessibility_violations(
    sign_in: SignIn, written: Page, anna: User, scheme: str, size: tuple[int, int]
) -> None:
    create_revision(line=places(written)[2].line, text="typed by a person", author=anna)
    tab = sign_in(anna, color_scheme=scheme).new_page()
    tab.set_viewport_size({"width": size[0], "height": size[1]})
    tab.goto(f"/review/pages/{written.pk}/layout/")
    expect(tab.locator("body[data-ready]")).to_be_attached()
    tab.wait_for_timeout(400)
    found = {"nothing chosen": Axe().run(tab)}
    row(tab, 1).click()
    tab.keyboard.press("s")
    found["split"] = Axe().run(tab)
    tab.keyboard.press("Enter")
    done(tab, "split in two.")
    tab.wait_for_timeout(300)  # the button has come to its new colours
    found["waiting"] = Axe().run(tab)
    picture(tab, f"{scheme}-{size[0]}")
    tab.keyboard.press("p")
    found["points"] = Axe().run(tab)
    picture(tab, f"{scheme}-{size[0]}-points")
    tab.keyboard.press("Escape")
    tab.keyboard.press("a")
    tab.keyboard.press("ArrowDown")
    found["add"] = Axe().run(tab)
    tab.keyboard.press("Escape")
    tab.keyboard.press("Control+a")
    found["all"] = Axe().run(tab)
    tab.keyboard.press("m")
    expect(tab.locator("#merge-dialog")).to_be_visible()
    found["merge"] = Axe().run(tab)
    tab.keyboard.press("Escape")
    tab.keyboard.press("?")
    found["keys"] = Axe().run(tab)
    tab.keyboard.press("Escape")
    tab.goto(f"/review/pages/{written.pk}/")
    expect(tab.locator("body[data-ready]")).to_be_attached()
    expect(tab.get_by_test_id("changed-lines")).to_contain_text("2 lines were changed")
    found["editor"] = Axe().run(tab)
    assert {name: result.generate_report() for name, result in found.items() if result.violations_count} == {}
