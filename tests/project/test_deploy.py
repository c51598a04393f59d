from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_deploy_check_has_nothing_to_say_about_a_server_set_up_as_the_guide_says(tmp_path: Path) -> None:
    environment = os.environ | {
        "DATABASE_URL": "postgresql://longhand:secret@db.example.org/longhand",
        "REDIS_URL": "redis://:secret@broker.example.org:6379/0",
        "LONGHAND_DATA": str(tmp_path),
        "LONGHAND_SECRET_KEY": "kO3vN1xq8Zt5sW7yB2mC4rD6fG9hJ0pL-kO3vN1xq8Zt5sW7yB2mC4rD6fG9hJ0pL",
        "LONGHAND_ALLOWED_HOSTS": "archive.example.org",
        "LONGHAND_CSRF_TRUSTED_ORIGINS": "https://archive.example.org",
        "LONGHAND_HTTPS": "true",
    }
    environment.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)  # the browser tests' own
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_wrong_environment_ends_in_a_list_and_no_traceback() -> None:
    environment = os.environ | {"LONGHAND_PORT": "high", "LONGHAND_LOG_LEVEL": "chatty"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "LONGHAND_PORT" in done.stderr
    assert "LONGHAND_LOG_LEVEL" in done.stderr
    assert "Traceback" not in done.stderr


def test_command_without_servers_says_how_to_start_them(tmp_path: Path) -> None:
    environment = os.environ | {"LONGHAND_DATA": str(tmp_path), "DATABASE_URL": "", "REDIS_URL": ""}
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--plan"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "manage.py services start" in done.stderr
    assert "Traceback" not in done.stderr
