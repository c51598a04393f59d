"""What goes wrong around a reviewer while they type: no keystroke is lost, and each time a sentence says what is the
matter. What two tabs do to each other, and a reload without a connection, is in test_editor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection, connections, transaction
from django.db.models.functions import Now
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Route, expect
from playwright.sync_api import Page as Tab
from pytest_django.live_server_helper import LiveServer

from review.approvals import approve
from review.claims import claim_page
from review.corrections import correct_line
from review.models import Approval, Claim
from tests.browser.test_editor import line_at, open_editor, saved, text_at, type_into_line
from tests.browser.web_process import WebProcess
from tests.review.written_page import create_reviewer, create_written_page
from transcription.models import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SignIn = Callable[..., BrowserContext]


@pytest.fixture
def page(live_server: LiveServer) -> Page:
    return create_written_page(confidence=0.3)


@pytest.fixture
def reviewer(page: Page) -> User:
    return create_reviewer(page.collection, username="reviewer")


def try_now(tab: Tab) -> None:
    """Press the button unless it is gone already: the editor tries by itself, too."""
    tab.evaluate("[...document.querySelectorAll('button')].find((each) => each.textContent === 'Try now')?.click()")


def unsaved(tab: Tab, lines: int) -> None:
    said = "1 line not saved yet" if lines == 1 else f"{lines} lines not saved yet"
    expect(tab.get_by_test_id("saving")).to_have_text(said)


def open_with_clock(context: BrowserContext, page: Page) -> Tab:
    tab = context.new_page()
    tab.clock.install()
    tab.goto(f"/review/pages/{page.pk}/")
    expect(tab.locator("body[data-held=true]")).to_be_attached()
    return tab


def test_a_minute_without_a_connection_costs_nothing(sign_in: SignIn, page: Page, reviewer: User) -> None:
    context = sign_in(reviewer)
    tab = open_with_clock(context, page)
    context.set_offline(True)
    type_into_line(tab, page, 1, "one")
    tab.keyboard.press("Enter")
    expect(tab.locator('[data-notice="trouble"]')).to_contain_text("No connection to the server.")
    type_into_line(tab, page, 3, "three")
    tab.keyboard.press("Control+ArrowDown")
    tab.locator(".line-field").fill("four, still being typ")
    tab.clock.fast_forward(61_000)  # tries again and again, and the heartbeat finds nobody
    unsaved(tab, 2)
    expect(tab.locator(".line-field")).to_have_value("four, still being typ")
    tab.locator(".line-field").press_sequentially("ed")
    context.set_offline(False)  # nobody presses anything: the browser says that it is back
    unsaved_gone = tab.locator('[data-notice="trouble"]')
    expect(unsaved_gone).to_have_count(0)
    tab.keyboard.press("Enter")
    saved(tab)
    assert [text_at(page, position) for position in (1, 3, 4)] == ["one", "three", "four, still being typed"]


def test_an_answer_that_is_lost_on_its_way_makes_no_second_revision(
    sign_in: SignIn, page: Page, reviewer: User
) -> None:
    context = sign_in(reviewer)
    tab = open_editor(context, page)
    lost: list[int] = []

    def lose(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort()

    context.route("**/save/", lose)
    type_into_line(tab, page, 1, "saved, but nobody heard of it")
    tab.keyboard.press("Enter")
    expect(tab.locator('[data-notice="trouble"]')).to_contain_text("No connection")
    saved(tab)  # by itself, a second later
    expect(tab.get_by_test_id("conflict")).to_be_hidden()
    assert lost == [200]
    assert text_at(page, 1) == "saved, but nobody heard of it"
    assert line_at(page, 1).revisions.count() == 2


def test_a_session_that_ended_is_begun_again_in_another_tab(sign_in: SignIn, page: Page, reviewer: User) -> None:
    reviewer.set_password("correct-horse")
    reviewer.save()
    context = sign_in(reviewer)
    tab = open_editor(context, page)
    Session.objects.all().delete()
    type_into_line(tab, page, 1, "typed after it ended")
    tab.keyboard.press("Control+ArrowDown")
    tab.locator(".line-field").fill("and more")
    notice = tab.locator('[data-notice="trouble"]')
    expect(notice).to_contain_text("You were signed out. What you type is kept on this computer.")
    with context.expect_page() as opened:
        notice.get_by_role("link", name="Sign in in a new tab").click()
    other = opened.value
    other.fill("#id_login", "reviewer")
    other.fill("#id_password", "correct-horse")
    other.keyboard.press("Enter")
    other.wait_for_url("**/review/pages/**")
    other.close()
    try_now(tab)
    saved(tab)
    assert [text_at(page, 1), text_at(page, 2)] == ["typed after it ended", "and more"]


def test_a_lease_that_is_lost_while_typing_keeps_the_text_and_asks_which_one_counts(
    sign_in: SignIn, page: Page, reviewer: User
) -> None:
    tab = open_with_clock(sign_in(reviewer), page)
    colleague = create_reviewer(page.collection, username="colleague")
    type_into_line(tab, page, 1, "in the middle of a")
    Claim.objects.update(lease_until=Now() - timedelta(seconds=1))
    claim_page(page=page, reviewer=colleague)
    correct_line(line=line_at(page, 1), text="theirs", base_revision=1, decisions=[], reviewer=colleague)
    tab.clock.fast_forward(61_000)  # the heartbeat
    expect(tab.locator('[data-notice="held"]')).to_contain_text(
        "colleague is on this page. Your text is kept here; nothing was overwritten."
    )
    row = tab.locator(f'[data-line="{line_at(page, 1).pk}"]')
    expect(row).to_contain_text("in the middle of a")
    expect(row).to_contain_text("not saved")
    approve(page=page, reviewer=colleague, mode=Approval.Mode.WHOLE_PAGE, active_seconds=1)
    tab.get_by_role("button", name="Try again").click()
    dialog = tab.get_by_test_id("conflict")
    expect(dialog.locator("#conflict-mine")).to_have_text("in the middle of a")
    expect(dialog.locator("#conflict-theirs")).to_have_text("theirs")
    assert text_at(page, 1) == "theirs"
    tab.click("#take-theirs")
    saved(tab)
    assert text_at(page, 1) == "theirs"


@contextmanager
def locked(page: Page) -> Iterator[None]:
    """Hold the page's row from another connection, so that whoever saves a line of it waits."""
    taken, free = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Page.objects.select_for_update().get(pk=page.pk)
            taken.set()
            free.wait(timeout=30)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(timeout=10)
    try:
        yield
    finally:
        free.set()
        holder.join(timeout=10)


