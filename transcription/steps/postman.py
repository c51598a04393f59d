"""The sweeper's other hand: notices what is finished and sends mails, in a thread of its own since it may wait long."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.db import Error as DatabaseError
from django.db import connection

from transcription.steps.finished import notice_finished
from transcription.steps.mails import gather, send

logger = logging.getLogger(__name__)

EVERY = 10.0  # seconds


def post_once(stopping: Callable[[], bool] = lambda: False) -> None:
    notice_finished()
    gather()
    send(stopping)


def post_forever(*, stopping: Callable[[], bool]) -> None:
    """Go on until told to stop; survives the database's absence."""
    while not stopping():
        try:
            post_once(stopping)
        except DatabaseError as error:
            logger.warning("The database does not answer (%s); trying again.", error)
        connection.close()  # idle most of the time
        time.sleep(EVERY)
