"""The screen of a collection while machines work."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import BrowserContext, expect

from tests.factories import create_collection, create_page, create_user, create_work
from transcription.models import Page, PageState, Work


@pytest.mark.django_db(transaction=True)
def test_the_end_of_the_machines_work_is_seen_without_a_reload(sign_in: Callable[..., BrowserContext]) -> None:
    user = create_user()
    collection = create_collection(owner=user)
    create_page(collection=collection, state=PageState.PREPARED)
    create_work(collection=collection)
    tab = sign_in(user).new_page()
    tab.goto(reverse("transcription:collection", args=[collection.pk]))
    expect(tab.locator("[data-announce]")).to_have_text("0 of 1 pages read")
    expect(tab.locator("#review")).to_have_count(0)
    Page.objects.update(state=PageState.IN_REVIEW)
    Work.objects.all().delete()
    expect(tab.locator("#review")).to_be_visible()
    expect(tab.locator("#review-count")).to_contain_text("1")
    expect(tab.locator("[data-announce]")).to_have_text("1 of 1 pages read", timeout=1000)
    expect(tab.locator(".page-state")).to_contain_text("in review")
