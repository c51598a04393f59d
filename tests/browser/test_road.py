"""The whole road in a real browser: `manage.py run`, upload, reading by real workers, review by keys, export."""

from __future__ import annotations

import io
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from lxml import etree
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from project import services
from transcription.engines.registry import WEIGHTS
from transcription.training.sample import render_sample

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT.parent / "shared" / "schemas" / "page-2019-07-15.xsd"
CHOSEN = ("letter_1794_p1.jpg", "lettre_1871.jpg", "account_1825.png", "diary_1877.pdf", "carnet_1853.tif")
PAGES_OF_CHOSEN = 9
PEOPLE = """
from django.contrib.auth.models import User
User.objects.create_superuser("ada", password="ada-password")
for name in ("sam", "rosa"): User.objects.create_user(name, password=name + "-password")
"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not (WEIGHTS / "starter.safetensors").exists(), reason="the starter's weights are not here"),
]


@dataclass(slots=True)
class Longhand:
    """A running installation: its address and its data folder."""

    url: str
    data: Path

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(services.addresses(self.data / "services").database_url) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]


@pytest.fixture
def longhand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Longhand]:
    data = tmp_path_factory.mktemp("road")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LONGHAND_")}
    environment |= {"LONGHAND_DATA": str(data), "LONGHAND_PORT": str(port), "LONGHAND_DEMO": "false"}
    environment |= {"DATABASE_URL": "", "REDIS_URL": "", "LONGHAND_MAX_FILE_MB": "3"}
    services.start(data / "services")
    for command in (["migrate"], ["shell", "-c", PEOPLE]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True)
    log = (data / "run.log").open("wb")
    process = subprocess.Popen([sys.executable, "manage.py", "run"], cwd=ROOT, env=environment, stdout=log, stderr=log)
    until = time.monotonic() + 90
    while "ready after" not in (data / "run.log").read_text():
        assert process.poll() is None, (data / "run.log").read_text()
        assert time.monotonic() < until, (data / "run.log").read_text()
        time.sleep(0.2)
    yield Longhand(f"http://127.0.0.1:{port}", data)
    process.send_signal(signal.SIGTERM)
    process.wait(120)
    log.close()


def picture(tab: Page, name: str) -> None:
    """A screenshot, where somebody wants to look at them."""
    if folder := os.environ.get("SCREENSHOTS"):
        tab.screenshot(path=f"{folder}/{name}.png")


def log_in(browser: Browser, longhand: Longhand, name: str) -> Page:
    tab = browser.new_context(base_url=longhand.url, viewport={"width": 1440, "height": 900}).new_page()
    tab.set_default_timeout(15_000)
    tab.goto("/")
    picture(tab, "login")
    tab.fill("input[name=login]", name)
    tab.fill("input[name=password]", f"{name}-password")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"{longhand.url}/")
    return tab


def bad_files(folder: Path, good: Path) -> dict[str, str]:
    """Files that must be refused, each with a part of the sentence that says why."""
    folder.mkdir()

    def write(name: str, data: bytes) -> str:
        (folder / name).write_bytes(data)
        return name

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    whole = good.read_bytes()
    png, tiff = io.BytesIO(), io.BytesIO()
    Image.effect_noise((600, 400), 40).save(png, "PNG")
    Image.effect_noise((600, 400), 40).save(tiff, "TIFF")
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0" * 1000)) + chunk(b"IEND", b"")
    )
    no_pages = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    no_pages += b"trailer<</Root 1 0 R/Size 3>>\n%%EOF\n"
    encrypted = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    encrypted += b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    encrypted += b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\n"
    encrypted += b"4 0 obj<</Filter/Standard/V 1/R 2/P -4/O<" + b"28" * 32 + b">/U<" + b"28" * 32 + b">>>endobj\n"
    encrypted += b"trailer<</Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]/Size 5>>\n%%EOF\n"
    return {
        write("empty.jpg", b""): "empty",
        write("letter to the editor.jpg", b"Dear Sir,\nthis is no picture.\n" * 40): "text",
        write("cut.jpg", whole[: len(whole) // 3]): "damaged",
        write("cut.png", png.getvalue()[:9000]): "damaged",
        write("cut.tif", tiff.getvalue()[:90_000]): "damaged",
        write("nothing.pdf", no_pages): "page",
        write("locked.pdf", encrypted): "password",
        write("bomb.png", bomb): "60",
        write("huge.jpg", whole + b"\0" * (3 * 2**20)): "3 MB",
    }


def test_from_scans_to_corrected_text(browser: Browser, longhand: Longhand, tmp_path: Path) -> None:
    render_sample(tmp_path / "scans", seed=11)
    scans = [tmp_path / "scans" / name for name in CHOSEN]
    copy = tmp_path / "scans" / "letter_1794_p1 (copy).jpg"
    bad = bad_files(tmp_path / "bad", scans[0])
    hostile = tmp_path / "bad" / "a..%2f..\x07évêque <b>.jpg"
    Image.new("L", (300, 200), 240).save(hostile, "JPEG")

    ada = log_in(browser, longhand, "ada")
    collection = make_collection(ada)
    sam = log_in(browser, longhand, "sam")
    upload(sam, collection, [*scans, copy, *(tmp_path / "bad" / name for name in bad), hostile], bad)
    wait_until_read(sam, longhand, collection)

    rosa = log_in(browser, longhand, "rosa")
    page_id, typed, taken = correct_worst_page(rosa, longhand)
    picture(rosa, "next-page")
    xml = export(ada, collection, longhand, page_id)
    assert typed in xml
    assert taken in xml
    ada.goto("/reports/")
    expect(ada.locator("canvas").first).to_be_visible()
    picture(ada, "reports")
    assert longhand.rows("SELECT count(*) FROM transcription_work WHERE state IN ('queued', 'running')") == [(0,)]


def make_collection(tab: Page) -> str:
    tab.goto("/collections/new/")
    tab.fill("input[name=title]", "Parish chest")
    tab.fill("textarea[name=guidelines]", "Keep the spelling.")
    tab.fill("input[name=threshold]", "1")  # drawn pages are read well; here a person is to see them all
    tab.get_by_role("button", name="Create and upload scans").click()
    tab.wait_for_url("**/upload/")
    path = re.search(r"/collections/\d+/", tab.url)
    assert path is not None
    for name, role in (("sam", "staff"), ("rosa", "reviewer")):
        tab.goto(f"{path[0]}members/")
        tab.fill(".member-add input[name=username]", name)
        tab.select_option(".member-add select[name=role]", role)
        tab.locator(".member-add button").click()
        expect(tab.get_by_role("row", name=re.compile(name))).to_be_visible()
    picture(tab, "settings")
    return path[0]


def upload(tab: Page, collection: str, files: list[Path], bad: dict[str, str]) -> None:
    tab.goto(f"{collection}upload/")
    picture(tab, "upload-empty")
    tab.set_input_files("[data-input=files]", files)
    # Refused at the door, or found out when the file is opened: either way in its own words on this screen.
    problems = tab.locator(".problems li")
    for name, part in bad.items():
        problem = problems.filter(has_text=name)
        expect(problem.first).to_contain_text(part, ignore_case=True, timeout=90_000)
    expect(problems.filter(has_text="(copy).jpg").first).to_contain_text("Same scan")
    picture(tab, "upload-problems")
    tab.goto(collection)
    picture(tab, "collection-working")


def wait_until_read(tab: Page, longhand: Longhand, collection: str) -> None:
    finished = "SELECT count(*) FROM transcription_page WHERE state IN ('accepted', 'in_review')"
    until = time.monotonic() + 240
    while longhand.rows(finished) != [(PAGES_OF_CHOSEN + 1,)]:
        assert time.monotonic() < until, longhand.rows("SELECT state, count(*) FROM transcription_page GROUP BY 1")
        time.sleep(0.5)
    tab.goto(collection)
    expect(tab.get_by_text("Needs attention")).to_be_visible()
    picture(tab, "collection-read")


def correct_worst_page(tab: Page, longhand: Longhand) -> tuple[int, str, str]:
    """Take an alternative and type a line by keys, approve; returns the page and both texts."""
    tab.goto("/review/")
    picture(tab, "queue")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/review/pages/*/**")
    expect(tab.locator("body[data-ready]")).to_be_attached()
    picture(tab, "editor")
    page_id = int(re.search(r"pages/(\d+)", tab.url)[1])  # type: ignore[index]
    worst = "SELECT id FROM transcription_page WHERE state = 'in_review' ORDER BY confidence, id LIMIT 1"
    assert longhand.rows(worst) == [(page_id,)]
    # Words with nothing to choose are passed over. Read at one stroke: the list is drawn anew with every key.
    for _ in range(60):
        if any(choice.lstrip().startswith("1") for choice in tab.locator(".choice").all_inner_texts()):
            break
        tab.keyboard.press("n")
    tab.keyboard.press("1")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("e")
    typed = "Seen and written by Rosa herself"
    tab.locator(".line-field").fill(typed)
    tab.keyboard.press("Enter")
    expect(tab.get_by_test_id("saving")).to_contain_text("Saved")
    picture(tab, "editor-corrected")
    texts: list[str] = []
    until = time.monotonic() + 15
    while len(texts) < 2 and time.monotonic() < until:  # each line is saved as it is left
        texts = texts_by_people(longhand, page_id)
        time.sleep(0.1)
    assert typed in texts
    assert len(texts) == 2, texts
    tab.keyboard.press("Control+Enter")
    expect(tab.locator("#approve-left")).to_contain_text("unsure words have not been settled")
    picture(tab, "approve")
    tab.keyboard.press("Enter")
    tab.wait_for_url(lambda url: f"/pages/{page_id}/" not in url)
    assert longhand.rows(f"SELECT state FROM transcription_page WHERE id = {page_id}") == [("reviewed",)]
    return page_id, typed, next(text for text in texts if text != typed)


def texts_by_people(longhand: Longhand, page_id: int) -> list[str]:
    revisions = "SELECT r.text FROM transcription_transcriptrevision r JOIN transcription_line l ON l.id = r.line_id"
    return [str(row[0]) for row in longhand.rows(f"{revisions} WHERE r.source = 'person' AND l.page_id = {page_id}")]


def export(tab: Page, collection: str, longhand: Longhand, page_id: int) -> str:
    """The corrected page's PAGE XML, as downloaded; every file of the export is valid where the schema is at hand."""
    tab.goto(f"{collection}exports/")
    tab.get_by_role("button", name="Export").click()
    link = tab.get_by_role("link", name="Download")
    expect(link).to_be_visible(timeout=30_000)
    picture(tab, "exports")
    with tab.expect_download() as download:
        link.click()
    [(name, position)] = longhand.rows(
        "SELECT d.title, p.position FROM transcription_page p JOIN transcription_document d ON d.id = p.document_id "
        f"WHERE p.id = {page_id}"
    )
    schema = etree.XMLSchema(etree.parse(SCHEMA)) if SCHEMA.exists() else None
    found = ""
    with zipfile.ZipFile(download.value.path()) as archive:
        assert len(archive.namelist()) == PAGES_OF_CHOSEN + 1
        for entry in archive.namelist():
            data = archive.read(entry)
            if schema is not None:
                schema.assertValid(etree.fromstring(data))
            folder, _, file = entry.partition("/")
            if file.startswith(f"{position:04}_") and re.sub(r"[\W_]", "", folder) == re.sub(r"[\W_]", "", str(name)):
                found = data.decode()
    assert found, f"{name} p. {position} is not in the export"
    return found
