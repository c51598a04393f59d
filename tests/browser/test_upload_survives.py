"""A folder of sixty scans from a real browser to the real web process, both of which are killed on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.fixtures import Settings

from tests.factories import create_collection, create_user
from tests.web_process import WebProcess, session_of
from transcription.management.upload_benchmark import check, draw_files, survive
from transcription.models import Collection, IncomingFile, IncomingState, Original
from transcription.steps.invariants import violations

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FILES = 60


@pytest.fixture
def web(process_environment: dict[str, str], settings: Settings) -> Iterator[WebProcess]:
    settings.DATA = Path(process_environment["LONGHAND_DATA"])
    process = WebProcess(process_environment)
    process.start()
    yield process
    process.kill()


def test_what_a_killed_browser_and_a_killed_server_left_is_completed_by_choosing_the_folder_again(
    web: WebProcess, browser: Browser, tmp_path: Path
) -> None:
    scans = tmp_path / "scans"
    draw_files(scans, files=FILES, kilobytes=40)
    owner = create_user(username="uploader")
    collection = create_collection(owner=owner)
    cookie = {"name": "sessionid", "value": session_of(owner), "url": web.url}
    contexts: list[BrowserContext] = []

    def new_tab() -> Page:
        contexts.append(browser.new_context(base_url=web.url))
        contexts[-1].add_cookies([cookie])  # type: ignore[list-item]
        return contexts[-1].new_page()

    def restart_server() -> None:
        web.kill()
        web.start()

    told = survive(
        new_tab=new_tab,
        kill_browser=lambda: contexts[0].close(),
        restart_server=restart_server,
        stored=Original.objects.count,
        collection=collection.pk,
        folder=scans,
        files=FILES,
    )
    contexts[-1].close()
    assert FILES / 3 <= told["told_here_already"] < FILES, "what was here was not sent again"
    found = check(Collection.objects.get(), scans)
    assert (found["originals"], found["all_there_with_equal_hashes"], found["in_order"]) == (FILES, True, True)
    assert not IncomingFile.objects.filter(state=IncomingState.UNDECIDED).exists()
    assert not violations()
