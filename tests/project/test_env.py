from __future__ import annotations

from pathlib import Path

import pytest

from project.env import Env, WrongEnvironment, read_environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Env.variables():
        monkeypatch.delenv(name, raising=False)


def test_empty_environment_means_the_embedded_servers_and_no_debug() -> None:
    env = read_environment()
    assert env.embedded_database
    assert env.embedded_broker
    assert not env.debug


def test_all_faults_are_reported_at_once_by_the_names_of_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    faulty = {
        "DATABASE_URL": "sqlite:///longhand.db",
        "REDIS_URL": "amqp://localhost",
        "LONGHAND_PORT": "eighty",
        "LONGHAND_MAX_FILE_MB": "0",
        "LONGHAND_SECRET_KEY": "short",
        "LONGHAND_TIME_ZONE": "Mars/Olympus",
        "LONGHAND_CSRF_TRUSTED_ORIGINS": "archive.example.org",
    }
    for name, value in faulty.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(WrongEnvironment) as caught:
        read_environment()
    assert len(caught.value.faults) == len(faulty)
    for name in faulty:
        assert any(fault.startswith(f"{name}: ") for fault in caught.value.faults), name


def test_secrets_are_not_shown_in_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGHAND_SECRET_KEY", "hunter2")
    monkeypatch.setenv("DATABASE_URL", "mysql://me:hunter2@db/longhand")
    with pytest.raises(WrongEnvironment) as caught:
        read_environment()
    assert "hunter2" not in str(caught.value)


def test_misspelled_variable_is_named_with_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGHAND_ALLOWED_HOST", "archive.example.org")
    with pytest.raises(WrongEnvironment, match="did you mean LONGHAND_ALLOWED_HOSTS"):
        read_environment()


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGHAND_ALLOWED_HOSTS", "a.example.org, b.example.org,")
    assert read_environment().allowed_hosts == ("a.example.org", "b.example.org")


def test_demo_accounts_are_refused_on_a_public_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGHAND_DEMO", "true")
    monkeypatch.setenv("LONGHAND_HTTPS", "true")
    with pytest.raises(WrongEnvironment, match="known passwords"):
        read_environment()


def test_example_of_the_environment_lists_every_variable_and_no_other() -> None:
    listed = [
        line.removeprefix("#").split("=")[0].strip()
        for line in (ROOT / "deploy" / "env.example").read_text().splitlines()
        if "=" in line and line.removeprefix("#").split("=")[0].strip().isupper() and not line.startswith("# ")
    ]
    others = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}  # read by the S3 client itself
    assert sorted(set(listed) - others) == sorted(Env.variables())
    assert len(listed) == len(set(listed))
