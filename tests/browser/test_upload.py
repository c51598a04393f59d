"""The uploader in a real browser: many files at once, a figure for all, a sentence for each problem."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.factories import create_collection, create_document, create_original, create_page, create_user
from transcription.models import Collection, Original

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def png(shade: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (300, 300), shade).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def collection() -> Collection:
    return create_collection(owner=create_user(username="uploader"))


@pytest.fixture
def tab(collection: Collection, sign_in: Callable[..., BrowserContext]) -> Page:
    """The upload screen of ``collection``."""
    membership = collection.memberships.select_related("user").get()
    page = sign_in(membership.user).new_page()
    page.goto(f"/collections/{collection.pk}/upload/")
    return page


@pytest.fixture
def scans(tmp_path: Path) -> list[Path]:
    """Six good scans."""
    files = [tmp_path / f"scan {number}.png" for number in range(6)]
    for number, file in enumerate(files):
        file.write_bytes(png(number * 20))
    return files


def test_bad_files_are_named_and_the_good_ones_go_on(
    tab: Page, collection: Collection, scans: list[Path], tmp_path: Path
) -> None:
    bad = {"empty.jpg": b"", "letter.jpg": b"Dear Sir, this is no picture.\n" * 20, "twin.png": png(20)}
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
    tab.set_input_files("[data-input=files]", scans)
    expect(tab.locator("strong[data-headline]")).to_contain_text("All sent: 6 of")
    tab.set_input_files("[data-input=files]", [tmp_path / name for name in bad])
    expect(tab.locator("[data-problems] li")).to_have_count(3)
    assert Original.objects.filter(collection=collection).count() == 6
    assert "/uploads/" in tab.url  # loading it again shows this upload

    twin = tab.locator("[data-problems] li").filter(has_text="twin.png")
    expect(twin).to_contain_text("scan 1.png")
    twin.get_by_role("button", name="Keep both").click()
    for name in ("empty.jpg", "letter.jpg"):
        row = tab.locator("[data-problems] li").filter(has_text=name)
        expect(row.get_by_role("button", name="Keep both")).to_be_hidden()
        row.get_by_role("button", name="Skip").click()
    expect(tab.locator("strong[data-headline]")).to_contain_text("All sent: 7 of")
    assert Original.objects.filter(collection=collection).count() == 7
    # While files are sent, what became of them is asked for every ten seconds only.
    expect(tab.locator("[data-opening]")).to_contain_text("7 files received", timeout=15_000)


def test_a_connection_that_fails_is_tried_again_by_itself(tab: Page, collection: Collection, scans: list[Path]) -> None:
    failed: list[str] = []

    def drop_first(route: Route) -> None:
        if not failed:
            failed.append(route.request.url)
            route.abort("connectionreset")
        else:
            route.continue_()

    tab.route("**/files/", drop_first)
    tab.set_input_files("[data-input=files]", scans[:2])
    expect(tab.locator("strong[data-headline]")).to_contain_text("All sent: 2 of")
    assert failed
    assert Original.objects.filter(collection=collection).count() == 2


def test_choosing_the_same_files_again_stores_nothing_twice(
    tab: Page, collection: Collection, scans: list[Path]
) -> None:
    tab.set_input_files("[data-input=files]", scans)
    expect(tab.locator("strong[data-headline]")).to_contain_text("All sent: 6 of")
    tab.goto(f"/collections/{collection.pk}/upload/")
    tab.set_input_files("[data-input=files]", scans)
    expect(tab.locator("p[data-figures]")).to_contain_text("6 were here already")
    expect(tab.locator("[data-problems] li")).to_have_count(0)
    assert Original.objects.filter(collection=collection).count() == 6


def test_who_was_logged_out_is_told_and_loses_no_file(tab: Page, collection: Collection, scans: list[Path]) -> None:
    tab.set_input_files("[data-input=files]", scans[:1])
    expect(tab.locator("strong[data-headline]")).to_contain_text("All sent: 1 of")
    tab.context.clear_cookies(name="sessionid")
    tab.set_input_files("[data-input=files]", scans[1:2])
    notice = tab.locator("[data-notice]")
    expect(notice).to_contain_text("You were logged out")
    other = tab.context.new_page()
    other.goto("/accounts/login/")
    other.fill("#id_login", "uploader")
    other.fill("#id_password", "correct-horse")
    other.keyboard.press("Enter")
    expect(other.locator(".site-nav")).to_be_visible()
    notice.get_by_role("button", name="Go on").click()
    expect(tab.locator("strong[data-headline]")).to_contain_text("All sent: 2 of")
    assert Original.objects.filter(collection=collection).count() == 2


def test_two_scans_of_one_place_are_asked_about_once_for_all(tab: Page, collection: Collection, tmp_path: Path) -> None:
    folder = tmp_path / "Register"
    folder.mkdir()
    for number in range(1, 4):
        (folder / f"page{number}.png").write_bytes(png(number * 20))
    tab.set_input_files("[data-input=folder]", folder)
    expect(tab.locator("strong[data-headline]")).to_contain_text("All sent: 3 of")
    for number in range(1, 4):
        (folder / f"page{number}.png").write_bytes(png(number * 20 + 5))
    (folder / "notes.docx").write_bytes(b"PK")
    tab.goto(f"/collections/{collection.pk}/upload/")
    tab.set_input_files("[data-input=folder]", folder)
    rows = tab.locator("[data-problems] li")
    expect(rows).to_have_count(4)
    expect(rows.filter(has_text="notes.docx").get_by_role("button", name="Retry")).to_be_hidden()
    expect(rows.filter(has_text="page2.png")).to_contain_text("holds another scan of this name")
    tab.reload()  # what was sent waits for its decision, whatever becomes of the tab
    expect(rows).to_have_count(3)
    rows.filter(has_text="page1.png").get_by_role("button", name="Skip").click()
    expect(rows).to_have_count(2)
    tab.get_by_role("button", name="Replace all scans").click()
    expect(rows).to_have_count(0)
    replaced = Original.objects.filter(replaces__isnull=False).order_by("name")
    assert [each.name for each in replaced] == ["page2.png", "page3.png"]
    assert {each.document.title for each in Original.objects.all()} == {"Register"}


def test_pages_are_put_in_order_with_the_keyboard(
    sign_in: Callable[..., BrowserContext], collection: Collection
) -> None:
    document = create_document(collection=collection)
    for name in ("1.png", "2.png", "3.png"):
        create_page(document=document, original=create_original(document=document, name=name))
    tab = sign_in(collection.memberships.select_related("user").get().user).new_page()
    tab.goto(f"/documents/{document.pk}/order/")
    labels = tab.locator("[data-order] [data-label]")
    tab.get_by_role("button", name="Move 3 up").focus()
    tab.keyboard.press("Enter")
    expect(labels).to_have_text(["1", "3", "2"])
    tab.keyboard.press("Enter")  # the button keeps the focus as its row moves
    expect(labels).to_have_text(["3", "1", "2"])
    expect(tab.get_by_role("status")).to_contain_text("3 is now page 1 of 3.")
    expect(tab.get_by_role("button", name="Move 3 down")).to_be_focused()
    place = tab.get_by_label("Place of 3")
    place.fill("99")
    place.press("Enter")
    expect(labels).to_have_text(["1", "2", "3"])
    tab.get_by_role("button", name="Order by file name").click()
    expect(tab.get_by_role("button", name="Order by file name")).to_be_hidden()
    document.refresh_from_db()
    assert document.ordered_through is None
