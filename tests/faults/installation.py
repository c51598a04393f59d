"""A whole Longhand of its own, servers included, for tests that kill pieces of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis
from PIL import Image, ImageDraw, ImageFont

from project import services

ROOT = Path(__file__).resolve().parents[2]
FONTS = ROOT / "transcription" / "training" / "sample" / "fonts"
LEASE_SECONDS = 3


@dataclass(slots=True)
class Installation:
    """PostgreSQL, Valkey, a worker a queue and the sweeper, each killed and started at will."""

    folder: Path
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @classmethod
    def build(cls, folder: Path, settings: str = "tests.faults.settings") -> Installation:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LONGHAND_")}
        environment |= {
            "LONGHAND_DATA": str(folder),
            "LONGHAND_LEASE_SECONDS": str(LEASE_SECONDS),
            "LONGHAND_SWEEP_SECONDS": "0.5",
            "DJANGO_SETTINGS_MODULE": settings,
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONPATH": str(ROOT),
        }
        environment.pop("DATABASE_URL", None)
        environment.pop("REDIS_URL", None)
        made = cls(folder, environment)
        made.start_services()
        made.manage("migrate")
        return made

    def start_services(self) -> None:
        services.start(self.folder / "services")

    def manage(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, str(ROOT / "manage.py"), *command]
        done = subprocess.run(program, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"{command}: {done.stdout}\n{done.stderr}")
        return done

    def start(self, name: str) -> None:
        """Start "cpu", "engine" or "sweep", with every message doubled."""
        if name == "sweep":
            command = [sys.executable, "-m", "tests.faults.twice", "sweep"]
        else:
            command = [sys.executable, "-m", "celery", "-A", "tests.faults.twice", "worker", "-Q", name, "-c", "1"]
            command += ["-n", f"{name}@test", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            command, env=self.environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
        )
        log.close()

    def kill(self, name: str) -> None:
        """kill -9 of a process and its children, in whatever they are doing."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for name in list(self.processes):
            self.kill(name)
        services.stop(self.folder / "services")

    def kill_postgres(self) -> None:
        """What a crash of the server looks like: the postmaster dies at once, its children with it."""
        self._kill_server(services.status(self.folder / "services").postgres)

    def kill_valkey(self) -> None:
        self._kill_server(services.status(self.folder / "services").valkey)

    def _kill_server(self, pid: int | None) -> None:
        assert pid is not None, "the server was not running"
        server = psutil.Process(pid)
        server.kill()
        server.wait(10)
        self.start_services()

    def flush_valkey(self) -> None:
        with redis.Redis.from_url(services.addresses(self.folder / "services").redis_url) as client:
            client.flushall()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        url = services.addresses(self.folder / "services").database_url
        with psycopg.connect(url) as connection:
            return connection.execute(query).fetchall()

    def wait(self, until: Callable[[], bool], seconds: float) -> bool:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            try:
                if until():
                    return True
            except psycopg.OperationalError:
                pass  # it was killed a moment ago
            time.sleep(0.25)
        return False

    def violations(self) -> list[Any]:
        report = json.loads(self.manage("invariants", check=False).stdout)
        found: list[Any] = report["violations"]
        return found


def draw_sideways_spreads(folder: Path, count: int) -> None:
    """Two pages of two written lines beside each other, scanned on their side."""
    draw_pages(folder / "halves", 2 * count)
    halves = [Image.open(path).crop((0, 0, 900, 310)) for path in sorted((folder / "halves").iterdir())]
    for number in range(count):
        spread = Image.new("L", (1800, 310), 235)
        spread.paste(halves[2 * number], (0, 0))
        spread.paste(halves[2 * number + 1], (900, 0))
        spread.rotate(90, expand=True).save(folder / f"spread-{number:03}.png")
    shutil.rmtree(folder / "halves")


def draw_pages(folder: Path, count: int, *, deadly: bool = False, transcripts: bool = False) -> None:
    """Scans with a few written lines, with ``transcripts`` their text beside them; those of a deadly one are too
    short (see engines.py)."""
    folder.mkdir(parents=True, exist_ok=True)
    fonts = sorted(path for path in FONTS.iterdir() if path.suffix in {".ttf", ".otf", ".woff"})
    font = ImageFont.truetype(str(fonts[0]), 44)
    for number in range(count):
        page = Image.new("L", (900, 620), 235)
        draw = ImageDraw.Draw(page)
        texts = ["Amen" if deadly else f"Page {number} line {line} of the parish book" for line in range(4)]
        for line, text in enumerate(texts):
            draw.text((60, 70 + line * 125), text, font=font, fill=40)
        scan = folder / f"{'deadly' if deadly else 'page'}-{number:03}.jpg"
        page.save(scan, quality=90)
        if transcripts:
            scan.with_suffix(".txt").write_text("\n".join(texts), encoding="utf-8")
