"""What a running Longhand consists of on one machine: ``manage.py run``, step by step."""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command, get_commands
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.migrations.executor import MigrationExecutor

from project import services
from project.env import ROOT
from project.rights import ServicesError
from project.supervisor import Child, Supervisor

WEB_ANSWERS_WITHIN = 60.0
PORTS_TRIED = 50
STOP_WORKERS, STOP_WEB = 0, 1  # ranks: who hands out work is the last to go


class AlreadyRunning(Exception):
    """Another supervisor holds this data folder; the message says which."""


def run() -> None:
    """Run everything in the foreground until SIGINT or SIGTERM. Raises ServicesError, AlreadyRunning."""
    began = time.monotonic()
    settings.DATA.mkdir(parents=True, exist_ok=True)
    with _one_supervisor(settings.DATA / "supervisor.lock"):
        try:
            _start_services()
            _migrate()
            _collect_static()
            port = _free_port(settings.HOST, settings.PORT)
            url = f"http://{_address(_reachable(settings.HOST), port)}/"
            supervisor = Supervisor(children(port), settings.DATA, say=say)
            supervisor.listen()
            supervisor.start()
            try:
                if _wait_for_web(supervisor, url):
                    _make_sample(supervisor)
                    _greet(url, time.monotonic() - began)
                supervisor.watch(also=_restart_services)
            finally:
                say("longhand", "stopping (once more Ctrl-C: at once)")
                supervisor.stop()
        finally:
            connections.close_all()
            if _embedded():
                services.stop(settings.SERVICES)
    say("longhand", "stopped")


def children(port: int) -> list[Child]:
    """The processes beside the servers: web, one worker a queue, the sweeper."""
    # Several threads fighting for the cores of a small machine read slower than one; passive waiting leaves them free.
    threads = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1"}
    engine = threads | {"OMP_NUM_THREADS": str(settings.ENGINE_THREADS)}
    manage = str(ROOT / "manage.py")
    bind = _address(settings.HOST, port)
    return [
        Child("web", web(bind, settings.LOGS / "access.log"), threads, rank=STOP_WEB, patience=15),
        Child("cpu", worker("cpu"), threads, rank=STOP_WORKERS),
        Child("engine", worker("engine"), engine, rank=STOP_WORKERS),
        Child("sweep", [sys.executable, manage, "sweep"], threads, rank=STOP_WORKERS, patience=15),
    ]


def web(bind: str, access_log: Path) -> list[str]:
    """Command line of the web process that listens at ``bind`` (host:port)."""
    gunicorn = [sys.executable, "-m", "gunicorn", "project.wsgi", "--bind", bind, "--chdir", str(ROOT)]
    gunicorn += ["--worker-class", "gthread", "--workers", "1", "--threads", str(settings.WEB_THREADS)]
    gunicorn += ["--timeout", "120", "--graceful-timeout", "10", "--no-control-socket"]
    return [*gunicorn, "--access-logfile", str(access_log)]


def worker(queue: str) -> list[str]:
    """Command line of a worker of one queue. One process each: a device is shared best by batching, not by crowding."""
    celery = [sys.executable, "-m", "celery", "--workdir", str(ROOT), "-A", "project", "worker", "-Q", queue]
    celery += ["-n", f"{queue}-{os.getpid()}@%h", "--pool", "prefork", "--concurrency", "1", "--loglevel", "INFO"]
    return [*celery, "--without-gossip", "--without-mingle", "--without-heartbeat"]


def say(who: str, what: str) -> None:
    """One compact line on the console."""
    print(f"{time.strftime('%H:%M:%S')}  {who:<9} {what}", flush=True)


