"""Keeps a handful of processes alive in the foreground: starts, watches, restarts and stops them in order.

Knows nothing of what the processes do; ``project/processes.py`` says which ones Longhand consists of.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psutil

PR_SET_PDEATHSIG = 1
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0  # seconds before a restart; doubled each time
SETTLED = 60.0  # seconds after which a process counts as healthy and its delay starts over
LOG_LIMIT = 32 * 2**20
CHECK_EVERY = 2.0

Say = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Child:
    """One process to keep alive. ``rank``: the lowest are stopped first; ``patience``: seconds it may take to stop."""

    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    rank: int = 0
    patience: float = 60.0


@dataclass(slots=True)
class _Running:
    child: Child
    process: subprocess.Popen[bytes]
    since: float


class Supervisor:
    """Runs children until told to stop; ``folder`` takes their logs and the list that a later start cleans up by."""

    def __init__(self, children: Sequence[Child], folder: Path, *, say: Say) -> None:
        self.children = children
        self.folder = folder
        self.say = say
        self._running: dict[str, _Running] = {}
        self._delays: dict[str, float] = {}
        self._due: dict[str, float] = {}
        self._asked_to_stop = 0

    # --- The life of it ---

    def listen(self) -> None:
        """Take SIGINT and SIGTERM as the wish to stop; a second one as impatience."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def start(self) -> None:
        """End what an earlier supervisor left behind, then start every child."""
        (self.folder / "log").mkdir(parents=True, exist_ok=True)
        self._end_leftovers()
        for child in self.children:
            self._spawn(child)

    def watch(self, *, seconds: float | None = None, also: Callable[[], None] = lambda: None) -> None:
        """Restart what dies, until asked to stop or for some seconds; ``also`` is called every two seconds."""
        until = None if seconds is None else time.monotonic() + seconds
        next_check = 0.0
        while not self._asked_to_stop and (until is None or time.monotonic() < until):
            now = time.monotonic()
            if now >= next_check:
                also()
                self._shorten_logs()
                next_check = now + CHECK_EVERY
            for running in list(self._running.values()):
                if running.process.poll() is not None:
                    self._on_death(running)
            for child in self.children:
                if self._due.get(child.name, float("inf")) <= now:
                    self._spawn(child)
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop all children, rank by rank; what outlasts its patience, or a second signal, is killed."""
        asked = self._asked_to_stop
        for rank in sorted({running.child.rank for running in self._running.values()}):
            group = [running for running in self._running.values() if running.child.rank == rank]
            for running in group:
                running.process.terminate()
            asked_at = time.monotonic()
            for running in group:
                until = asked_at + running.child.patience
                while running.process.poll() is None and time.monotonic() < until:
                    if self._asked_to_stop > max(asked, 1):
                        break
                    time.sleep(0.05)
                if running.process.poll() is None:
                    self.say(running.child.name, "did not stop in time and is killed; its work is done again")
                _kill_group(running.process.pid)
                running.process.wait()
                del self._running[running.child.name]
        (self.folder / "children.json").unlink(missing_ok=True)

    def pids(self) -> dict[str, int]:
        """Process ids of the children that run now."""
        return {name: running.process.pid for name, running in self._running.items()}

    @property
    def stopping(self) -> bool:
        return self._asked_to_stop > 0

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked_to_stop += 1

    # --- One child ---

    def _spawn(self, child: Child) -> None:
        self._due.pop(child.name, None)
        with self._log(child).open("ab") as log:
            process = subprocess.Popen(
                child.command,
                env=os.environ | child.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is for us: we stop them in order
                preexec_fn=_die_with(os.getpid()),
            )
        self._running[child.name] = _Running(child, process, time.monotonic())
        self._remember()

    def _on_death(self, running: _Running) -> None:
        child = running.child
        del self._running[child.name]
        _kill_group(running.process.pid)  # a dead parent's children would go on beside the new ones
        lived = time.monotonic() - running.since
        delay = FIRST_DELAY if lived > SETTLED else self._delays.get(child.name, FIRST_DELAY)
        self._delays[child.name] = min(delay * 2, LONGEST_DELAY)
        self._due[child.name] = time.monotonic() + delay
        how = _how_it_ended(running.process.returncode)
        self.say(child.name, f"{how} after {lived:.0f} s; starting it again in {delay:g} s (log: {self._log(child)})")

    # --- Files ---

    def _log(self, child: Child) -> Path:
        return self.folder / "log" / f"{child.name}.log"

    def _shorten_logs(self) -> None:
        for child in self.children:
            log = self._log(child)
            if log.exists() and log.stat().st_size > LOG_LIMIT:
                shutil.copyfile(log, log.with_suffix(".log.1"))
                os.truncate(log, 0)  # the child appends, so it goes on at the start

    def _remember(self) -> None:
        started = {
            name: [running.process.pid, psutil.Process(running.process.pid).create_time()]
            for name, running in self._running.items()
            if running.process.poll() is None
        }
        fresh = self.folder / "children.json.new"
        fresh.write_text(json.dumps(started))
        fresh.replace(self.folder / "children.json")

    def _end_leftovers(self) -> None:
        """Wait for, then kill, children of a supervisor that was killed: they were told to stop when it died."""
        for name, process in _leftovers(self.folder / "children.json"):
            self.say(name, f"was left behind by an earlier run (process {process.pid}); waiting for its end")
            try:
                process.terminate()
                process.wait(10)
            except psutil.TimeoutExpired:
                _kill_group(process.pid)
            except psutil.NoSuchProcess:
                continue


def _leftovers(file: Path) -> list[tuple[str, psutil.Process]]:
    try:
        remembered = json.loads(file.read_text())
    except (OSError, ValueError):
        return []
    found = []
    for name, (pid, created) in remembered.items():
        try:
            process = psutil.Process(pid)
            if abs(process.create_time() - created) < 1.0 and process.status() != psutil.STATUS_ZOMBIE:
                found.append((str(name), process))
        except psutil.NoSuchProcess:
            continue
    return found


def _die_with(parent: int) -> Callable[[], None]:
    """What a child does before it becomes its program: ask the kernel for a SIGTERM when ``parent`` dies (Linux)."""
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return lambda: None  # other systems: a later start ends what is left

    def before_exec() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return before_exec


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # all of them are gone


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
