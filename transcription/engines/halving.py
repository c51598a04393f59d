"""Reading in halves: what does not fit into memory at once is read by fewer items a call, down to one.

This is the one place that answers memory that ran out, for all engines: they raise it as it comes (`engines.memory`
knows it by what libraries say) and hold nothing of the call any more once they have raised.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from transcription.engines import memory
from transcription.errors import OutOfMemory
from transcription.htr.records import ItemError

logger = logging.getLogger(__name__)

# Of one call. Engines that look at all lines before they read the first hold so many at most, some 60 MB; fewer would
# make their batches of lines of like width needlessly small.
MOST_AT_ONCE = 1024
# Items that do not fit even alone while none was read: then it is not theirs, and the rest waits for better times.
MOST_MISFITS = 3


class Keyed(Protocol):
    """A line or a page to be read, or what was read there."""

    @property
    def key(self) -> int: ...


Item = TypeVar("Item", bound=Keyed)
Result = TypeVar("Result", bound=Keyed)


def in_halves(
    read: Callable[[Iterator[Item]], Iterator[Result]],
    items: Iterable[Item],
    *,
    retrying: Callable[[], None] = lambda: None,
) -> Iterator[Result | ItemError]:
    """What ``read`` gives for ``items``, which are taken as it asks for them, at most ``MOST_AT_ONCE`` a call.

    When a call ends out of memory its results stand, memory is given back, ``retrying`` is called, and what it had not
    answered is read again by half as many. What fitted is kept to for the rest of ``items``, unless one of them was to
    blame: what does not fit alone is an ItemError, and those after it go in company again. ``read`` may end without
    having taken all it is offered: then it is not asked again. Every other error comes through.

    Raises OutOfMemory when nothing fits at all. Keys must differ.
    """
    waiting = _Waiting(items)
    limit = _Limit()
    misfits, fitted = 0, False
    while waiting.has_more():
        call = _Call(waiting, limit.size)
        yield from call.results(read)
        fitted = fitted or call.answered > 0
        if not call.ran_out:
            if not call.was_offered_all:
                return
            limit.fitted(call.count)
            continue
        memory.give_back()
        retrying()
        left = call.unanswered
        if len(left) == call.count == 1:
            misfits += 1
            key = next(iter(left))
            logger.warning("One of them does not fit into memory even alone: %s", call.ran_out)
            yield ItemError(key, OutOfMemory.code, "There is not enough memory to read this, even by itself.")
            limit.is_explained_by(key)
            if misfits >= MOST_MISFITS and not fitted:
                raise OutOfMemory("There is not enough memory to read anything here: give this worker more of it.")
        elif not call.answered and not left:
            raise OutOfMemory(f"There is not enough memory to begin reading: {call.ran_out}")
        else:
            logger.warning("Memory does not hold %d at once, %d are left: %s", call.count, len(left), call.ran_out)
            waiting.put_back(left.values())
            limit.was_too_much(call.count, left)


class _Waiting(Generic[Item]):
    """Items that are still to be read: those that were put back, then the others."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._back: deque[Item] = deque()
        self._rest = iter(items)
        self.is_broken = False  # what makes the items has failed; there are no others to come

    def next(self) -> Item | None:
        """None at the end."""
        if self._back:
            return self._back.popleft()
        try:
            return next(self._rest, None)
        except BaseException:
            self.is_broken = True
            raise

    def put_back(self, items: Iterable[Item]) -> None:
        self._back.extendleft(reversed(list(items)))

    def has_more(self) -> bool:
        first = self.next()
        if first is not None:
            self._back.appendleft(first)
        return first is not None


class _Call(Generic[Item]):
    """One call of an engine with at most ``most`` items. ``ran_out`` is what was said when memory did."""

    def __init__(self, waiting: _Waiting[Item], most: int) -> None:
        self._waiting, self._most = waiting, most
        self.count = self.answered = 0
        self.unanswered: dict[int, Item] = {}
        self.was_offered_all = False
        self.ran_out = ""

    def results(self, read: Callable[[Iterator[Item]], Iterator[Result]]) -> Iterator[Result]:
        """Its results until it ends or memory does. What it holds is free to go when this is over."""
        try:
            for result in read(self._items()):
                self.answered += self.unanswered.pop(result.key, None) is not None
                yield result
        except Exception as error:
            if self._waiting.is_broken or not memory.ran_out(error):
                raise
            self.ran_out = str(error)[:300] or type(error).__name__

    def _items(self) -> Iterator[Item]:
        while self.count < self._most:
            item = self._waiting.next()
            if item is None:
                break
            self.count += 1
            self.unanswered[item.key] = item
            self.was_offered_all = self.count == self._most
            yield item
        self.was_offered_all = True


@dataclass(slots=True)
class _Limit:
    """How many items a call may have. ``too_much`` are the calls that did not fit: how many items each had, and which
    of them it had not answered."""

    size: int = MOST_AT_ONCE
    too_much: list[tuple[int, frozenset[int]]] = field(default_factory=list)

    def was_too_much(self, count: int, left: Iterable[int]) -> None:
        keys = frozenset(left)
        self.too_much.append((count, keys))
        self.size = max(1, (len(keys) or count) // 2)

    def is_explained_by(self, key: int) -> None:
        """The calls with this item did not fit because of it alone."""
        self.too_much = [(count, keys) for count, keys in self.too_much if key not in keys]

    def fitted(self, count: int) -> None:
        """Twice as many next time, if that is at most half of what was too much before."""
        least = min((count for count, _ in self.too_much), default=2 * MOST_AT_ONCE)
        if count == self.size:
            self.size = max(count, min(2 * count, least // 2))
