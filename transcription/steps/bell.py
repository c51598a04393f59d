"""The doorbell: a Celery message that only says "queue X has work". A lost one is late, a double one finds nothing."""

from __future__ import annotations

import logging
import time

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# A worker keeps claiming until nothing is due, so one ring serves many rows.
QUIET_SECONDS = 0.2
_last_rung: dict[str, float] = {}


def ring_on_commit(queue: str) -> None:
    """Ring once this transaction is committed; at once where there is none."""
    transaction.on_commit(lambda: ring(queue), robust=True)


def ring(queue: str, *, insist: bool = False) -> bool:
    """Ring for ``queue``; False if it was rung a moment ago or the broker is down (the sweeper rings again)."""
    now = time.monotonic()
    if not insist and now - _last_rung.get(queue, -QUIET_SECONDS) < QUIET_SECONDS:
        return False
    _last_rung[queue] = now
    try:
        current_app.send_task(f"transcription.tasks.drain_{queue}", queue=queue, expires=600)
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("The broker did not take a ring for %s (%s); the sweeper will ring again.", queue, error)
        return False
    return True
