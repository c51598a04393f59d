"""What an engine that costs money asks before a call and says after it. The step that reads knows who pays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from transcription.htr.records import Hints, ItemError, LineImage, PageImage, PageText, ReadingRecord, Usage

Answer = ReadingRecord | PageText | ItemError


class Meter(Protocol):
    """Stands between an engine and its calls. All methods are called from the thread that reads the results."""

    def kept(self, key: int) -> Answer | None:
        """What was paid for this item before, in a call whose page was never written."""
        ...

    def reserve(self, key: int, most: Usage) -> int:
        """Set aside the most that a call may cost; returns the charge's number. Raises BudgetSpent, charging nothing,
        where some cap leaves no room for it."""
        ...

    def settle(self, charge: int, usage: Usage | None, answer: Answer | None) -> None:
        """Charge what the endpoint counted; None: it did not say, or nobody knows whether the call was served, and the
        charge stays at its maximum. ``answer`` is kept until its page is written."""
        ...

    def refund(self, charge: int) -> None:
        """Give a reservation back: the call surely cost nothing."""
        ...

    def waiting(self) -> None:
        """Called now and then while calls are under way that will end by their time limit."""
        ...


class PaidReader(Protocol):
    """An engine bound to a meter."""

    def recognize(self, crops: Iterable[LineImage], hints: Hints) -> Iterator[ReadingRecord | ItemError]: ...

    def read_pages(self, pages: Iterable[PageImage], hints: Hints) -> Iterator[PageText | ItemError]: ...


@runtime_checkable
class Metered(Protocol):
    """An engine whose calls cost something."""

    def metered(self, meter: Meter) -> PaidReader:
        """The engine, paying by ``meter``."""
        ...


class Unmetered:
    """Counts nothing and limits nothing: for whoever calls an engine outside of the queue."""

    def kept(self, key: int) -> Answer | None:
        return None

    def reserve(self, key: int, most: Usage) -> int:
        return 0

    def settle(self, charge: int, usage: Usage | None, answer: Answer | None) -> None:
        pass

    def refund(self, charge: int) -> None:
        pass

    def waiting(self) -> None:
        pass
