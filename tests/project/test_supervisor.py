from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from project.supervisor import Child, Supervisor

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)",
]


class Console(list[str]):
    def say(self, who: str, what: str) -> None:
        self.append(f"{who} {what}")


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def supervise(tmp_path: Path, console: Console) -> Iterator[Callable[..., Supervisor]]:
    made: list[Supervisor] = []

    def make(*children: Child) -> Supervisor:
        made.append(Supervisor(children, tmp_path, say=console.say))
        return made[-1]

    yield make
    for supervisor in made:
        for pid in supervisor.pids().values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def wait_until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_killed_child_is_started_again(supervise: Callable[..., Supervisor], console: Console) -> None:
    supervisor = supervise(Child("sleeper", SLEEPER))
    supervisor.start()
    before = supervisor.pids()["sleeper"]
    os.kill(before, signal.SIGKILL)
    supervisor.watch(seconds=1.5)
    assert supervisor.pids()["sleeper"] != before
    assert any("SIGKILL" in line and "starting it again" in line for line in console)
    supervisor.stop()


def test_child_that_always_dies_is_started_ever_more_slowly(
    supervise: Callable[..., Supervisor], console: Console
) -> None:
    supervisor = supervise(Child("failing", ["false"]))
    supervisor.start()
    supervisor.watch(seconds=4.5)
    supervisor.stop()
    assert 3 <= len(console) <= 4  # after 0, 0.5, 1.5 and 3.5 seconds
    assert "in 2 s" in console[2]


def test_stop_ends_ranks_in_order_and_kills_the_deaf(supervise: Callable[..., Supervisor], console: Console) -> None:
    supervisor = supervise(
        Child("web", SLEEPER, rank=1), Child("worker", STUBBORN, rank=0, patience=0.5), Child("other", SLEEPER, rank=0)
    )
    supervisor.start()
    wait_until(lambda: "deaf" in (supervisor.folder / "log" / "worker.log").read_text())
    pids = list(supervisor.pids().values())
    supervisor.stop()
    assert all(gone(pid) for pid in pids)
    assert [line for line in console if "did not stop in time" in line] == [
        "worker did not stop in time and is killed; its work is done again"
    ]
    assert not (supervisor.folder / "children.json").exists()


def test_what_a_dead_child_started_dies_with_it(supervise: Callable[..., Supervisor]) -> None:
    parent = "import subprocess, sys, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)"
    supervisor = supervise(Child("parent", [sys.executable, "-c", parent]))
    supervisor.start()
    log = supervisor.folder / "log" / "parent.log"
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"))
    grandchild = int(log.read_text())
    os.kill(supervisor.pids()["parent"], signal.SIGKILL)
    supervisor.watch(seconds=0.3)
    wait_until(lambda: gone(grandchild))
    supervisor.stop()


SUPERVISOR_PROCESS = """
import sys
from pathlib import Path
from project.supervisor import Child, Supervisor
supervisor = Supervisor([Child("sleeper", ["sleep", "600"])], Path(sys.argv[1]), say=print)
supervisor.listen()
supervisor.start()
print(supervisor.pids()["sleeper"], flush=True)
supervisor.watch()
supervisor.stop()
"""


@pytest.fixture
def supervisor_process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR_PROCESS, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield process, int(process.stdout.readline())
        process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's PDEATHSIG is Linux's")
def test_children_die_with_a_killed_supervisor(supervisor_process: tuple[subprocess.Popen[str], int]) -> None:
    process, child = supervisor_process
    process.kill()
    process.wait()
    wait_until(lambda: gone(child))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_children_and_then_the_supervisor(
    supervisor_process: tuple[subprocess.Popen[str], int], number: signal.Signals
) -> None:
    process, child = supervisor_process
    process.send_signal(number)
    assert process.wait(10) == 0
    assert gone(child)


def test_start_ends_what_an_earlier_supervisor_left_behind(
    supervise: Callable[..., Supervisor], console: Console, tmp_path: Path
) -> None:
    first, second = supervise(Child("sleeper", SLEEPER)), supervise(Child("sleeper", SLEEPER))
    first.start()
    left = first.pids()["sleeper"]
    second.start()
    assert gone(left)
    assert "left behind" in console[0]
    second.stop()
