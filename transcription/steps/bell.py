"""The doorbell: a Celery message that only says "queue X has work". A lost one is late, a double one finds nothing."""

from __future__ import annotations

import logging
import time

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from transcription.models import Queue

logger = logging.getLogger(__name__)

# A worker keeps claiming until nothing is due, so one ring serves many rows.
QUIET_SECONDS = 0.2
# A broker that did not answer is left alone for a while: an upload of many files must not wait for it at each.
MUTE_SECONDS = 5.0
_quiet_until: dict[str, float] = {}
# Kombu waits six seconds for a broker that refuses connections, whatever task_publish_retry says.
_AT_ONCE = {"max_retries": 0}


def ring_on_commit(queue: str) -> None:
    """Ring once this transaction is committed; at once where there is none."""
    transaction.on_commit(lambda: ring(queue), robust=True)


def ring(queue: str, *, insist: bool = False) -> bool:
    """Ring for ``queue``; False if it was rung a moment ago or the broker is down (the sweeper rings again)."""
    if not insist and time.monotonic() < _quiet_until.get(queue, 0.0):
        return False
    _quiet_until[queue] = time.monotonic() + QUIET_SECONDS
    try:
        _send(queue)
    except (OperationalError, RedisError, OSError) as error:
        for name in Queue.values:  # one broker carries them all
            _quiet_until[name] = time.monotonic() + MUTE_SECONDS
        logger.warning("The broker did not take a ring for %s (%s); the sweeper will ring again.", queue, error)
        return False
    return True


def _send(queue: str) -> None:
    with current_app.connection_for_write() as connection:
        connection.transport_options = dict(connection.transport_options) | _AT_ONCE
        name = f"transcription.tasks.drain_{queue}"
        current_app.send_task(name, queue=queue, expires=600, connection=connection, retry=False)
