"""What the status page says of a healthy installation and of one whose parts are missing."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from project import services
from tests.factories import create_collection, create_failure, create_user, create_work
from transcription.models import Queue
from transcription.steps.condition import Finding, Level, findings, worst
from transcription.steps.workers import report_sweeper, report_worker


def by_name() -> dict[str, Finding]:
    return {finding.name: finding for finding in findings()}


def test_all_is_well_while_workers_and_the_sweeper_live(db: None, running_services: services.Services) -> None:
    for queue in Queue.values:
        report_worker(name=f"host-{queue}", queue=queue, engine_digests=[])
    report_sweeper()
    found = by_name()
    found.pop("disk")  # of the machine that tests
    assert {name: finding.level for name, finding in found.items() if finding.level != Level.OK} == {}


def test_what_is_missing_is_said_with_the_next_step(db: None, settings: Settings, client: Client) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    collection = create_collection()
    create_work(collection=collection, queue=Queue.ENGINE)
    create_failure(collection=collection)
    found = by_name()
    assert found["broker"].level == found["workers-engine"].level == found["sweeper"].level == Level.ALARM
    assert (found["workers-cpu"].level, found["failures"].level) == (Level.WARNING, Level.WARNING)
    assert found["queue-engine"].figures["waiting"] == 1
    assert all(finding.step for finding in found.values() if finding.level != Level.OK and finding.name != "disk")
    assert worst(found.values()) == Level.ALARM
    client.force_login(create_user(superuser=True))
    answer = client.get("/status.json")
    assert answer.status_code == 503
    assert {each["name"] for each in answer.json()["findings"]} == set(found)
    screen = client.get("/status/").content.decode()
    assert found["broker"].step in screen


@pytest.mark.parametrize("levels", [[], ["ok"], ["ok", "warning"], ["alarm", "ok"]])
def test_the_worst_counts(levels: list[str]) -> None:
    found = [Finding("x", "X", Level(level), "") for level in levels]
    assert worst(found) == Level(levels[0] if levels and levels[0] == "alarm" else (levels or ["ok"])[-1])
