"""A word list goes up, its faults are said, words are found and deleted; the editor offers them on its keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, expect
from playwright.sync_api import Page as Tab
from pytest_django.live_server_helper import LiveServer

from review.models import WordDecision
from tests.factories import create_collection, create_user
from tests.review.written_page import create_reviewer, create_written_page
from transcription.models import Collection, Term
from transcription.steps.vote import VOCABULARY

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SignIn = Callable[..., BrowserContext]
LIST = "term,kind,note\nWhitcombe,place,\nSmith,name,rector\nbell\x07,term,\nŒuvre,term,\n---,name,\nSmith,name,\n"


@pytest.fixture
def collection(live_server: LiveServer) -> Collection:
    return create_collection(title="Vestry minutes")


def violations(tab: Tab) -> list[str]:
    found = Axe().run(tab).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_list_is_uploaded_its_faults_are_said_and_a_word_is_found_as_one_types(
    sign_in: SignIn, collection: Collection, tmp_path: Path, theme: str
) -> None:
    file = tmp_path / "whitcombe.csv"
    file.write_text(LIST, encoding="utf-8")
    tab = sign_in(create_user(superuser=True), color_scheme=theme).new_page()
    tab.goto(f"/collections/{collection.pk}/settings/")
    tab.get_by_role("link", name="Vocabulary").click()
    expect(tab.locator("#terms")).to_contain_text("No words yet")
    assert violations(tab) == []
    tab.get_by_label("Text or CSV file").set_input_files(file)
    tab.get_by_role("button", name="Upload").click()
    report = tab.locator(".list-report")
    expect(report).to_contain_text("3 words added")
    expect(report).to_contain_text("2 lines left out")
    expect(report.locator("li")).to_have_count(2)
    expect(report.locator("li").first).to_contain_text("line 4")
    assert violations(tab) == []
    tab.keyboard.press("/")
    tab.keyboard.type("oeu")
    expect(tab.locator("#terms tbody th")).to_have_text(["Œuvre"])
    expect(tab).to_have_url(f"/collections/{collection.pk}/vocabulary/?q=oeu")
    tab.reload()
    expect(tab.locator("#terms tbody th")).to_have_text(["Œuvre"])
    expect(tab.locator(".list-report")).to_have_count(0)
    tab.get_by_role("button", name="Remove Œuvre").click()
    expect(tab.locator("#terms")).to_contain_text("No word here contains “oeu”.")


def test_all_words_are_deleted_only_after_a_question(sign_in: SignIn, collection: Collection) -> None:
    tab = sign_in(create_user(superuser=True)).new_page()
    tab.goto(f"/collections/{collection.pk}/vocabulary/")
    tab.get_by_label("Word", exact=True).fill("Whitcombe")
    tab.get_by_role("button", name="Add", exact=True).click()
    expect(tab.locator(".messages")).to_contain_text("“Whitcombe” was added.")
    tab.get_by_role("button", name="Delete all…").click()
    assert violations(tab) == []
    tab.get_by_role("button", name="Keep them").click()
    assert Term.objects.present().count() == 1
    tab.get_by_role("button", name="Delete all…").click()
    tab.get_by_role("button", name="Delete all", exact=True).click()
    expect(tab.locator("#terms")).to_contain_text("No words yet")


def test_the_editor_says_that_nobody_read_a_suggestion_and_its_key_takes_it(
    sign_in: SignIn, live_server: LiveServer
) -> None:
    page = create_written_page(confidence=0.3)
    assert page.run is not None
    vote = page.run.votes.get(text__contains="Anne")
    word = next(each for each in vote.words if each["text"] == "Anne")
    word["alternatives"].append({"text": "Annie", "support": 0.0, "passes": [VOCABULARY]})
    vote.save()
    tab = sign_in(create_reviewer(page.collection)).new_page()
    tab.goto(f"/review/pages/{page.pk}/")
    expect(tab.locator("body[data-ready]")).to_be_attached()
    expect(tab.locator(".word-current")).to_have_text("Anne")
    suggestion = tab.locator(".choice", has_text="Annie")
    expect(suggestion.locator("kbd")).to_have_text("3")
    expect(suggestion).to_contain_text("in the vocabulary, not read")
    assert violations(tab) == []
    tab.keyboard.press("3")
    expect(tab.get_by_test_id("saving")).to_have_attribute("data-state", "saved")
    assert WordDecision.objects.values_list("before", "after", "kind").get() == ("Anne", "Annie", "alternative")
    line = vote.line
    line.refresh_from_db()
    assert line.current is not None
    assert "Annie" in line.current.text
