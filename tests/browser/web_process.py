"""A web server in a process of its own, that can be killed and started again at the same address."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class WebProcess:
    """gunicorn as `make run` starts it, with few threads; ``environment`` names the database."""

    def __init__(self, environment: dict[str, str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        # With DEBUG, static files come from their folder: nothing has to be collected.
        self._environment = environment | {"LONGHAND_DEBUG": "true"}
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, patience: float = 60.0) -> None:
        command = [sys.executable, "-m", "gunicorn", "project.wsgi", "--bind", f"127.0.0.1:{self.port}"]
        command += ["--worker-class", "gthread", "--threads", "4", "--no-control-socket", "--log-level", "warning"]
        self._running = subprocess.Popen(command, cwd=ROOT, env=self._environment, start_new_session=True)
        end = time.monotonic() + patience
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.url}/accounts/login/", timeout=10):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
        raise AssertionError("the web server did not start")

    def kill(self) -> None:
        """At once, as a power cut would."""
        if self._running is not None:
            os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait(timeout=10)
            self._running = None
