"""Binds an engine that costs money to the work it reads for: who pays for which line, what was paid for before, and
what becomes of work that must wait."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TypeVar

from transcription.engines.openai.meter import Answer, Metered
from transcription.errors import BudgetSpent, Postponed
from transcription.htr.records import ItemError, PageText, ReadingRecord, Usage
from transcription.models import Charge, Step, Work, WorkState
from transcription.steps import ledger
from transcription.steps.queue import postpone

logger = logging.getLogger(__name__)

Reader = TypeVar("Reader")


class WorkMeter:
    """Pays for the items of some claimed work. ``keys`` maps an item's key to its (work, line), a page's to (work, 0);
    it may grow while the engine reads."""

    def __init__(
        self,
        endpoint: str,
        works: Mapping[int, Work],
        keys: Sequence[tuple[int, int]],
        progress: Callable[[], None],
    ) -> None:
        self._endpoint = endpoint
        self._works = works
        self._keys = keys
        self._progress = progress
        rows = Charge.objects.filter(work_id__in=list(works), answer__isnull=False, endpoint=endpoint).order_by("pk")
        self._kept = {(work, line): found for work, line, found in rows.values_list("work_id", "line_id", "answer")}

    def kept(self, key: int) -> Answer | None:
        stored = self._kept.get(self._keys[key])
        return _answer(key, stored) if stored is not None else None

    def reserve(self, key: int, most: Usage) -> int:
        work_id, line_id = self._keys[key]
        work = self._works[work_id]
        payer = ledger.Payer(
            self._endpoint,
            work.collection_id,
            page_id=work.page_id,
            run_id=work.run_id,
            work_id=work_id,
            line_id=line_id,
        )
        return ledger.reserve(payer, most)

    def settle(self, charge: int, usage: Usage | None, answer: Answer | None) -> None:
        ledger.settle(charge, usage, None if answer is None else _stored(answer))

    def refund(self, charge: int) -> None:
        ledger.refund(charge)

    def waiting(self) -> None:
        self._progress()


@contextmanager
def paying(
    engine: Reader,
    *,
    name: str,
    works: Sequence[Work],
    keys: Sequence[tuple[int, int]],
    token: uuid.UUID,
    progress: Callable[[], None],
) -> Iterator[Reader]:
    """``engine`` (``name`` in settings.ENGINES) as it may be used for ``works``: bound to their meter where it costs
    something, as it is else.

    Where the block ends with Postponed, what is left of ``works`` is put off, uncounted, and the block ends in peace.
    Answers already paid for stay with their charges and are taken from there next time.
    """
    by_id = {work.pk: work for work in works}
    metered = isinstance(engine, Metered)
    bound: Any = engine.metered(WorkMeter(name, by_id, keys, progress)) if isinstance(engine, Metered) else engine
    try:
        yield bound
    except Postponed as later:
        _put_off(later, name, list(by_id), token)
    finally:
        if metered:
            _forget_answers(list(by_id))


def _put_off(later: Postponed, engine: str, work_ids: list[int], token: uuid.UUID) -> None:
    likewise = Work.objects.filter(step=Step.RECOGNIZE, pass_version__engine=engine)
    if isinstance(later, BudgetSpent) and later.collection is not None:
        likewise = likewise.filter(collection_id=later.collection)
    count = postpone(token=token, work_ids=work_ids, reason=later.message, seconds=later.seconds, likewise=likewise)
    logger.info("%d units of work wait %.0f s: %s", count, later.seconds, later.message)


def _forget_answers(work_ids: list[int]) -> None:
    """Answers whose page is written stand in its readings."""
    written = Work.objects.filter(pk__in=work_ids, state=WorkState.DONE)
    Charge.objects.filter(work_id__in=written.values("pk"), answer__isnull=False).update(answer=None)


def forget_errors(work_id: int) -> None:
    """What was paid for and was an error is asked anew when a person retries: they may have changed what it was of."""
    Charge.objects.filter(work_id=work_id, answer__kind=ItemError.__name__).update(answer=None)


def _stored(answer: Answer) -> dict[str, Any]:
    """An answer as JSON; its key is another one next time."""
    return {"kind": type(answer).__name__} | {name: value for name, value in asdict(answer).items() if name != "key"}


def _answer(key: int, stored: dict[str, Any]) -> Answer:
    """What ``_stored`` kept."""
    if stored["kind"] == "ItemError":
        return ItemError(key, stored["code"], stored["message"])
    cost: dict[str, Any] = {"milliseconds": stored["milliseconds"], "usage": Usage(**stored["usage"])}
    if stored["kind"] == "PageText":
        chars = tuple(tuple(each) for each in stored["chars"])
        return PageText(key, tuple(stored["lines"]), chars, raw=stored["raw"], **cost)
    return ReadingRecord(key, stored["text"], tuple(stored["chars"]), **cost)
