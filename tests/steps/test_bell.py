from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from celery import current_app
from django.db import transaction

from tests.factories import create_collection, create_work
from tests.steps.journey import receive_page
from transcription.models import Original, Queue
from transcription.steps import bell
from transcription.steps.sweep import sweep_once


@pytest.fixture(autouse=True)
def fresh_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "_quiet_until", {})


@pytest.fixture
def dead_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery pointed at a port where nobody listens."""
    monkeypatch.setattr(current_app.conf, "broker_write_url", "redis://127.0.0.1:1/0")


def test_one_ring_serves_many_rows(valkey: redis.Redis) -> None:
    assert bell.ring(Queue.CPU)
    assert not bell.ring(Queue.CPU)
    assert bell.ring(Queue.CPU, insist=True)
    assert valkey.llen("cpu") == 2


@pytest.mark.django_db(transaction=True)
def test_nobody_is_called_before_the_work_can_be_seen(valkey: redis.Redis) -> None:
    with transaction.atomic():
        bell.ring_on_commit(Queue.CPU)
        assert valkey.llen("cpu") == 0
    assert valkey.llen("cpu") == 1


@pytest.mark.django_db(transaction=True)
def test_uploads_are_received_quickly_while_the_broker_is_down(tmp_path: Path, dead_broker: None) -> None:
    collection = create_collection()
    started = time.perf_counter()
    for number in range(5):
        receive_page(tmp_path, collection=collection, name=f"{number}.png")
    assert time.perf_counter() - started < 2
    assert Original.objects.count() == 5


def test_a_broker_that_is_down_is_left_alone_for_a_while(dead_broker: None, caplog: pytest.LogCaptureFixture) -> None:
    assert not bell.ring(Queue.CPU)
    for _ in range(50):
        assert not bell.ring(Queue.ENGINE)
    assert len(caplog.records) == 1, "one attempt, one line in the log"


@pytest.mark.django_db
def test_the_sweeper_rings_for_what_is_due_and_for_nothing_else(
    valkey: redis.Redis, scribe: Callable[..., None]
) -> None:
    assert sweep_once().rung == ()
    create_work(collection=create_collection(state="paused"))
    assert sweep_once().rung == ()
    create_work(collection=create_collection())
    assert sweep_once().rung == ("cpu",)
    assert valkey.llen("cpu") == 1
