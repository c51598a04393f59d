from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from project import rights, services

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def fresh_folder() -> Iterator[Callable[[], Path]]:
    made: list[Path] = []
    with tempfile.TemporaryDirectory(prefix="longhand-services-") as parent:

        def make() -> Path:
            made.append(Path(parent) / f"services-{len(made)}")
            return made[-1]

        yield make
        for folder in made:
            services.stop(folder)


@pytest.fixture(scope="module")
def folder(fresh_folder: Callable[[], Path]) -> Path:
    """One folder for the tests of this module: each starts the servers itself, in whatever state it finds them."""
    return fresh_folder()


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 5
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_services_start_answer_and_stop(folder: Path) -> None:
    running = services.start(folder, durable=False)
    with psycopg.connect(running.database_url) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        connection.execute("CREATE EXTENSION IF NOT EXISTS unaccent")
        row = connection.execute("SELECT unaccent('Grüße'), similarity('hand', 'hands') > 0.5").fetchone()
        assert row in (("Grusse", True), ("Gruße", True))
    with redis.Redis.from_url(running.redis_url) as client:
        assert client.ping()
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
    assert services.status(folder).running
    services.stop(folder)
    assert services.status(folder) == services.Status(None, None)


def test_sockets_are_for_their_owner_alone(folder: Path) -> None:
    services.start(folder, durable=False)
    assert services.socket_folder(folder).stat().st_mode & 0o077 == 0


def test_second_start_finds_the_running_servers(folder: Path) -> None:
    services.start(folder, durable=False)
    before = services.status(folder)
    services.start(folder, durable=False)
    assert services.status(folder) == before


def test_start_after_kill_9_of_both_keeps_what_was_committed(folder: Path) -> None:
    running = services.start(folder, durable=False)
    with psycopg.connect(running.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        found = services.status(folder)
        kill(found.postgres)
        kill(found.valkey)
    assert services.status(folder) == services.Status(None, None)
    services.start(folder, durable=False)
    with psycopg.connect(running.database_url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert services.status(folder).running


def test_pid_files_naming_a_stranger_do_not_hinder_the_start(folder: Path) -> None:
    services.start(folder, durable=False)
    left = (folder / "postgres" / "postmaster.pid").read_text().split("\n", 1)[1]
    services.stop(folder)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (folder / "postgres" / "postmaster.pid").write_text(f"{stranger.pid}\n{left}")
        (folder / "valkey.pid").write_text(f"{stranger.pid}\n")
        assert services.status(folder) == services.Status(None, None)
        services.stop(folder)
        assert stranger.poll() is None, "stop must not touch a process that is not ours"
        services.start(folder, durable=False)
        assert services.status(folder).running
        stranger.kill()


def test_unreadable_journal_of_the_broker_is_replaced(folder: Path) -> None:
    services.start(folder, durable=False)
    services.stop(folder)
    for journal in (folder / "valkey" / "appendonlydir").glob("*.incr.aof"):
        journal.write_bytes(b"*3\r\n$garbage\r\n" * 20)
    services.start(folder, durable=False)
    assert services.status(folder).running


def test_two_processes_starting_at_once_end_with_one_pair_of_servers(fresh_folder: Callable[[], Path]) -> None:
    folder = fresh_folder()
    code = "import sys; from pathlib import Path; from project import services; services.start(Path(sys.argv[1]))"
    starters = [subprocess.Popen([sys.executable, "-c", code, str(folder)], cwd=ROOT) for _ in range(3)]
    assert [starter.wait(60) for starter in starters] == [0, 0, 0]
    assert services.status(folder).running
    homes = [folder / "postgres", folder / "valkey"]
    masters = [
        process
        for process in psutil.process_iter(["cwd", "cmdline"])
        if process.info["cwd"]
        and Path(process.info["cwd"]) in homes
        and not process.info["cmdline"][0].startswith("postgres:")
    ]
    assert len(masters) == 2


def test_long_paths_get_a_short_socket_folder() -> None:
    deep = Path("/tmp") / ("x" * 60) / ("y" * 60) / "services"
    sockets = services.socket_folder(deep)
    assert len(os.fsencode(sockets / services.POSTGRES_SOCKET)) <= services.SOCKET_PATH_LIMIT
    assert sockets == services.socket_folder(deep)
    assert sockets != services.socket_folder(deep.parent)
    assert services.socket_folder(Path("/srv/longhand/services")) == Path("/srv/longhand/services/run")


def test_stopping_a_folder_that_never_was_is_nothing(tmp_path: Path) -> None:
    services.stop(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another way")
def test_root_without_user_namespaces_uses_an_unprivileged_account(
    fresh_folder: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fresh_folder()
    refusing = tmp_path / "unshare"
    refusing.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert rights.process_rights().uid != 0
    running = services.start(folder, durable=False)
    with psycopg.connect(running.database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    services.stop(folder)
    monkeypatch.undo()
    services.start(folder, durable=False)  # the folder changes hands when namespaces are allowed again
    assert services.status(folder).running


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another way")
def test_root_with_no_way_at_all_gets_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(services.ServicesError, match="as an ordinary user or set DATABASE_URL"):
        rights.process_rights()


def test_url_of_a_unix_socket_becomes_celerys_spelling() -> None:
    assert services.broker_url("unix:///run/a%20b.sock?db=3") == "redis+socket:///run/a%20b.sock?virtual_host=3"
    assert services.broker_url("redis://localhost:6379/0") == "redis://localhost:6379/0"