@contextmanager
def _one_supervisor(file: Path) -> Iterator[None]:
    with file.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyRunning(
                f"Longhand already runs on {settings.DATA} (process {lock.read().strip()}); stop that one with "
                "Ctrl-C or make stop, or set LONGHAND_DATA to another folder."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _embedded() -> bool:
    return bool(settings.EMBEDDED_DATABASE or settings.EMBEDDED_BROKER)


def _start_services() -> None:
    """Start, or start again, what of the embedded servers is needed and does not run."""
    if not _embedded():
        return
    found = services.status(settings.SERVICES)
    missing = [
        name
        for name, needed, pid in (
            ("PostgreSQL", settings.EMBEDDED_DATABASE, found.postgres),
            ("Valkey", settings.EMBEDDED_BROKER, found.valkey),
        )
        if needed and pid is None
    ]
    if missing:
        began = time.monotonic()
        services.start(settings.SERVICES, postgres=settings.EMBEDDED_DATABASE, valkey=settings.EMBEDDED_BROKER)
        say("services", f"{' and '.join(missing)} started in {time.monotonic() - began:.1f} s")


def _restart_services() -> None:
    """While everything else runs: servers that cannot start now may be able to in a moment (a full disk, say)."""
    try:
        _start_services()
    except ServicesError as error:
        say("services", str(error))


def _migrate() -> None:
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        began = time.monotonic()
        call_command("migrate", interactive=False, verbosity=0)
        say("database", f"brought up to date in {time.monotonic() - began:.1f} s")


def _collect_static() -> None:
    """Collect the static files if any has changed since the last time."""
    if settings.DEBUG:
        return  # served from where they are
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            file = Path(storage.path(path)).stat()
            digest.update(f"{path}\0{file.st_size}\0{file.st_mtime_ns}\n".encode())
    stamp = settings.STATIC_ROOT / ".collected"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    began = time.monotonic()
    settings.STATIC_ROOT.parent.mkdir(parents=True, exist_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0, clear=settings.STATIC_ROOT.exists())
    stamp.write_text(digest.hexdigest())
    say("static", f"files collected in {time.monotonic() - began:.1f} s")


def _free_port(host: str, wanted: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(wanted, min(wanted + PORTS_TRIED, 65536)):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
        if port != wanted:
            say("web", f"port {wanted} is taken by another program; using {port} (LONGHAND_PORT sets another)")
        return port
    raise ServicesError(f"No port from {wanted} on is free at {host}; set LONGHAND_PORT or LONGHAND_HOST.")


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reachable(host: str) -> str:
    """An address that a browser on this machine can open, where ``host`` means "on all of them"."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _wait_for_web(supervisor: Supervisor, url: str) -> bool:
    until = time.monotonic() + WEB_ANSWERS_WITHIN
    while time.monotonic() < until and not supervisor.stopping:
        supervisor.watch(seconds=0.2)
        try:
            with urllib.request.urlopen(url + "accounts/login/", timeout=5):
                return True
        except urllib.error.HTTPError:
            return True  # it answers; what it answers is not ours to judge
        except OSError:
            continue
    if not supervisor.stopping:
        say("web", f"does not answer yet; its log is {settings.LOGS / 'web.log'}")
    return False


def _make_sample(supervisor: Supervisor) -> None:
    """Make the sample collection, once in the life of a data folder: who removed it wants it gone."""
    stamp = settings.DATA / "sample-made"
    if not settings.DEMO or stamp.exists() or "create_sample" not in get_commands():
        return
    if not apps.get_model("transcription", "Collection")._default_manager.exists():
        say("sample", "making the sample collection")
        making = subprocess.Popen([sys.executable, str(ROOT / "manage.py"), "create_sample"])
        while making.poll() is None and not supervisor.stopping:
            supervisor.watch(seconds=0.5)
        if making.poll() is None:
            making.terminate()
            making.wait()
            return
        if making.returncode:
            say("sample", f"could not be made (exit code {making.returncode}); the next start tries again")
            return
    stamp.touch()


def _greet(url: str, seconds: float) -> None:
    names = [name for name in settings.DEMO_ACCOUNTS if _has_account(name)] if settings.DEMO else []
    connection.close()
    say("longhand", f"ready after {seconds:.1f} s:  {url}")
    if names:
        say("longhand", f"sample accounts, each with its name as password: {', '.join(names)}")
    say("longhand", f"logs: {settings.LOGS}   stop: Ctrl-C")


def _has_account(name: str) -> bool:
    return get_user_model()._default_manager.filter(username=name).exists()
