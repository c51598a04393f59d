from __future__ import annotations

import pytest
import redis
from celery import shared_task
from django.conf import settings
from kombu import Connection

from project import celery_app


@shared_task(name="tests.out_of_memory")  # type: ignore[untyped-decorator]
def out_of_memory() -> None:
    raise MemoryError("cannot allocate 64 GiB")


def test_no_memory_error_leaves_a_task_because_it_would_end_the_worker() -> None:
    with pytest.raises(RuntimeError, match="ran out of memory"):
        out_of_memory()


def test_settings_that_nothing_lost_depends_on() -> None:
    conf = celery_app.conf
    assert conf.task_acks_late is False
    assert conf.worker_disable_prefetch is True
    assert conf.task_ignore_result is True
    assert conf.accept_content == ["json"]
    assert conf.worker_soft_shutdown_timeout == 60.0


def test_bells_reach_the_queue_of_their_name(broker_url: str, valkey: redis.Redis) -> None:
    celery_app.send_task("transcription.tasks.drain_cpu")
    celery_app.send_task("transcription.tasks.drain_engine")
    assert valkey.llen("cpu") == 1
    assert valkey.llen("engine") == 1
    with Connection(broker_url) as connection:
        message = connection.SimpleQueue("cpu").get(timeout=5)
        assert message.content_type == "application/json"
        message.ack()


def test_unknown_queue_is_refused() -> None:
    with pytest.raises(KeyError):
        celery_app.amqp.queues["mistyped"]
    assert settings.CELERY_TASK_CREATE_MISSING_QUEUES is False
