"""Transcripts go up, what fits no page is said, the lines take their text, and what found no place is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import transaction
from playwright.sync_api import BrowserContext, expect
from playwright.sync_api import Page as Tab
from pytest_django.live_server_helper import LiveServer

from tests.factories import create_user
from tests.steps.journey import TEXTS, prepared_page, work_until_nothing_is_due
from transcription.models import Line, PageState, Source

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SignIn = Callable[..., BrowserContext]


def violations(tab: Tab) -> list[str]:
    found = Axe().run(tab).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_transcript_is_brought_placed_and_its_rest_shown(
    sign_in: SignIn, live_server: LiveServer, media_root: Path, tmp_path: Path, theme: str
) -> None:
    with transaction.atomic():
        page = prepared_page(media_root)
    work_until_nothing_is_due()
    files = []
    for name, text in (("p.txt", "\n".join([*TEXTS, "Witness my hand this fourth day"])), ("q.txt", "nobody's")):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        files.append(file)
    tab = sign_in(create_user(superuser=True), color_scheme=theme).new_page()
    tab.goto(f"/collections/{page.collection_id}/")
    tab.get_by_role("link", name="Add transcripts").click()
    assert violations(tab) == []
    tab.get_by_label("Text, PAGE or ALTO files").set_input_files(files)
    tab.get_by_role("button", name="Add").click()
    report = tab.locator(".list-report")
    expect(report).to_contain_text("1 transcript added")
    expect(report).to_contain_text("No scan is called “q”")
    expect(tab.locator("tbody")).to_contain_text("is being placed")
    assert violations(tab) == []
    work_until_nothing_is_due()
    tab.reload()
    expect(tab.locator("tbody")).to_contain_text("3 of 4 lines placed")
    tab.get_by_role("link", name="1 not").click()
    shown = tab.locator("#unplaced")
    expect(shown).to_contain_text("1 of 4 lines of the transcript p.txt found no place")
    expect(shown.locator("li")).to_have_text("Witness my hand this fourth day")
    expect(tab.locator("ol.transcript p").nth(1)).to_have_text(TEXTS[1])
    assert violations(tab) == []
    page.refresh_from_db()
    assert page.state == PageState.IN_REVIEW
    expect(tab.get_by_role("heading", level=1)).to_be_in_viewport()
    tab.get_by_role("link", name="Review", exact=True).last.click()
    expect(tab.locator("body[data-ready]")).to_be_attached()
    expect(tab.locator("#unplaced")).to_contain_text("Witness my hand this fourth day")
    assert violations(tab) == []
    tab.locator("#approve").click()
    expect(tab.locator("#approve-dialog")).to_contain_text("1 line of the transcript that was brought has no place")
    tab.keyboard.press("Escape")
    use = tab.get_by_role("button", name="Use on this line: Witness my hand this fourth day")
    use.focus()
    tab.keyboard.press("Enter")
    expect(tab.get_by_test_id("saving")).to_have_attribute("data-state", "saved")
    expect(tab.locator("#unplaced li")).to_have_count(1)
    expect(tab.locator("#unplaced .unplaced-text")).to_have_text(TEXTS[0])  # what stood on the line
    line = Line.objects.filter(page=page).select_related("current").earliest("pk")
    assert line.current is not None
    assert (line.current.text, line.current.source) == ("Witness my hand this fourth day", Source.PERSON)
    assert violations(tab) == []
    tab.goto(f"/collections/{page.collection_id}/transcripts/")
    tab.get_by_role("button", name="Remove p.txt").click()
    assert violations(tab) == []
    tab.get_by_role("button", name="Remove", exact=True).click()
    expect(tab.locator("tbody")).to_contain_text("removed; kept, not used")


def test_more_files_than_one_request_takes_are_sent_in_parts(
    sign_in: SignIn, live_server: LiveServer, media_root: Path, tmp_path: Path
) -> None:
    with transaction.atomic():
        page = prepared_page(media_root)
    files = []
    for number in range(230):
        file = tmp_path / f"x{number}.txt"
        file.write_text("text", encoding="utf-8")
        files.append(file)
    (tmp_path / "p.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    tab = sign_in(create_user(superuser=True)).new_page()
    tab.goto(f"/collections/{page.collection_id}/transcripts/")
    tab.get_by_label("Text, PAGE or ALTO files").set_input_files([*files, tmp_path / "p.txt"])
    tab.get_by_role("button", name="Add").click()
    expect(tab.locator(".list-report")).to_contain_text("230 files left out")
    expect(tab.locator(".list-report")).to_contain_text("1 transcript added")
    expect(tab.locator(".list-report")).to_contain_text("and 30 more")
