"""Uploading from a real browser beside the plain PUT of the same files, and through a killed browser and server.

A Longhand of its own, PostgreSQL included, in a folder that is removed afterwards; no worker runs, so that what is
measured is the door: screen, manifest, tus, disk and database. PUT stores each file by the same steps, four at a time
as the screen does, without manifest, without resuming. Both take turns, each first in every second round.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from PIL import Image

from project import processes, services
from project.rights import ServicesError
from transcription.errors import EngineFailure
from transcription.models import Collection, Document, Original, Page
from transcription.steps.arrange import arrange_pages
from transcription.steps.create import create_collection
from transcription.steps.files import local_path
from transcription.steps.incoming import title_of

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"
BAR = "<= 1.3"
FOLDERS = 4
KILLED_AT, RESTARTED_AT = 1 / 3, 2 / 3  # of the files
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

# Sends every file of an input by PUT, four at a time; returns milliseconds.
PUT_ALL = """async (url) => {
  const files = [...document.getElementById("plain").files];
  const token = document.cookie.match(/csrftoken=([^;]+)/)[1];
  const began = performance.now();
  const work = async () => {
    for (let file = files.shift(); file; file = files.shift()) {
      const headers = { "X-CSRFToken": token, "X-File-Path": encodeURIComponent(file.webkitRelativePath) };
      const answer = await fetch(url, { method: "PUT", headers, body: file });
      if (!answer.ok) throw new Error(await answer.text());
      await answer.json();
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  return performance.now() - began;
}"""
PLAIN_INPUT = """() => {
  const input = Object.assign(document.createElement("input"), { type: "file", multiple: true, webkitdirectory: true });
  input.id = "plain";
  document.body.append(input);
}"""


def draw_files(folder: Path, *, files: int, kilobytes: int) -> None:
    """Images of about this size, all different, in folders; their numbers have no leading zeros."""
    side = max(64, int((kilobytes * 1000 / 0.556) ** 0.5))
    stream = io.BytesIO()
    Image.effect_noise((side, side), 80).save(stream, "JPEG", quality=75)
    picture = stream.getvalue()
    for number in range(files):
        comment = f"file {number} of {files}".encode()
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        path = folder / f"Register {number % FOLDERS + 1}" / f"page{number // FOLDERS + 1}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture[:2] + segment + picture[2:])


def put_all(tab: Any, collection: int, folder: Path) -> float:
    """Seconds of the plain PUT of every file below ``folder``."""
    tab.goto(f"/collections/{collection}/upload/")
    tab.evaluate(PLAIN_INPUT)
    tab.set_input_files("#plain", folder)
    places = tab.evaluate(
        """async (url) => {
          const token = document.cookie.match(/csrftoken=([^;]+)/)[1];
          return (await fetch(url, { method: "POST", headers: { "X-CSRFToken": token } })).json();
        }""",
        f"/collections/{collection}/uploads/",
    )
    return float(tab.evaluate(PUT_ALL, places["files"])) / 1000


def choose(tab: Any, collection: int, folder: Path) -> None:
    """Choose ``folder`` on the upload screen."""
    tab.goto(f"/collections/{collection}/upload/")
    tab.set_input_files("[data-input=folder]", folder)


def send_all(tab: Any, collection: int, folder: Path, *, files: int) -> float:
    """Seconds of the upload screen from the choice to the word that all is here."""
    tab.goto(f"/collections/{collection}/upload/")
    tab.evaluate("""() => {
      const input = document.querySelector("[data-input=folder]");
      input.addEventListener("change", () => { window.began = performance.now(); }, { capture: true });
      const headline = document.querySelector("strong[data-headline]");
      new MutationObserver(() => {
        if (headline.textContent.startsWith("All sent")) window.ended = performance.now();
      }).observe(headline, { childList: true, characterData: true, subtree: true });
    }""")
    tab.set_input_files("[data-input=folder]", folder)
    wait_for_all(tab, files)
    return float(tab.evaluate("window.ended - window.began")) / 1000


def wait_for_all(tab: Any, files: int, *, seconds: float = 1800) -> None:
    tab.locator("strong[data-headline]").filter(has_text=f"All sent: {files} of {files}").wait_for(
        timeout=seconds * 1000
    )


def survive(
    *,
    new_tab: Callable[[], Any],
    kill_browser: Callable[[], None],
    restart_server: Callable[[], None],
    stored: Callable[[], int],
    collection: int,
    folder: Path,
    files: int,
) -> dict[str, Any]:
    """Send ``folder`` with the browser killed at one third and the server at two thirds; what was found here again."""
    began = time.perf_counter()
    choose(new_tab(), collection, folder)
    _until(lambda: stored() >= files * KILLED_AT)
    kill_browser()
    after_browser = stored()
    tab = new_tab()
    choose(tab, collection, folder)
    _until(lambda: stored() >= files * RESTARTED_AT)
    restart_server()
    wait_for_all(tab, files)
    figures = tab.locator("p[data-figures]").inner_text()
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "stored_when_the_browser_died": after_browser,
        "told_here_already": int("".join(each for each in figures.split("were here")[0] if each.isdigit()) or 0),
    }


def _until(true: Callable[[], bool], *, seconds: float = 1800) -> None:
    ends = time.monotonic() + seconds
    while not true():
        if time.monotonic() > ends:
            raise EngineFailure("The upload did not go on.")
        time.sleep(0.02)


def check(collection: Collection, folder: Path) -> dict[str, Any]:
    """Whether every file below ``folder`` is an original with its bytes, once, in the document of its folder, and in
    what order pages stand there once they are opened, in whatever order that is."""
    sent = {
        f"{folder.name}/{path.relative_to(folder)}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    wanted = sorted((title_of(path), Path(path).name, digest) for path, digest in sent.items())
    found = []
    for original in Original.objects.filter(collection=collection).select_related("document"):
        with local_path(original.file) as path, path.open("rb") as file:
            found.append((original.document.title, original.name, hashlib.file_digest(file, "sha256").hexdigest()))
    return {
        "files": len(sent),
        "originals": len(found),
        "all_there_with_equal_hashes": sorted(found) == wanted,
        "in_order": all(_in_order(document) for document in collection.documents.all()),
    }


def _in_order(document: Document) -> bool:
    """Whether its pages, made in the order of their files' arrival, come to stand as people count."""
    with transaction.atomic():
        originals = document.originals.order_by("received_at")
        Page.objects.bulk_create(
            Page(collection_id=document.collection_id, document=document, original=each, position=position)
            for position, each in enumerate(originals, start=1)
        )
        document.originals.update(frames=1)
        document.collection.work.all().delete()
        arrange_pages(document)
        names = list(document.pages.order_by("position").values_list("original__name", flat=True))
        transaction.set_rollback(True)
    return names == [f"page{number}.jpg" for number in range(1, len(names) + 1)]


# --- The command


def measure_upload(folder: Path, *, files: int, kilobytes: int, large_mb: int, rounds: int) -> dict[str, Any]:
    """Seconds of PUT and of the upload screen, their ratio, the upload that survives, and the web process's memory
    with a file of ``large_mb`` MiB. Where Chromium or a server is missing, why not."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return {"skipped": "playwright is not installed; it is in the extra dev"}
    chromium = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if chromium is None:
        return {"skipped": "no chromium on this machine"}
    scans = folder / "scans"
    draw_files(scans, files=files, kilobytes=kilobytes)
    try:
        with _Longhand(folder / "data") as longhand, sync_playwright() as playwright:
            browser = _Browser(playwright.chromium, chromium, longhand, folder / "profile")
            try:
                return _measure(longhand, browser, scans, files=files, large_mb=large_mb, rounds=rounds) | {
                    "files": files,
                    "bytes": sum(path.stat().st_size for path in scans.rglob("*.jpg")),
                }
            finally:
                browser.kill()
    except ServicesError as error:
        return {"skipped": str(error)}


def _measure(
    longhand: _Longhand, browser: _Browser, scans: Path, *, files: int, large_mb: int, rounds: int
) -> dict[str, Any]:
    few = scans.parent / "few"
    draw_files(few, files=8, kilobytes=50)
    collection = longhand.collection()  # the first requests of a process load what it needs
    put_all(browser.tab(), collection, few)
    collection = longhand.collection()
    send_all(browser.tab(), collection, few, files=8)
    seconds: dict[str, list[float]] = {"put": [], "screen": []}
    checks = []
    for turn in range(rounds):
        for name in ("put", "screen") if turn % 2 == 0 else ("screen", "put"):
            collection = longhand.collection()
            tab = browser.tab()
            if name == "put":
                seconds[name].append(put_all(tab, collection, scans))
            else:
                seconds[name].append(send_all(tab, collection, scans, files=files))
                checks.append(longhand.check(collection, scans))
            tab.close()
    collection = longhand.collection()
    survived = survive(
        new_tab=browser.tab,
        kill_browser=browser.kill,
        restart_server=longhand.restart_web,
        stored=lambda: longhand.stored(collection),
        collection=collection,
        folder=scans,
        files=files,
    )
    survived |= longhand.check(collection, scans)
    report = {
        "rounds": rounds,
        "seconds": {name: [round(value, 2) for value in values] for name, values in seconds.items()},
        "ratios": {"screen / put": {"measured": round(_ratio(seconds), 3), "bar": BAR}},
        "uploaded": checks,
        "browser_and_server_killed": survived,
        "invariants": longhand.violations(),
        "web_peak_mib": round(longhand.peak() / 2**20),
    }
    if large_mb:
        large = scans.parent / "large"
        _write_large(large / "volume.jpg", large_mb)
        collection = longhand.collection()
        took = send_all(browser.tab(), collection, large, files=1)
        report["large_file"] = {
            "mib": large_mb,
            "seconds": round(took, 1),
            "web_peak_mib": round(longhand.peak() / 2**20),
            "bar": "<= 250",
        }
    return report


def _ratio(seconds: dict[str, list[float]]) -> float:
    return statistics.median(screen / put for screen, put in zip(seconds["screen"], seconds["put"], strict=True))


def _write_large(path: Path, mebibytes: int) -> None:
    path.parent.mkdir()
    with path.open("wb") as file:
        file.write(b"\xff\xd8\xff\xe0 large")
        file.truncate(mebibytes * 2**20)


class _Longhand(contextlib.AbstractContextManager["_Longhand"]):
    """PostgreSQL and the web process of their own, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = [name for name in os.environ if not name.startswith("LONGHAND_")]
        # Never those that hold somebody's pages.
        self.environment = {name: os.environ[name] for name in names if name not in {"DATABASE_URL", "REDIS_URL"}}
        self.environment |= {"LONGHAND_DATA": str(folder), "LONGHAND_LOG_LEVEL": "WARNING", "LONGHAND_MIN_FREE_MB": "0"}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._web: subprocess.Popen[bytes] | None = None
        self._peak = 0
        self.session = ""  # of whoever owns the last collection

    def __enter__(self) -> _Longhand:
        services.start(self.folder / "services")
        try:
            self.manage("migrate", "--verbosity", "0")
            self.manage("collectstatic", "--noinput", "--verbosity", "0")
            self._start_web()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._kill_web()
        services.stop(self.folder / "services")

    def manage(self, *command: str) -> str:
        done = subprocess.run(
            [sys.executable, str(MANAGE), *command], env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise EngineFailure(f"The upload could not be measured: {done.stderr[-2000:]}")
        return done.stdout

    def _ask(self, call: str) -> Any:
        """What a function of this module answers in a process on that database."""
        code = f"from transcription.management import upload_benchmark as it; import json; print(json.dumps(it.{call}))"
        return json.loads(self.manage("shell", "-v", "0", "-c", code).strip().splitlines()[-1])

    def collection(self) -> int:
        """A fresh collection, of a person who sees no other: what is known elsewhere would be asked about."""
        made, self.session = self._ask("new_collection()")
        return int(made)

    def check(self, collection: int, folder: Path) -> dict[str, Any]:
        return dict(self._ask(f"check_here({collection}, {str(folder)!r})"))

    def violations(self) -> int:
        return len(json.loads(self.manage("invariants"))["violations"])

    def stored(self, collection: int) -> int:
        with psycopg.connect(services.addresses(self.folder / "services").database_url) as connection:
            query = "SELECT count(*) FROM transcription_original WHERE collection_id = %s"
            row = connection.execute(query, [collection]).fetchone()
        return int(row[0]) if row else 0

    def restart_web(self) -> None:
        self._kill_web()
        self._start_web()

    def peak(self) -> int:
        """Bytes that the largest web process so far held at most."""
        if self._web is not None:
            for process in psutil.Process(self._web.pid).children():
                status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
                held = next(line for line in status.splitlines() if line.startswith("VmHWM"))
                self._peak = max(self._peak, int(held.split()[1]) * 1024)
        return self._peak

    def _start_web(self) -> None:
        command = processes.web(f"127.0.0.1:{self.port}", self.folder / "access.log")
        with (self.folder / "web.log").open("ab") as log:
            self._web = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, start_new_session=True)
        _until(self._answers, seconds=60)

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.url + "/healthz", timeout=5).close()
        except OSError:
            return False
        return True

    def _kill_web(self) -> None:
        if self._web is not None:
            self.peak()
            os.killpg(self._web.pid, signal.SIGKILL)
            self._web.wait()
            self._web = None


class _Browser:
    """Chromium with a profile of its own, by which its processes are found when they are to die."""

    def __init__(self, chromium: Any, program: str, longhand: _Longhand, profile: Path) -> None:
        self._chromium, self._program, self._longhand, self._profile = chromium, program, longhand, profile
        self._context: Any = None

    def tab(self) -> Any:
        if self._context is None:
            self._context = self._chromium.launch_persistent_context(
                self._profile, executable_path=self._program, args=FLAGS, base_url=self._longhand.url
            )
        cookie = {"name": "sessionid", "value": self._longhand.session, "url": self._longhand.url}
        self._context.add_cookies([cookie])
        return self._context.new_page()

    def kill(self) -> None:
        """kill -9 of every process of it."""
        for process in _processes_of(self._profile):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        with contextlib.suppress(Exception):  # playwright's own errors about what is gone
            if self._context is not None:
                self._context.close()
        self._context = None


def _processes_of(profile: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter(["cmdline"]):
        if any(str(profile) in part for part in process.info["cmdline"] or []):
            yield process


# --- In a process on the database of the benchmark


def new_collection() -> tuple[int, str]:
    """A collection and a session of its only member."""
    number = Collection.objects.count() + 1
    user = User.objects.create_user(f"bench{number}")
    client = Client()
    client.force_login(user)
    return create_collection(title=f"Bench {number}", owner=user).pk, client.cookies["sessionid"].value


def check_here(collection: int, folder: str) -> dict[str, Any]:
    return check(Collection.objects.get(pk=collection), Path(folder))
