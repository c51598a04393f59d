"""Text that lost its line, in the editor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import transaction
from playwright.sync_api import BrowserContext, expect
from pytest_django.live_server_helper import LiveServer

from tests.factories import create_revision, create_user
from tests.steps.journey import prepared_page, work_until_nothing_is_due
from transcription.models import DisplacedText, Line, PageState, Source

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_text_that_lost_its_line_is_used_on_one_or_dismissed(
    sign_in: Callable[..., BrowserContext], live_server: LiveServer, media_root: Path
) -> None:
    with transaction.atomic():
        page = prepared_page(media_root)
    work_until_nothing_is_due()
    page.refresh_from_db()
    page.state = PageState.IN_REVIEW
    page.save()
    for text in ("Witness my hand", "this fourth day"):
        gone = Line.objects.create(page=page)
        written = create_revision(line=gone, text=text, author=create_user())
        DisplacedText.objects.create(page=page, layout=page.layout, line=gone, revision=written)
    tab = sign_in(create_user(superuser=True)).new_page()
    tab.goto(f"/review/pages/{page.pk}/")
    expect(tab.locator("body[data-ready]")).to_be_attached()
    expect(tab.locator("#displaced li")).to_have_count(2)
    assert Axe().run(tab).response["violations"] == []
    tab.get_by_role("button", name="Use on this line: Witness my hand").click()
    expect(tab.locator("#displaced li")).to_have_count(1)
    used = DisplacedText.objects.get(outcome="used")
    assert used.used_on is not None
    assert used.used_on.current is not None
    assert (used.used_on.current.text, used.used_on.current.source) == ("Witness my hand", Source.PERSON)
    tab.locator("#approve").click()
    expect(tab.locator("#approve-dialog")).to_contain_text("1 text that lost its line is neither used nor dismissed")
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Dismiss: this fourth day").click()
    expect(tab.locator("#displaced")).to_have_count(0)
    assert not DisplacedText.objects.unsettled().exists()
