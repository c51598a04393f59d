"""Comments, skipping with a reason, second review and assignment, by people in real browsers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, expect
from playwright.sync_api import Page as Tab
from pytest_django.live_server_helper import LiveServer

from review.approvals import approve
from review.comments import say
from review.models import Approval, Comment, PageReturn, PageReview, Skip, Thread
from review.stages import review_of
from tests.factories import create_collection, create_membership, create_user
from tests.review.written_page import create_reviewer, create_written_page
from transcription.models import Collection, Notification, Page, PageState, Role

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SignIn = Callable[..., BrowserContext]


@pytest.fixture
def collection(live_server: LiveServer) -> Collection:
    return create_collection(second_review=True)


@pytest.fixture
def page(collection: Collection) -> Page:
    page = create_written_page(collection=collection, confidence=0.3)
    create_written_page(collection=collection, confidence=0.45)
    return page


@pytest.fixture
def ann(collection: Collection) -> User:
    return create_reviewer(collection, username="ann")


@pytest.fixture
def lead(collection: Collection) -> User:
    return create_membership(collection=collection, role=Role.LEAD, user=create_user(username="lead")).user


def open_editor(context: BrowserContext, page: Page) -> Tab:
    tab = context.new_page()
    tab.goto(f"/review/pages/{page.pk}/")
    expect(tab.locator("body[data-ready]")).to_be_attached()
    return tab


def violations(tab: Tab) -> str:
    found = Axe().run(tab)
    return found.generate_report() if found.violations_count else ""


def test_lines_are_talked_about_by_keys_alone(sign_in: SignIn, page: Page, ann: User, lead: User) -> None:
    context = sign_in(ann)
    tab = open_editor(context, page)
    tab.keyboard.press("c")  # at the first doubtful word, in line 2
    dialog = tab.get_by_test_id("comments-dialog")
    expect(dialog.locator("#comments-title")).to_have_text("Comments on line 2")
    expect(dialog.locator("#comments-line")).to_contain_text("married John Alder")
    tab.keyboard.type("Is this <b>Anna</b>?")
    tab.keyboard.press("Escape")  # not sent yet, and not forgotten
    tab.reload()
    expect(tab.locator("body[data-ready]")).to_be_attached()
    tab.keyboard.press("c")
    expect(dialog.locator("#comments-text")).to_have_value("Is this <b>Anna</b>?")
    context.route("**/say/", lambda route: route.abort())
    tab.keyboard.press("Control+Enter")
    expect(dialog.locator("#comments-fault")).to_contain_text("not saved yet")
    context.unroute("**/say/")
    tab.keyboard.press("Control+Enter")
    expect(dialog.locator(".said-text")).to_have_text("Is this <b>Anna</b>?")
    expect(dialog.locator("#comments-text")).to_have_value("")
    assert violations(tab) == ""
    tab.keyboard.press("Escape")
    expect(tab.locator(".word-current")).to_have_text("Anne")
    expect(tab.locator(".word-current")).to_be_focused()
    mark = tab.locator(".line-talk")
    expect(mark).to_have_attribute("aria-label", "1 comments, open")
    tab.keyboard.press("Control+Enter")
    expect(tab.locator("#approve-comments")).to_have_text("1 comment is not resolved.")
    tab.keyboard.press("Escape")
    mark.click()
    dialog.get_by_role("button", name="Resolve").click()
    expect(dialog.locator(".thread-state")).to_contain_text("resolved")
    tab.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(mark).to_have_attribute("aria-label", "1 comments, resolved")
    tab.keyboard.press("C")
    expect(dialog.locator("#comments-title")).to_have_text("Comments on this page")
    tab.keyboard.type("A fine hand.")
    tab.keyboard.press("Control+Enter")
    expect(dialog.locator(".said-text")).to_have_text("A fine hand.")
    assert list(Comment.objects.order_by("pk").values_list("kind", flat=True)) == ["said", "resolved", "said"]
    assert Thread.objects.filter(line=None, page=page).count() == 1


def test_a_page_is_skipped_with_a_reason_by_keys(sign_in: SignIn, page: Page, ann: User) -> None:
    tab = open_editor(sign_in(ann), page)
    tab.keyboard.press("Control+Space")
    expect(tab.get_by_test_id("skip-dialog")).to_be_visible()
    assert violations(tab) == ""
    tab.keyboard.press("ArrowDown")  # I cannot read this hand
    tab.keyboard.press("Enter")
    tab.wait_for_url(lambda url: f"/pages/{page.pk}/" not in url)
    assert [(each.page_id, each.reason) for each in Skip.objects.all()] == [(page.pk, Skip.Reason.HAND)]
    tab.goto("/review/")
    expect(tab.locator(".queue-skip")).to_have_text("skipped by ann: I cannot read this hand")


def test_a_second_reviewer_asks_for_changes_and_the_first_is_told(
    sign_in: SignIn, page: Page, ann: User, lead: User
) -> None:
    tab = open_editor(sign_in(ann), page)
    for key in ("1", "0", "0"):
        tab.keyboard.press(key)
    tab.keyboard.press("Control+Enter")
    tab.wait_for_url(lambda url: f"/pages/{page.pk}/" not in url)
    tab.goto(f"/review/pages/{page.pk}/")
    expect(tab.locator('[data-notice="held"]')).to_contain_text("its second review is for somebody else")
    other = open_editor(sign_in(lead), page)
    expect(other.get_by_test_id("second")).to_contain_text("ann has approved this page")
    other.get_by_role("button", name="Request changes…").click()
    dialog = other.get_by_test_id("return-dialog")
    expect(dialog.locator("#return-note")).to_be_focused()
    expect(dialog.get_by_role("button", name="Reject")).to_be_hidden()
    assert violations(other) == ""
    other.keyboard.type("Line 3: Mary, not Marye")
    dialog.get_by_role("button", name="Request changes").click()
    other.wait_for_url(lambda url: f"/pages/{page.pk}/" not in url)
    assert PageReturn.objects.get().note == "Line 3: Mary, not Marye"
    tab.goto("/review/")
    expect(tab.locator(".bell-count")).to_contain_text("1")
    tab.locator(".bell").click()
    expect(tab.locator(".told")).to_contain_text("lead asks you to change")
    assert violations(tab) == ""
    tab.locator(".told").click()
    expect(tab.get_by_test_id("returned")).to_contain_text("lead asks for changes: “Line 3: Mary, not Marye”")
    expect(tab.locator("body[data-held=true]")).to_be_attached()
    assert not Notification.objects.filter(read_at=None).exists()


def test_a_correction_after_the_approval_is_saved_and_marked(
    sign_in: SignIn, page: Page, ann: User, lead: User
) -> None:
    for person in (ann, lead):
        approve(page=page, reviewer=person, mode=Approval.Mode.WHOLE_PAGE, active_seconds=1)
    tab = open_editor(sign_in(ann), page)
    expect(tab.locator(".notice").first).to_contain_text("the page stays reviewed")
    expect(tab.locator("#approve")).to_have_count(0)
    tab.locator(".line-number").first.click()
    tab.keyboard.press("x")  # the whole line is illegible
    expect(tab.get_by_test_id("saving")).to_have_attribute("data-state", "saved")
    tab.reload()
    expect(tab.get_by_test_id("late")).to_have_text("1 line was changed after the approval, by ann.")
    expect(tab.locator(".line-text").first).to_have_text("[…]")
    expect(tab.locator(".line-note").first).to_have_text("ann · after the approval")
    page.refresh_from_db()
    assert page.state == PageState.REVIEWED


def test_whole_page_approval_says_which_lines_were_not_read(sign_in: SignIn, page: Page, ann: User) -> None:
    tab = open_editor(sign_in(ann), page)
    tab.get_by_role("button", name="Whole page", exact=True).click()
    tab.locator(".line-number").first.click()
    tab.keyboard.press("Enter")
    tab.keyboard.press("Enter")
    tab.keyboard.press("Control+Enter")
    expect(tab.locator("#approve-unread")).to_contain_text("2 of 4 lines were not ended with Enter")
    tab.keyboard.press("Enter")  # the button has the focus
    tab.wait_for_url(lambda url: f"/pages/{page.pk}/" not in url)
    approval = Approval.objects.get()
    assert (len(approval.read_lines or []), approval.passed_words) == (2, 2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 700])
def test_a_lead_assigns_from_the_queue(
    sign_in: SignIn, page: Page, ann: User, lead: User, scheme: str, width: int
) -> None:
    say(page=page, line=None, text="Who knows this hand?", author=ann)
    tab = sign_in(lead, color_scheme=scheme).new_page()
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto("/review/")
    expect(tab.locator(".queue-why").first).to_contain_text("1 open comment")
    tab.get_by_role("checkbox", name=f"Choose {page.label}").check()
    tab.locator("#assign [name=to]").select_option(label="ann")
    tab.get_by_role("button", name="Assign", exact=True).click()
    expect(tab.locator(".messages")).to_contain_text("1 page is assigned to ann.")
    expect(tab.locator(".queue-assignee")).to_have_text("assigned to ann")
    assert violations(tab) == ""
    assert PageReview.objects.get().assignee == ann
    tab.get_by_label("Whose").select_option(label="nobody’s")
    expect(tab.locator("tbody .queue-link")).to_have_count(1)
    assert review_of(page).assigned_by == lead
