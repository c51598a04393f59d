"""Send what waits in the outbox of webhooks, for as long as a receiver does not take it.

A sender holds what it sends for a while only: one that is killed between sending and noting it leaves the event to be
sent again, under the same id. So every event arrives at least once, and a receiver knows one it has seen.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from transcription.errors import LonghandError
from transcription.models import Delivery, DeliveryState
from transcription.steps.fetch import post
from transcription.steps.idempotency import forget_answers
from transcription.steps.settle_job import settle_left_jobs
from transcription.steps.webhooks import signed_headers

logger = logging.getLogger(__name__)

AT_ONCE = 8  # receivers that are called side by side
LOOK_SECONDS = 1.0  # between two looks at the outbox
TIDY_SECONDS = 60.0
ANSWER_SECONDS = 15.0  # for a receiver to take it
HELD = timedelta(seconds=60)  # after which a sender is believed dead
# Until the next attempt; then it is given up, a good day and a half after the first.
PAUSES = [timedelta(seconds=each) for each in (10, 60, 300, 1800, 7200, 18_000, 36_000, 72_000)]


def deliver_due() -> int:
    """Send what is due, one event to each of some receivers; returns how many were tried."""
    token = uuid.uuid4()
    claimed = _claim(token)
    if not claimed:
        return 0
    with ThreadPoolExecutor(max_workers=len(claimed)) as pool:
        for delivery, (status, problem) in zip(claimed, pool.map(_send, claimed), strict=True):
            _note(delivery, token, status, problem)
    return len(claimed)


def _claim(token: uuid.UUID) -> list[Delivery]:
    """The event that waited longest of each of some receivers, so that a slow one takes one place only."""
    with transaction.atomic():
        waiting = Delivery.objects.filter(state=DeliveryState.WAITING, due_at__lte=Now(), webhook__user__is_active=True)
        locked = waiting.select_for_update(of=("self",), skip_locked=True).order_by("due_at")[: 16 * AT_ONCE]
        first: dict[uuid.UUID, uuid.UUID] = {}
        for each in locked:
            first.setdefault(each.webhook_id, each.pk)
        chosen = list(first.values())[:AT_ONCE]
        held = {"claim": token, "due_at": Now() + HELD, "attempts": F("attempts") + 1, "tried_at": Now()}
        Delivery.objects.filter(pk__in=chosen).update(**held)
    return list(Delivery.objects.filter(pk__in=chosen, claim=token).select_related("webhook"))


def _send(delivery: Delivery) -> tuple[int | None, str]:
    """The receiver's status, None where there was none, and what was wrong, empty where it took the event."""
    headers = signed_headers(delivery, timestamp=int(time.time()))
    try:
        answer = post(delivery.webhook.url, body=delivery.body.encode(), headers=headers, seconds=ANSWER_SECONDS)
    except LonghandError as error:
        return None, error.message
    if 200 <= answer.status < 300:
        return answer.status, ""
    return answer.status, f"The receiver answered {answer.status}; expected is any status from 200 to 299."


def _note(delivery: Delivery, token: uuid.UUID, status: int | None, problem: str) -> None:
    """Write down how an attempt went, unless somebody else has taken the event over meanwhile."""
    changes: dict[str, object] = {"claim": None, "status": status, "problem": problem[:300]}
    if not problem:
        changes |= {"state": DeliveryState.DELIVERED, "due_at": None}
    elif delivery.attempts > len(PAUSES):
        changes |= {"state": DeliveryState.FAILED, "due_at": None}
    else:
        changes |= {"due_at": Now() + PAUSES[delivery.attempts - 1]}
    Delivery.objects.filter(pk=delivery.pk, claim=token).update(**changes)


def deliver_forever(*, stopping: Callable[[], bool]) -> None:
    """Empty the outbox until told to stop, and tidy up now and then; survives the database's absence."""
    tidied = time.monotonic()
    while not stopping():
        sent = 0
        try:
            sent = deliver_due()
            if time.monotonic() - tidied > TIDY_SECONDS:
                tidied = time.monotonic()
                settle_left_jobs()
                forget_answers()
        except DatabaseError as error:
            logger.warning("The database does not answer (%s); events wait in the outbox.", error)
            connection.close()
        if not sent:
            time.sleep(LOOK_SECONDS)
    connection.close()
