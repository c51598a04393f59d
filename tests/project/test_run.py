"""``manage.py run`` as a person meets it: one real process with everything under it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis
from kombu import Connection

from project import celery_app, services

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


class Running:
    """``manage.py run`` on a data folder, with the lines of its console."""

    def __init__(self, data: Path, port: int) -> None:
        self.data = data
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LONGHAND_")}
        environment |= {"LONGHAND_DATA": str(data), "LONGHAND_PORT": str(port), "LONGHAND_DEMO": "false"}
        environment |= {"DATABASE_URL": "", "REDIS_URL": ""}
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def wait_for(self, pattern: str, seconds: float = 90.0) -> re.Match[str]:
        until = time.monotonic() + seconds
        while True:
            for line in self.lines:
                if found := re.search(pattern, line):
                    return found
            assert time.monotonic() < until, f"no {pattern!r} in:\n" + "\n".join(self.lines)
            assert self.process.poll() is None or pattern == "stopped$", "\n".join(self.lines)
            time.sleep(0.05)

    def ready(self) -> tuple[str, float]:
        """Address and seconds since the start, as printed."""
        found = self.wait_for(r"ready after ([\d.]+) s:  (http://\S+)")
        return found[2], float(found[1])

    def pids(self) -> dict[str, int]:
        return {name: pid for name, (pid, _) in json.loads((self.data / "children.json").read_text()).items()}

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(90)


@pytest.fixture
def run_longhand() -> Iterator[Callable[[int], Running]]:
    started: list[Running] = []
    with tempfile.TemporaryDirectory(prefix="longhand-run-") as data:

        def run(port: int) -> Running:
            started.append(Running(Path(data), port))
            return started[-1]

        yield run
        for running in started:
            if running.process.poll() is None:
                running.stop()
        services.stop(Path(data) / "services")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url + "accounts/login/", timeout=5) as response:
            return response.status == 200
    except OSError:
        return False


def wait_until(holds: Callable[[], bool], seconds: float = 40.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)


def test_everything_starts_survives_kills_and_stops(run_longhand: Callable[[int], Running]) -> None:
    port = free_port()
    running = run_longhand(port)
    url, _ = running.ready()
    assert url == f"http://127.0.0.1:{port}/"
    assert answers(url)
    before = running.pids()
    assert set(before) == {"web", "cpu", "engine", "sweep"}

    servers = services.status(running.data / "services")
    assert servers.postgres
    assert servers.valkey
    for pid in (*before.values(), servers.postgres, servers.valkey):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: services.status(running.data / "services").running)
    wait_until(lambda: all(running.pids().get(name, pid) != pid for name, pid in before.items()))
    wait_until(lambda: answers(url))

    second = run_longhand(port)
    assert second.process.wait(30) == 1
    wait_until(lambda: any("already runs" in line for line in second.lines))

    last = running.pids().values()
    assert running.stop() == 0
    assert not any(psutil.pid_exists(pid) for pid in last)
    assert services.status(running.data / "services") == services.Status(None, None)


def test_workers_outlive_a_killed_broker_and_hear_its_successor(run_longhand: Callable[[int], Running]) -> None:
    running = run_longhand(free_port())
    running.ready()
    broker = services.addresses(running.data / "services").redis_url

    def ring_and_be_heard() -> None:
        for queue in ("cpu", "engine"):
            with Connection(services.broker_url(broker)) as connection:
                celery_app.send_task(f"transcription.tasks.drain_{queue}", queue=queue, connection=connection)
        with redis.Redis.from_url(broker) as client:
            wait_until(lambda: client.llen("cpu") == client.llen("engine") == 0)

    ring_and_be_heard()
    workers = running.pids()
    valkey = services.status(running.data / "services").valkey
    assert valkey
    os.kill(valkey, signal.SIGKILL)
    wait_until(lambda: services.status(running.data / "services").valkey not in (None, valkey))
    ring_and_be_heard()
    assert running.pids() == workers, "a worker died with its broker"


def test_second_start_is_quick_and_takes_over_from_a_killed_supervisor(
    run_longhand: Callable[[int], Running],
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = int(other.getsockname()[1])
        first = run_longhand(taken)
        url, _ = first.ready()
        assert not url.endswith(f":{taken}/")
        first.wait_for(f"port {taken} is taken")
    first.process.kill()
    first.process.wait()

    again = run_longhand(free_port())
    url, seconds = again.ready()
    assert seconds <= 15 * 2  # 15 s is the promise on a machine that does nothing else
    assert answers(url)
    assert again.stop() == 0
