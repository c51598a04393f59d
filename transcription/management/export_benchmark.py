"""What exports cost: pages a second of one core, and the most memory, on generated pages in a database of their own.

Each export is a process by itself, bound to one core, as its memory is measured by the process. One of them is killed
in its middle and goes on in another process.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from transcription.management.bench_rows import copy_into, url_of_database
from transcription.management.throwaway import throwaway_database
from transcription.models import Collection, Document, Export, Layout, Original, Page, PageState, Run, Work, WorkState
from transcription.steps.choose_passes import bundled_passes, checked
from transcription.steps.export import export, request_export
from transcription.steps.profiles import version_at_present

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"
LINES_A_PAGE, WORDS_A_LINE, PAGES_A_DOCUMENT = 30, 8, 250
FORMATS = ("txt", "page_xml", "alto", "tei", "jsonl", "xlsx")
BARS = {"pages_a_second": {"txt": 50, "page_xml": 50}, "most_megabytes": 400}
_BATCH = 250  # pages that are copied at once
_SYLLABLES = [a + b for a in "bcdfghlmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "er", "is", "on")]


def measure_export(*, pages: int, say: Callable[[str], object], formats: Sequence[str] = FORMATS) -> dict[str, Any]:
    """Seconds, pages a second and megabytes of each format; how an export that was killed goes on."""
    with throwaway_database(say), tempfile.TemporaryDirectory(prefix="longhand-bench-") as data:
        began = time.perf_counter()
        collection = _fill(pages, say)
        filled = time.perf_counter() - began
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LONGHAND_")}
        environment |= {"DATABASE_URL": url_of_database(), "LONGHAND_DATA": data, "LONGHAND_LOG_LEVEL": "WARNING"}
        found: dict[str, Any] = {}
        for code in formats:
            say(code)
            found[code] = json.loads(_finished(_begun(collection, code, environment)))
            say(json.dumps(found[code]))
        say("one that is killed")
        return {
            "pages": pages,
            "lines": pages * LINES_A_PAGE,
            "filled_in_seconds": round(filled),
            "formats": found,
            "killed": _killed(collection, environment, Path(data), found["page_xml"]["seconds"]),
            "bars": BARS,
        }


def _begun(collection: Collection, code: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    job = request_export(collection=collection, format=code)
    return _begun_again(job, environment)


def _begun_again(job: Export, environment: dict[str, str]) -> subprocess.Popen[str]:
    run = f"from transcription.management import export_benchmark as it; it.export_here('{job.pk}')"
    command = [sys.executable, str(MANAGE), "shell", "--no-imports", "-v", "0", "-c", run]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def _finished(process: subprocess.Popen[str]) -> str:
    answer, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"an export failed with exit code {process.returncode}")
    return answer.strip().splitlines()[-1]


def export_here(key: str) -> None:
    """Write one export in this process, on one core; prints what it cost."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    job = Export.objects.get(pk=key)
    token = uuid.uuid4()
    work = Work.objects.filter(export=job)
    work.update(state=WorkState.RUNNING, token=token, lease_until=timezone.now())
    empty = _megabytes()
    began, used = time.perf_counter(), time.process_time()
    export(work.get(), token)
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    job.refresh_from_db()
    figures = {
        "seconds": round(seconds, 1),
        "pages_a_second": round(job.pages / seconds, 1),
        "pages_a_processor_second": round(job.pages / processor, 1),
        "most_megabytes": _megabytes(),
        "megabytes_before": empty,
        "megabytes_written": round(job.size / 1e6, 1),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _megabytes() -> int:
    """The most this process has held so far."""
    # Not getrusage: it counts what the process was forked from.
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return round(int(peak.split()[1]) / 1024)


def _killed(collection: Collection, environment: dict[str, str], data: Path, seconds: float) -> dict[str, Any]:
    """Kill -9 in the middle, look at what is there, go on."""
    job = request_export(collection=collection, format="page_xml")
    process = _begun_again(job, environment)
    folder = data / "incoming" / "exports" / str(job.pk)
    ends = time.monotonic() + 2 * seconds + 60
    while len(list(folder.glob("*.zip"))) < 2 and time.monotonic() < ends:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    parts = sorted(folder.glob("*.zip"))
    whole = all(zipfile.ZipFile(part).testzip() is None for part in parts)
    published = (data / "media" / "exports" / f"{job.pk}.zip").exists()
    rest = json.loads(_finished(_begun_again(job, environment)))
    with zipfile.ZipFile(data / "media" / "exports" / f"{job.pk}.zip") as archive:
        files = len(archive.namelist())
    return {
        "parts_when_killed": len(parts),
        "all_of_them_whole": whole,
        "published_when_killed": published,
        "seconds_after": rest["seconds"],
        "seconds_unkilled": seconds,
        "files": files,
    }


def _fill(count: int, say: Callable[[str], object]) -> Collection:
    """A collection of read pages: half of them reviewed, with lines, votes and texts."""
    chance = random.Random(11)
    words = ["".join(chance.choices(_SYLLABLES, k=chance.choice([1, 2, 2, 3]))) for _ in range(5000)]
    collection = Collection.objects.create(title="Bench", language="en", identifier="B 1")
    choice = checked(bundled_passes())
    version = version_at_present("bench", choice.recipes, choice.thresholds)
    documents = Document.objects.bulk_create(
        Document(collection=collection, title=f"Volume {number:03}") for number in range(-(-count // PAGES_A_DOCUMENT))
    )
    originals = Original.objects.bulk_create(
        Original(
            collection=collection,
            document=documents[number // PAGES_A_DOCUMENT],
            name=f"scan_{number:05}.jpg",
            file=f"bench/{number}",
            sha256=f"{number:064}",
            size=1,
            kind="jpeg",
            frames=1,
        )
        for number in range(count)
    )
    pages = Page.objects.bulk_create(
        Page(
            collection=collection,
            document_id=original.document_id,
            original=original,
            position=number % PAGES_A_DOCUMENT + 1,
            state=PageState.REVIEWED if number % 2 else PageState.ACCEPTED,
            width=2400,
            height=3400,
            confidence=0.8,
        )
        for number, original in enumerate(originals)
    )
    layouts = Layout.objects.bulk_create(Layout(page=page, version=1, source="bench") for page in pages)
    runs = Run.objects.bulk_create(
        Run(page=page, layout=layout, profile_version=version, number=1)
        for page, layout in zip(pages, layouts, strict=True)
    )
    for page, layout, run in zip(pages, layouts, runs, strict=True):
        page.layout, page.run = layout, run
    Page.objects.bulk_update(pages, ["layout", "run"], batch_size=1000)
    with connection.cursor() as cursor:
        for table in ("page", "line", "vote"):
            cursor.execute(f"ALTER TABLE transcription_{table} DISABLE TRIGGER USER")
    for start in range(0, count, _BATCH):
        _copy(pages[start : start + _BATCH], words, chance)
        if start % (8 * _BATCH) == 0:
            say(f"{start:,} of {count:,} pages")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    return collection


def _copy(pages: Sequence[Page], words: Sequence[str], chance: random.Random) -> None:
    """Lines, places, votes and texts of some pages."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval('transcription_line_id_seq'), nextval('transcription_transcriptrevision_id_seq') "
            "FROM generate_series(1, %s)",
            [len(pages) * LINES_A_PAGE],
        )
        numbers = iter(cursor.fetchall())
    lines, places, votes, revisions, current = [], [], [], [], []
    for page in pages:
        for position in range(1, LINES_A_PAGE + 1):
            line, revision = next(numbers)
            voted = [_voted(chance.choice(words), index, chance) for index in range(WORDS_A_LINE)]
            text = " ".join(str(word["text"]) for word in voted)
            typed = position % 10 == 0
            y = 100 * position + 80
            baseline = [[200 + 400 * step, y + step] for step in range(6)]
            polygon = [[x, z - 60] for x, z in baseline] + [[x, z + 22] for x, z in reversed(baseline)]
            lines.append((line, page.pk))
            current.append((line, revision))
            place = (json.dumps(baseline), json.dumps(polygon), "text", "handwritten")
            places.append((page.layout_id, line, position, *place))
            votes.append((page.run_id, line, 0, text, json.dumps(voted), 0.8, "bench", "{}", now))
            source = "person" if typed else "vote"
            revisions.append((revision, line, 1, f"{text} ⟦so⟧" if typed else text, source, False, now))
    copy_into("line", ["id", "page_id"], lines)
    columns = ["layout_id", "line_id", "position", "baseline", "polygon", "region", "production"]
    copy_into("layoutline", columns, places)
    columns = ["run_id", "line_id", "stage", "text", "words", "confidence", "calibration", "checks", "created_at"]
    copy_into("vote", columns, votes)
    columns = ["id", "line_id", "number", "text", "source", "mixed", "created_at"]
    copy_into("transcriptrevision", columns, revisions)
    with connection.cursor() as cursor:
        first, last = zip(*current, strict=True)
        cursor.execute(
            "UPDATE transcription_line SET current_id = new.revision FROM unnest(%s::bigint[], %s::bigint[]) "
            "AS new (line, revision) WHERE id = new.line",
            [list(first), list(last)],
        )


def _voted(word: str, index: int, chance: random.Random) -> dict[str, Any]:
    passes = ["plain+starter", "clahe+starter", "plain+starter-tall"]
    others = [{"text": f"{word}e", "support": 0.3, "passes": passes[2:]}] if chance.random() < 0.3 else []
    span = [round(index / WORDS_A_LINE + 0.01, 3), round((index + 0.9) / WORDS_A_LINE, 3)]
    return {
        "text": word,
        "confidence": round(chance.uniform(0.3, 1.0), 4),
        "score": 0.9,
        "support": 0.7,
        "span": span,
        "passes": passes[:2],
        "alternatives": others,
        "features": [0.5] * 10,
    }
