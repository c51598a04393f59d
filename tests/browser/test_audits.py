"""A blind check from the first line to the verdict: one person types, another says who is right, both by keys alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, expect
from pytest_django.live_server_helper import LiveServer

from tests.review.test_audits import create_audited_page
from tests.review.written_page import create_reviewer
from transcription.models import Audit, AuditLine

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SignIn = Callable[..., BrowserContext]


def test_one_person_types_blind_and_another_says_who_is_right(live_server: LiveServer, sign_in: SignIn) -> None:
    page = create_audited_page()
    typist, judge = create_reviewer(page.collection), create_reviewer(page.collection, username="judge")
    lines = list(AuditLine.objects.order_by("position"))
    assert len(lines) >= 2

    tab = sign_in(typist).new_page()
    tab.goto("/review/audits/")
    tab.keyboard.press("Enter")  # the button that starts has the focus
    for number, line in enumerate(lines):
        tab.wait_for_url(f"**/review/audits/lines/{line.pk}/")
        image = tab.locator(".audit-image img")
        expect(image).to_be_visible()
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
        assert line.text not in tab.content()
        if number == 0:
            assert Axe().run(tab).violations_count == 0
        tab.keyboard.type("a slip" if number == 0 else line.text)  # the field has the focus
        tab.keyboard.press("Enter")
    tab.wait_for_url("**/review/audits/")
    expect(tab.get_by_text("No line waits for you.")).to_be_visible()

    tab = sign_in(judge).new_page()
    tab.goto("/review/audits/")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**/review/audits/lines/{lines[0].pk}/")
    expect(tab.locator("body[data-ready]")).to_be_attached()
    assert Axe().run(tab).violations_count == 0
    expect(tab.locator(".audit-version")).to_have_count(2)
    shown = tab.locator(".audit-version .choice-text").all_inner_texts()
    tab.keyboard.press(str(1 + [text.strip() for text in shown].index(lines[0].text)))
    tab.wait_for_url("**/review/audits/")

    settled = AuditLine.objects.get(pk=lines[0].pk)
    assert (settled.verdict, settled.edits, settled.judge) == (AuditLine.Verdict.TEXT, 0, judge)
    assert Audit.objects.get().state == Audit.State.SETTLED
    assert {line.verdict for line in AuditLine.objects.exclude(pk=settled.pk)} == {AuditLine.Verdict.SAME}
