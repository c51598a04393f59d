"""A reviewer at work in the editor, by keyboard, with everything going wrong that does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.db.models.functions import Now
from playwright.sync_api import BrowserContext, expect
from playwright.sync_api import Page as Tab
from pydantic import TypeAdapter
from pytest_django.live_server_helper import LiveServer

from review.claims import claim_page
from review.layouts import change_lines
from review.models import Approval, Claim, WordDecision
from tests.factories import create_revision
from tests.review.voted_line import create_voted_line
from tests.review.written_page import create_reviewer, create_written_page
from transcription.models import Line, Page, PageState, Source
from transcription.steps.layout_operations import Operation

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SignIn = Callable[..., BrowserContext]


@pytest.fixture
def page(live_server: LiveServer) -> Page:
    """The worst page of the queue; a better one waits behind it."""
    page = create_written_page(confidence=0.3)
    create_written_page(collection=page.collection, confidence=0.45)
    return page


@pytest.fixture
def reviewer(page: Page) -> User:
    return create_reviewer(page.collection, username="reviewer")


def line_at(page: Page, position: int) -> Line:
    assert page.layout is not None
    return page.layout.places.select_related("line__current").get(position=position).line


def text_at(page: Page, position: int) -> str:
    line = line_at(page, position)
    assert line.current is not None
    return line.current.text


def open_editor(context: BrowserContext, page: Page) -> Tab:
    tab = context.new_page()
    tab.goto(f"/review/pages/{page.pk}/")
    expect(tab.locator("body[data-ready]")).to_be_attached()
    return tab


def saved(tab: Tab) -> None:
    expect(tab.get_by_test_id("saving")).to_have_attribute("data-state", "saved")


def type_into_line(tab: Tab, page: Page, position: int, text: str) -> None:
    tab.locator(f'[data-line="{line_at(page, position).pk}"] .line-number').click()
    tab.keyboard.press("e")
    tab.locator(".line-field").fill(text)


def test_the_worst_page_is_corrected_by_keys_alone_and_approved(sign_in: SignIn, page: Page, reviewer: User) -> None:
    tab = sign_in(reviewer).new_page()
    tab.goto("/review/")
    tab.keyboard.press("Enter")  # the button that starts has the focus
    tab.wait_for_url(f"**/review/pages/{page.pk}/**")
    expect(tab.locator("body[data-ready]")).to_be_attached()
    expect(tab.get_by_test_id("unsure-count")).to_have_text("Unsure 1 of 3")
    expect(tab.locator(".word-current")).to_have_text("Anne")
    expect(tab.locator("#approve")).to_contain_text("doubtful words checked")
    expect(tab.locator(".choice").nth(0)).to_contain_text("as read · 1 of 3 passes (plain)")
    expect(tab.locator(".choice").nth(1)).to_contain_text("Anna")
    expect(tab.locator(".choice").nth(1)).to_contain_text("2 of 3 passes (clahe, adaptive)")
    tab.keyboard.press("1")  # Anna
    expect(tab.locator(".word-current")).to_have_text("Marye")
    tab.keyboard.press("0")  # right as read
    expect(tab.locator(".word-current")).to_have_text("Smyth")
    tab.keyboard.press("e")  # type
    tab.keyboard.type("Smythe")
    tab.keyboard.press("Enter")
    expect(tab.get_by_test_id("unsure-count")).to_have_text("All 3 unsure words settled")
    saved(tab)
    assert text_at(page, 2) == "married John Alder and Anna Webbe of"
    assert text_at(page, 4) == "of Will'm Smythe widow at the font"
    confirmed = line_at(page, 3).current
    assert confirmed is not None
    assert confirmed.source == Source.VOTE
    kinds = WordDecision.objects.values_list("before", "after", "kind")
    assert set(kinds) == {
        ("Anne", "Anna", "alternative"),
        ("Marye", "Marye", "confirmed"),
        ("Smyth", "Smythe", "typed"),
    }
    tab.keyboard.press("Control+Enter")
    tab.wait_for_url(lambda url: f"/pages/{page.pk}/" not in url)
    page.refresh_from_db()
    assert page.state == PageState.REVIEWED
    assert Approval.objects.get().mode == Approval.Mode.DOUBTFUL_WORDS


def test_the_word_in_question_is_boxed_on_the_image(sign_in: SignIn, page: Page, reviewer: User) -> None:
    tab = open_editor(sign_in(reviewer), page)
    box = tab.get_by_test_id("word-box")
    expect(box).not_to_have_attribute("points", "")
    first = box.get_attribute("points")
    tab.keyboard.press("n")
    expect(box).not_to_have_attribute("points", str(first))
    expect(tab.locator("#image canvas").first).to_be_visible()


def test_undo_brings_the_machines_text_back_as_a_new_revision(sign_in: SignIn, page: Page, reviewer: User) -> None:
    tab = open_editor(sign_in(reviewer), page)
    tab.keyboard.press("1")
    saved(tab)
    tab.keyboard.press("Control+z")
    expect(tab.locator(f'[data-line="{line_at(page, 2).pk}"] .line-text')).to_contain_text("and Anne Webbe")
    saved(tab)
    assert text_at(page, 2) == "married John Alder and Anne Webbe of"
    assert line_at(page, 2).revisions.count() == 3


def test_escape_forgets_what_was_typed(sign_in: SignIn, page: Page, reviewer: User) -> None:
    tab = open_editor(sign_in(reviewer), page)
    type_into_line(tab, page, 1, "nonsense")
    tab.keyboard.press("Escape")
    expect(tab.locator(f'[data-line="{line_at(page, 1).pk}"] .line-text')).to_contain_text("On the 4th day")
    saved(tab)
    tab.reload()
    expect(tab.locator("body[data-ready]")).to_be_attached()
    expect(tab.locator(f'[data-line="{line_at(page, 1).pk}"] .line-text')).to_contain_text("On the 4th day")


def test_single_keys_are_text_inside_a_field_and_can_be_switched_off(
    sign_in: SignIn, page: Page, reviewer: User
) -> None:
    tab = open_editor(sign_in(reviewer), page)
    tab.keyboard.press("e")
    tab.keyboard.press("End")
    tab.keyboard.type(" n0")
    assert tab.locator(".line-field").input_value().endswith("of n0")
    tab.keyboard.press("Escape")
    tab.keyboard.press("?")
    tab.locator("#single-keys").uncheck()
    tab.keyboard.press("Escape")
    tab.keyboard.press("n")
    expect(tab.locator(".word-current")).to_have_text("Anne")


def test_two_tabs_that_change_one_line_are_asked_which_text_to_keep(
    sign_in: SignIn, page: Page, reviewer: User
) -> None:
    context = sign_in(reviewer)
    first, second = open_editor(context, page), open_editor(context, page)
    type_into_line(first, page, 1, "the first tab's text")
    first.keyboard.press("Enter")
    saved(first)
    type_into_line(second, page, 1, "the second tab's text")
    second.keyboard.press("Enter")
    dialog = second.get_by_test_id("conflict")
    expect(dialog).to_be_visible()
    expect(dialog.locator("#conflict-mine")).to_have_text("the second tab's text")
    expect(dialog.locator("#conflict-theirs")).to_have_text("the first tab's text")
    assert text_at(page, 1) == "the first tab's text"
    second.click("#keep-mine")
    saved(second)
    assert text_at(page, 1) == "the second tab's text"
    type_into_line(first, page, 1, "once more")
    first.keyboard.press("Enter")
    first.click("#take-theirs")
    saved(first)
    assert text_at(page, 1) == "the second tab's text"
    expect(first.locator(f'[data-line="{line_at(page, 1).pk}"] .line-text')).to_have_text("the second tab's text")
    first.keyboard.press("Control+z")  # minds change
    saved(first)
    assert text_at(page, 1) == "once more"


def test_a_lost_claim_makes_the_editor_read_only_and_keeps_the_text(
    sign_in: SignIn, page: Page, reviewer: User
) -> None:
    tab = open_editor(sign_in(reviewer), page)
    colleague = create_reviewer(page.collection, username="colleague")
    Claim.objects.update(lease_until=Now() - timedelta(seconds=1))
    claim_page(page=page, reviewer=colleague)
    type_into_line(tab, page, 1, "what I typed")
    tab.keyboard.press("Enter")
    expect(tab.locator('[data-notice="held"]')).to_contain_text("colleague is on this page")
    row = tab.locator(f'[data-line="{line_at(page, 1).pk}"]')
    expect(row).to_contain_text("what I typed")
    expect(row).to_contain_text("not saved")
    tab.keyboard.press("e")
    expect(tab.locator(".line-field")).to_have_count(0)
    assert text_at(page, 1) != "what I typed"
    # Their claim ends, we try again: the text goes where it belongs.
    Claim.objects.all().delete()
    tab.get_by_role("button", name="Try again").click()
    saved(tab)
    assert text_at(page, 1) == "what I typed"


def test_what_is_typed_without_a_connection_survives_a_reload_and_is_saved_later(
    sign_in: SignIn, page: Page, reviewer: User
) -> None:
    context = sign_in(reviewer)
    tab = open_editor(context, page)
    context.route("**/save/", lambda route: route.abort())
    type_into_line(tab, page, 1, "typed while the line was down")
    tab.keyboard.press("Enter")
    expect(tab.locator('[data-notice="trouble"]')).to_contain_text("No connection")
    expect(tab.get_by_test_id("saving")).to_have_text("1 line not saved yet")
    tab.once("dialog", lambda dialog: dialog.accept())  # leaving asks first
    tab.reload()
    expect(tab.locator('[data-notice="restored"]')).to_be_visible()
    expect(tab.locator(f'[data-line="{line_at(page, 1).pk}"] .line-text')).to_have_text("typed while the line was down")
    context.unroute("**/save/")
    tab.get_by_role("button", name="Try now").click()
    saved(tab)
    assert text_at(page, 1) == "typed while the line was down"


def test_a_draft_of_an_old_revision_is_asked_about_never_written_over(
    sign_in: SignIn, page: Page, reviewer: User
) -> None:
    context = sign_in(reviewer)
    tab = open_editor(context, page)
    context.route("**/save/", lambda route: route.abort())
    type_into_line(tab, page, 1, "my draft")
    tab.keyboard.press("Enter")
    expect(tab.get_by_test_id("saving")).to_have_attribute("data-state", "unsaved")
    create_revision(line=line_at(page, 1), text="a colleague's text", author=create_reviewer(page.collection))
    context.unroute("**/save/")
    tab.once("dialog", lambda dialog: dialog.accept())
    tab.reload()
    expect(tab.get_by_test_id("conflict")).to_be_visible()
    assert text_at(page, 1) == "a colleague's text"


def test_the_signed_out_keep_their_text_and_save_it_once_they_are_back(
    sign_in: SignIn, page: Page, reviewer: User
) -> None:
    context = sign_in(reviewer)
    tab = open_editor(context, page)
    cookies = context.cookies()
    context.clear_cookies(name="sessionid")
    type_into_line(tab, page, 1, "typed after the session ended")
    tab.keyboard.press("Enter")
    expect(tab.locator('[data-notice="trouble"]')).to_contain_text("signed out")
    context.add_cookies([cookie for cookie in cookies if cookie["name"] == "sessionid"])  # type: ignore[misc]
    tab.get_by_role("button", name="Try now").click()
    saved(tab)
    assert text_at(page, 1) == "typed after the session ended"


def test_closing_the_editor_lets_go_of_the_page(sign_in: SignIn, page: Page, reviewer: User) -> None:
    tab = open_editor(sign_in(reviewer), page)
    assert Claim.objects.filter(page=page).exists()
    tab.goto("/review/")
    for _ in range(50):  # the beacon goes out while the page is left; nobody is told of its answer
        if not Claim.objects.filter(page=page).exists():
            return
        tab.wait_for_timeout(100)
    pytest.fail("the page is still held")


def test_typing_moves_from_line_to_line_and_saves_each(sign_in: SignIn, page: Page, reviewer: User) -> None:
    tab = open_editor(sign_in(reviewer), page)
    type_into_line(tab, page, 1, "one")
    tab.keyboard.press("Control+ArrowDown")
    tab.locator(".line-field").fill("two")
    tab.keyboard.press("Control+ArrowUp")
    expect(tab.locator(".line-field")).to_have_value("one")
    tab.keyboard.press("Escape")
    saved(tab)
    assert [text_at(page, 1), text_at(page, 2)] == ["one", "two"]


def test_a_word_clicked_twice_is_typed_over(sign_in: SignIn, page: Page, reviewer: User) -> None:
    tab = open_editor(sign_in(reviewer), page)
    tab.locator(f'[data-line="{line_at(page, 1).pk}"] .word').nth(4).dblclick()
    tab.keyboard.type("April")  # the word is selected
    tab.keyboard.press("Enter")
    saved(tab)
    assert text_at(page, 1) == "On the 4th day April May 1702 the Rector"


def test_a_word_is_marked_unclear_then_illegible_then_plain(sign_in: SignIn, page: Page, reviewer: User) -> None:
    tab = open_editor(sign_in(reviewer), page)
    for marked in ("Anne[?]", "[…]", "Anne"):
        tab.keyboard.press("u")
        expect(tab.locator(".word-current")).to_have_text(marked)
    tab.keyboard.press("u")
    saved(tab)
    assert text_at(page, 2) == "married John Alder and Anne[?] Webbe of"


def test_whole_page_mode_goes_line_by_line_and_is_recorded(sign_in: SignIn, page: Page, reviewer: User) -> None:
    tab = open_editor(sign_in(reviewer), page)
    tab.get_by_role("button", name="Whole page", exact=True).click()
    tab.locator(".line-number").first.click()
    for _ in range(4):
        tab.keyboard.press("Enter")
    saved(tab)
    assert set(WordDecision.objects.values_list("kind", flat=True)) == {"read"}
    expect(tab.get_by_test_id("unsure-count")).to_have_text("All 3 unsure words settled")
    tab.keyboard.press("Control+Enter")
    tab.wait_for_url(lambda url: f"/pages/{page.pk}/" not in url)
    assert Approval.objects.get().mode == Approval.Mode.WHOLE_PAGE


def test_a_page_with_nothing_to_read_is_approved_as_empty(sign_in: SignIn, page: Page, reviewer: User) -> None:
    tab = open_editor(sign_in(reviewer), page)
    tab.click("#nothing")
    tab.click("#nothing-sure")
    tab.wait_for_url(lambda url: f"/pages/{page.pk}/" not in url)
    assert {text_at(page, position) for position in range(1, 5)} == {""}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 820])
def test_queue_and_editor_have_no_accessibility_violations(
    sign_in: SignIn, page: Page, reviewer: User, scheme: str, width: int
) -> None:
    tab = sign_in(reviewer, color_scheme=scheme).new_page()
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto("/review/")
    found = {"queue": Axe().run(tab)}
    tab.goto(f"/review/pages/{page.pk}/")
    expect(tab.locator("body[data-ready]")).to_be_attached()
    tab.wait_for_timeout(400)
    found["editor"] = Axe().run(tab)
    tab.keyboard.press("1")
    saved(tab)
    tab.keyboard.press("e")
    found["typing"] = Axe().run(tab)
    tab.keyboard.press("Escape")
    tab.keyboard.press("?")
    found["keys"] = Axe().run(tab)
    tab.keyboard.press("Escape")
    tab.click("#history")
    tab.wait_for_selector(".past")
    found["history"] = Axe().run(tab)
    assert {name: result.generate_report() for name, result in found.items() if result.violations_count} == {}


def test_text_of_a_line_that_was_split_elsewhere_is_kept_and_used_on_another(
    sign_in: SignIn, page: Page, reviewer: User
) -> None:
    tab = open_editor(sign_in(reviewer), page)
    split = TypeAdapter[Operation](Operation).validate_python(
        {"kind": "split", "line": line_at(page, 1).pk, "share": 0.5}
    )
    type_into_line(tab, page, 1, "typed in the other tab")
    change_lines(page=page, base_version=1, operation=split, reviewer=reviewer)
    tab.keyboard.press("Enter")
    refused = tab.locator("[data-notice=refused]")
    expect(refused).to_contain_text("The lines of this page were changed in the meantime")
    expect(refused).to_contain_text("Your text is kept on this computer.")
    expect(tab.get_by_test_id("saving")).to_have_attribute("data-state", "unsaved")
    refused.get_by_role("button", name="Reload").click()
    homeless = tab.locator(".notice", has_text="no longer on this page: “typed in the other tab”")
    expect(homeless).to_be_visible()
    expect(tab.locator("body[data-held=true]")).to_be_attached()
    page.refresh_from_db()
    tab.locator(f'[data-line="{line_at(page, 1).pk}"] .line-number').click()
    homeless.get_by_role("button", name="Use on this line").click()
    saved(tab)
    assert text_at(page, 1) == "typed in the other tab"
    expect(homeless).to_have_count(0)
    tab.reload()
    expect(tab.locator("body[data-ready]")).to_be_attached()
    expect(tab.locator(".notice", has_text="typed in the other tab")).to_have_count(0)


def test_approving_says_how_many_changed_lines_wait(sign_in: SignIn, page: Page, reviewer: User) -> None:
    split = TypeAdapter[Operation](Operation).validate_python(
        {"kind": "split", "line": line_at(page, 1).pk, "share": 0.5}
    )
    change_lines(page=page, base_version=1, operation=split, reviewer=reviewer)
    tab = open_editor(sign_in(reviewer), page)
    expect(tab.get_by_test_id("changed-lines")).to_contain_text("lines were changed")
    tab.locator("#approve").click()
    expect(tab.locator("#approve-changed")).to_contain_text("changed lines have not been read again.")
    tab.click("#approve-sure")
    tab.wait_for_url(lambda url: f"/pages/{page.pk}/" not in url)
    tab.goto(f"/review/pages/{page.pk}/")
    expect(tab.locator("body[data-ready]")).to_be_attached()
    expect(tab.get_by_test_id("changed-lines")).to_have_count(0)
    tab.goto(f"/review/pages/{page.pk}/layout/")
    expect(tab.locator("body[data-ready]")).to_be_attached()
    for what in ("reread", "waiting"):
        expect(tab.get_by_test_id(what)).to_be_hidden()
    expect(tab.locator("#lines")).not_to_contain_text("to be read")


def test_a_word_says_who_read_it_how_and_why_it_is_marked(sign_in: SignIn, page: Page, reviewer: User) -> None:
    line = create_voted_line(page, ["from these tems", "from these tems", "from these terns", "from those terms"])
    tab = open_editor(sign_in(reviewer), page)
    tab.locator(f'[data-line="{line.pk}"] .word').nth(2).click()
    word = tab.locator(".word-current").inner_text()
    tab.keyboard.press("w")
    account = tab.get_by_test_id("why")
    expect(account.locator(".why-word")).to_have_text(word)
    expect(account).to_contain_text("4 passes were heard")
    expect(account).to_contain_text("What speaks against it")
    expect(account.locator(".why-readings tbody tr").first).to_contain_text("%")
    assert not Axe().run(tab).response["violations"]
    tab.keyboard.press("n")  # keys of the screen below rest while it is open
    tab.keyboard.press("Escape")
    expect(account).to_be_hidden()
    expect(tab.locator(".word-current")).to_have_text(word)
    expect(tab.locator(".word-current")).to_be_focused()
    tab.locator(".choice", has_text="why?").click()
    expect(account.locator(".why-word")).to_have_text(word)


def test_a_word_on_the_page_s_screen_says_the_same(sign_in: SignIn, page: Page, reviewer: User) -> None:
    line = create_voted_line(page, ["from these tems", "from these tems", "from these terns", "from those terms"])
    tab = sign_in(reviewer).new_page()
    tab.goto(f"/pages/{page.pk}/")
    words = tab.locator(f"#line-{line.pk} .word-why")
    words.nth(0).click()
    account = tab.get_by_test_id("why")
    expect(account.locator(".why-word")).to_have_text("from")
    tab.keyboard.press("Escape")
    marked = tab.locator(f"#line-{line.pk} .word-why[title]").first
    marked.focus()
    tab.keyboard.press("Enter")
    expect(account).to_contain_text("Marked: it is below")


def test_marks_and_special_characters_are_written_by_keys_and_by_click(
    sign_in: SignIn, page: Page, reviewer: User
) -> None:
    tab = open_editor(sign_in(reviewer), page)
    tab.keyboard.press("e")  # “Anne” is selected
    bar = tab.get_by_role("toolbar", name="Marks and special characters")
    tab.keyboard.press("Tab")
    expect(bar.get_by_role("button", name="struck out")).to_be_focused()
    tab.keyboard.press("n")  # a letter acts on no word from here
    tab.keyboard.press("ArrowRight")
    expect(bar.get_by_role("button", name="inserted")).to_be_focused()
    tab.keyboard.press("Enter")
    field = tab.locator(".line-field")
    expect(field).to_be_focused()
    expect(field).to_have_value("married John Alder and ⸢Anne⸣ Webbe of")
    bar.get_by_role("button", name="latin small letter long s").click()
    expect(field).to_be_focused()
    tab.keyboard.press("Control+z")  # the browser's own undo
    expect(field).to_have_value("married John Alder and ⸢Anne⸣ Webbe of")
    tab.keyboard.press("End")
    bar.get_by_role("button", name="struck out").click()
    tab.keyboard.type("this")  # between the two
    expect(field).to_have_value("married John Alder and ⸢Anne⸣ Webbe of⟦this⟧")
    assert Axe().run(tab).response["violations"] == []
    tab.keyboard.press("Tab")
    tab.keyboard.press("Escape")
    expect(field).to_be_focused()
    tab.keyboard.press("Enter")
    saved(tab)
    assert text_at(page, 2) == "married John Alder and ⸢Anne⸣ Webbe of⟦this⟧"
