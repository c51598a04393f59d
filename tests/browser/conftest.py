"""A real Chromium against a real server. Skipped where there is no Chromium."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from pytest_django.live_server_helper import LiveServer

# Playwright's synchronous API keeps an event loop in this thread; the ORM is used beside it, never inside it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="package")  # its event loop ends with these tests
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def sign_in(browser: Browser, live_server: LiveServer) -> Iterator[Callable[..., BrowserContext]]:
    """``sign_in(user, **options)``: a browser of their own for a user; its tabs share cookies and storage."""
    contexts: list[BrowserContext] = []

    def make(user: User, **options: str) -> BrowserContext:
        context = browser.new_context(base_url=live_server.url, viewport={"width": 1440, "height": 860}, **options)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(10_000)
        client = Client()
        client.force_login(user)
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
        return context

    in_flight = Counter[str]()

    def started(**_: object) -> None:
        in_flight["requests"] += 1

    def finished(**_: object) -> None:
        in_flight["requests"] -= 1

    request_started.connect(started)
    request_finished.connect(finished)
    yield make
    for context in contexts:
        for tab in context.pages:
            tab.goto("about:blank")  # sends what a page sends as it is left
        context.close()
    # The server still works on the last tiles and beacons; emptying the tables under them would be a deadlock.
    quiet, end = 0, time.monotonic() + 10
    while quiet < 5 and time.monotonic() < end:
        time.sleep(0.05)
        quiet = quiet + 1 if in_flight["requests"] <= 0 else 0
    request_started.disconnect(started)
    request_finished.disconnect(finished)
