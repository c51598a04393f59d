"""Fifty reviewers at work, and what it costs them that the database is large.

A Longhand of its own (PostgreSQL, Valkey and the web process as `make run` starts it) in a folder that is removed
afterwards. Simulated reviewers speak to it as the editor's script does: start reviewing, open the page, hold it, save
its lines, approve, go on to the next. The same work is then done among many more pages.
"""

from __future__ import annotations

import html
import itertools
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx2
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.db import connections
from django.urls import reverse

from project import services
from project.processes import children
from project.rights import ServicesError
from transcription.errors import EngineFailure
from transcription.management.many_pages import ManyPages, create_reviewers
from transcription.models import Line, Page, PageState, TranscriptRevision

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"
REPORT = "report.json"
PAUSE = (1.0, 3.0)  # seconds between two saves of one person, drawn evenly
MOST_GROWTH = 1.5
ANSWERS_WITHIN = 60.0
_DATA = re.compile(r'<script id="page-data" type="application/json">(.*?)</script>', re.DOTALL)
OPEN, SAVE, NEXT, QUEUE = "open the editor", "save a line", "next page", "the queue"


@dataclass(slots=True)
class Seen:
    """What one reviewer did and was answered."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    held: list[tuple[int, float, float]] = field(default_factory=list)  # page, from, until
    saved: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))  # texts acknowledged, by line
    refused: dict[int, int] = field(default_factory=lambda: defaultdict(int))  # answers of 400 and above, by status
    fault: str = ""


def measure_review(
    folder: Path, *, reviewers: int, seconds: float, sizes: Sequence[int], say: Callable[[str], object]
) -> dict[str, Any]:
    """Milliseconds of each act of ``reviewers`` at work for ``seconds`` among each of ``sizes`` pages (growing), how
    they grow from the first size to the last, and whether anything was held twice, lost or failed.

    ``folder`` is used for everything and left without running servers. Where no server can be started, why not.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LONGHAND_")}
    for name in ("DATABASE_URL", "REDIS_URL"):  # never those that hold somebody's pages
        environment.pop(name, None)
    environment |= {"LONGHAND_DATA": str(folder), "LONGHAND_LOG_LEVEL": "WARNING"}
    environment |= {"DJANGO_SETTINGS_MODULE": "project.settings"}
    code = (
        "import sys; from pathlib import Path; from transcription.management import review_benchmark as it; "
        f"it.measure_here({reviewers}, {seconds}, {list(sizes)!r}, Path({str(folder)!r}), sys.stderr.write)"
    )
    manage = [sys.executable, str(MANAGE)]
    try:
        services.start(folder / "services", durable=False)
        for command in (["migrate", "--verbosity", "0"], ["collectstatic", "--noinput", "--verbosity", "0"]):
            subprocess.run([*manage, *command], env=environment, check=True, capture_output=True, text=True)
        quiet = subprocess.DEVNULL  # what comes to standard output is JSON
        shell = [*manage, "shell", "-c", code]
        done = subprocess.run(shell, env=environment, stdout=quiet, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise EngineFailure(f"The reviewers could not be measured: {done.stderr[-2000:]}")
        say(done.stderr.strip())
        report: dict[str, Any] = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        return report
    except ServicesError as error:
        return {"skipped": str(error)}
    finally:
        services.stop(folder / "services")


def measure_here(
    reviewers: int, seconds: float, sizes: Sequence[int], folder: Path, write: Callable[[str], object]
) -> None:
    """The measurement itself, in a process whose database may be filled; leaves ``REPORT`` in ``folder``."""

    def say(what: str) -> None:
        write(f"{what}\n")

    many = ManyPages(room=max(sizes))
    people = create_reviewers(reviewers, many.collections)
    cookies = [_signed_in(user) for user in people]
    found: dict[str, Any] = {}
    wrong: list[str] = []
    for size in sizes:
        pages = many.grow(size, say)
        say(f"{reviewers} reviewers among {pages:,} pages")
        done = _at_work(people, cookies, seconds)
        found[f"{pages} pages"] = _summary(done, seconds)
        wrong += [f"{pages} pages: {each}" for each in _faults(people, done)]
    first, *_, last = found.values() if len(found) > 1 else [*found.values()] * 2
    growth = {
        act: round(last["milliseconds"][act]["p95"] / first["milliseconds"][act]["p95"], 2)
        for act in last["milliseconds"]
        if act in first["milliseconds"]
    }
    report = {"reviewers": reviewers, "seconds": seconds, "sizes": found}
    report |= {"growth of p95": {"measured": growth, "bar": f"<= {MOST_GROWTH}"}, "faults": wrong}
    (folder / REPORT).write_text(json.dumps(report), encoding="utf-8")


def _signed_in(user: User) -> str:
    """The cookie of a session of ``user``."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def _at_work(people: Sequence[User], cookies: Sequence[str], seconds: float) -> list[Seen]:
    """All of them at once against a web process of its own; what each saw."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    web = next(child for child in children(port) if child.name == "web")
    settings.LOGS.mkdir(parents=True, exist_ok=True)
    with (settings.LOGS / "web.log").open("ab") as log:
        process = subprocess.Popen(list(web.command), env=os.environ | web.environment, stdout=log, stderr=log)
    try:
        base = f"http://127.0.0.1:{port}"
        _await(base)
        until = time.monotonic() + seconds
        seen = [Seen() for _ in people]
        threads = [
            threading.Thread(target=_review, args=(base, cookie, until, one, number))
            for number, (cookie, one) in enumerate(zip(cookies, seen, strict=True))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return seen
    finally:
        process.terminate()
        process.wait(30)
        connections.close_all()


def _await(base: str) -> None:
    until = time.monotonic() + ANSWERS_WITHIN
    while True:
        try:
            if httpx2.get(f"{base}{reverse('transcription:healthz')}", timeout=5).status_code < 500:
                return
        except httpx2.HTTPError:
            pass
        if time.monotonic() > until:
            raise EngineFailure("The web process did not answer within a minute.")
        time.sleep(0.2)


def _review(base: str, cookie: str, until: float, seen: Seen, number: int) -> None:
    """One reviewer until ``until``: opens what is offered, changes every second line, approves."""
    chance = random.Random(number)
    time.sleep(chance.uniform(0, PAUSE[1]))  # people do not begin in one moment
    try:
        with httpx2.Client(base_url=base, cookies={settings.SESSION_COOKIE_NAME: cookie}, timeout=60) as client:
            _work(client, chance, until, seen, number)
    except (httpx2.HTTPError, ValueError, KeyError) as error:
        seen.fault = f"reviewer {number}: {error!r}"


def _work(client: httpx2.Client, chance: random.Random, until: float, seen: Seen, number: int) -> None:
    shown = _timed(seen, QUEUE, client, "GET", reverse("review:queue"))
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', shown.text)
    if token is None:
        raise ValueError(f"the queue answered {shown.status_code} without a form")
    client.headers["X-CSRFToken"] = token[1]
    began = _timed(seen, NEXT, client, "POST", reverse("review:start"))
    where = began.headers.get("Location", "")
    while time.monotonic() < until and "/review/pages/" in where:
        page = int(where.split("/review/pages/")[1].split("/")[0])
        opened = _timed(seen, OPEN, client, "GET", where)
        data = json.loads(html.unescape(_DATA.search(opened.text)[1]))  # type: ignore[index]
        claim = client.post(data["urls"]["claim"])
        _note(seen, claim)
        if claim.status_code != 200:
            return
        at = time.monotonic()
        for k, line in enumerate(data["lines"]):
            time.sleep(chance.uniform(*PAUSE))
            text = f"{line['text']} r{number}" if k % 2 == 0 else line["text"]
            body = {"text": text, "base_revision": line["revision"]}
            body["decisions"] = json.dumps([{"word": 0, "kind": "confirmed", "after": line["words"][0]["text"]}])
            url = data["urls"]["save"].replace("/0/", f"/{line['id']}/")
            saved = _timed(seen, SAVE, client, "POST", url, body)
            if saved.status_code == 200 and text != line["text"]:
                seen.saved[line["id"]].append(text)
        end = {"mode": "whole_page", "active_seconds": "20", "token": claim.json()["token"], "nothing_to_read": ""}
        held_until = time.monotonic()
        ended = _timed(seen, NEXT, client, "POST", data["urls"]["approve"], end)
        seen.held.append((page, at, held_until))
        where = ended.json()["next"] if ended.status_code == 200 else ""


def _timed(
    seen: Seen, act: str, client: httpx2.Client, method: str, url: str, form: dict[str, Any] | None = None
) -> httpx2.Response:
    began = time.perf_counter()
    response = client.request(method, url, data=form)
    seen.seconds[act].append(time.perf_counter() - began)
    _note(seen, response)
    return response


def _note(seen: Seen, response: httpx2.Response) -> None:
    if response.status_code >= 400:
        seen.refused[response.status_code] += 1


def _summary(done: Sequence[Seen], seconds: float) -> dict[str, Any]:
    acts: dict[str, list[float]] = defaultdict(list)
    for one in done:
        for act, times in one.seconds.items():
            acts[act] += times
    return {
        "pages_approved": sum(len(one.held) for one in done),
        "lines_saved": len(acts[SAVE]),
        "requests_per_second": round(sum(map(len, acts.values())) / seconds, 1),
        "waiting_pages_left": Page.objects.filter(state=PageState.IN_REVIEW).count(),
        "milliseconds": {act: _quantiles(times) for act, times in sorted(acts.items()) if times},
    }


def _quantiles(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(1000 * each for each in seconds)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {"n": len(ordered), "p50": round(statistics.median(ordered), 1), "p95": round(p95, 1)}


def _faults(people: Sequence[User], done: Sequence[Seen]) -> list[str]:
    """A page that two people held, a save that was acknowledged and is not there, an answer that should not be."""
    faults = [one.fault for one in done if one.fault]
    for number, one in enumerate(done):
        faults += [f"reviewer {number}: {count} answers of {status}" for status, count in one.refused.items()]
    stays = sorted((page, begun, ended, n) for n, one in enumerate(done) for page, begun, ended in one.held)
    for (page, _, ended, who), (other, begun, _, whom) in itertools.pairwise(stays):
        if page == other and (begun < ended or who != whom):
            faults.append(f"page {page} was held by reviewers {who} and {whom}")
    for user, one in zip(people, done, strict=True):
        for line, texts in one.saved.items():
            there = list(TranscriptRevision.objects.filter(line=line, author=user).order_by("number"))
            if [each.text for each in there] != texts:
                faults.append(f"line {line}: {len(texts)} saves acknowledged, {len(there)} kept")
            elif Line.objects.get(pk=line).current_id != there[-1].pk:
                faults.append(f"line {line}: the last save is not what stands there")
    return faults
