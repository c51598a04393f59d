"""Tests run on the real things: our own PostgreSQL and Valkey in a temporary folder, or those of the environment.

The environment is settled here, before Django's settings are read; the servers start when the first test needs one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import psutil
import pytest
from pytest_django.fixtures import Settings

for _name in [name for name in os.environ if name.startswith("LONGHAND_")]:
    del os.environ[_name]
PREFIX = "longhand-tests-"
FOLDER = Path(tempfile.mkdtemp(prefix=PREFIX))
(FOLDER / "owner").write_text(str(os.getpid()))
(FOLDER / "static").mkdir()
os.environ["LONGHAND_DATA"] = str(FOLDER)
os.environ["LONGHAND_LOG_LEVEL"] = "WARNING"
os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"

import django  # noqa: E402 - the environment comes first
import redis  # noqa: E402
from django.conf import settings  # noqa: E402

# Nothing to collect before a test, and no second spent on a password's hash.
settings.STORAGES = settings.STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
settings.ALLOWED_HOSTS = ["*"]
django.setup()

from project import services  # noqa: E402


def _clear_abandoned_folders() -> None:
    """Stop the servers and remove the folders of test runs that were killed."""
    for owner in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/owner"):
        try:
            if not psutil.pid_exists(int(owner.read_text())):
                services.stop(owner.parent / "services")
                shutil.rmtree(owner.parent, ignore_errors=True)
        except (OSError, ValueError):
            continue  # another user's, or just being made


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Processes that run tests side by side have servers of their own: they must not begin with this one's settings."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def pytest_unconfigure() -> None:
    services.stop(FOLDER / "services")
    shutil.rmtree(FOLDER, ignore_errors=True)


@pytest.fixture(scope="session")
def running_services() -> services.Services:
    """The servers the tests use; stopped when pytest ends. Those of DATABASE_URL and REDIS_URL where both are set."""
    _clear_abandoned_folders()
    if settings.EMBEDDED_DATABASE or settings.EMBEDDED_BROKER:
        services.start(settings.SERVICES, durable=False)
    return services.Services(settings.SERVICES, settings.DATABASE_URL, settings.REDIS_URL)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(running_services: services.Services) -> None:
    """Start PostgreSQL before pytest-django makes the test database in it."""


@pytest.fixture(autouse=True)
def media_root(tmp_path: Path, settings: Settings) -> Path:
    """Every test keeps its files to itself."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def valkey(running_services: services.Services) -> Iterator[redis.Redis]:
    """A client of the broker, emptied before and after."""
    with redis.Redis.from_url(running_services.redis_url) as client:
        client.flushdb()
        yield client
        client.flushdb()


@pytest.fixture
def broker_url(valkey: redis.Redis) -> str:
    """URL of the emptied broker, in Celery's spelling."""
    return str(settings.CELERY_BROKER_URL)


@pytest.fixture
def process_environment(transactional_db: None, valkey: redis.Redis, media_root: Path) -> dict[str, str]:
    """Environment in which a child process (a worker, the sweeper, a web server) works on this test's database.

    The child's media are in ``LONGHAND_DATA/media``, so this process's are put there too.
    """
    from django.db import connection

    database = connection.settings_dict
    query = {"host": database["HOST"]} | ({"port": database["PORT"]} if database["PORT"] else {})
    user = quote(str(database["USER"]), safe="")
    password = f":{quote(str(database['PASSWORD']), safe='')}" if database["PASSWORD"] else ""
    data = media_root.parent
    return dict(os.environ) | {
        "DATABASE_URL": f"postgresql://{user}{password}@/{quote(str(database['NAME']))}?{urlencode(query)}",
        "REDIS_URL": settings.REDIS_URL,
        "LONGHAND_DATA": str(data),
        "LONGHAND_SECRET_KEY": settings.SECRET_KEY,
    }


@pytest.fixture(scope="session")
def small_trocr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a TrOCR checkpoint that reads lines of `training.small_trocr`; trained once, some fifteen seconds
    of one core."""
    from transcription.training.small_trocr import write_small_trocr

    return write_small_trocr(tmp_path_factory.mktemp("small-trocr"))