def somebody_waits(patience: float = 10.0) -> bool:
    end = time.monotonic() + patience
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return True
            time.sleep(0.05)
    return False


def test_a_server_that_is_killed_in_the_middle_of_saving_loses_nothing(
    browser: Browser, process_environment: dict[str, str], page: Page, reviewer: User
) -> None:
    server = WebProcess(process_environment)
    context = browser.new_context(base_url=server.url, viewport={"width": 1440, "height": 860})
    client = Client()
    client.force_login(reviewer)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server.url}])
    try:
        server.start()
        tab = open_editor(context, page)
        expect(tab.locator("body[data-held=true]")).to_be_attached()
        with locked(page):
            type_into_line(tab, page, 1, "being saved when the power went")
            tab.keyboard.press("Enter")
            assert somebody_waits()
            server.kill()
        expect(tab.locator('[data-notice="trouble"]')).to_contain_text("No connection to the server.")
        type_into_line(tab, page, 4, "typed while it was away")
        tab.keyboard.press("Enter")
        unsaved(tab, 2)
        server.start()
        try_now(tab)
        saved(tab)
        assert [text_at(page, 1), text_at(page, 4)] == ["being saved when the power went", "typed while it was away"]
        assert line_at(page, 1).revisions.count() == 2
        tab.goto("about:blank")
    finally:
        context.close()
        server.kill()
