"""The real web process on the database of a test: killed and started at will, in whatever it is doing."""

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

from django.contrib.auth.models import User
from django.test import Client

ROOT = Path(__file__).resolve().parents[1]
CSRF = "a" * 32


class WebProcess:
    """gunicorn as ``manage.py run`` starts it; a worker that is killed is replaced at once by its parent."""

    def __init__(self, environment: dict[str, str], application: str = "project.wsgi") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = Path(environment["LONGHAND_DATA"])
        self._application = application
        # Static files are served from where they are.
        self._environment = environment | {"LONGHAND_DEBUG": "true", "PYTHONPATH": str(ROOT)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "gunicorn", self._application, "--bind", f"127.0.0.1:{self.port}", "--preload"]
        command += ["--worker-class", "gthread", "--workers", "1", "--threads", "8", "--no-control-socket"]
        with (self.folder / "web.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(self.url + "/healthz", timeout=5).close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError((self.folder / "web.log").read_text())

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def session_of(user: User) -> str:
    """The value of a session cookie that logs ``user`` in."""
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value
