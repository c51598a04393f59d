from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest
import torch

from transcription.engines import halving, memory
from transcription.engines.halving import MOST_AT_ONCE, in_halves
from transcription.errors import EngineFailure, OutOfMemory
from transcription.htr.records import ItemError


@dataclass(frozen=True)
class Item:
    key: int


@dataclass(frozen=True)
class Result:
    key: int


class Engine:
    """Takes all it is given, or answers line by line with ``eager`` False; calls with more than ``most`` items, and any
    with one of ``heavy``, end out of memory, after ``first`` answers."""

    def __init__(
        self, *, most: int = 10**9, heavy: Iterable[int] = (), first: int = 0, eager: bool = True, error: Exception
    ) -> None:
        self.calls: list[int] = []
        self._most, self._heavy, self._first, self._eager, self._error = most, set(heavy), first, eager, error

    def read(self, items: Iterator[Item]) -> Iterator[Result]:
        place = len(self.calls)
        self.calls.append(0)
        if self._eager:
            taken = list(items)
            self.calls[place] = len(taken)
            if len(taken) > self._most or self._heavy & {item.key for item in taken}:
                able = [item for item in taken if item.key not in self._heavy]
                yield from (Result(item.key) for item in able[: self._first])
                raise self._error
            yield from (Result(item.key) for item in taken)
            return
        for item in items:
            self.calls[place] += 1
            if self.calls[place] > self._most or item.key in self._heavy:
                raise self._error
            yield Result(item.key)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Memory is not really given back: it would take most of these tests' time."""
    given: list[int] = []
    monkeypatch.setattr(memory, "give_back", lambda: given.append(1))
    return given


def keys(results: Iterable[Result | ItemError]) -> list[int]:
    return sorted(result.key for result in results)


def test_where_memory_suffices_there_is_one_call_and_items_are_taken_as_they_are_asked_for() -> None:
    taken: list[int] = []

    def items() -> Iterator[Item]:
        for key in range(100):
            taken.append(key)
            yield Item(key)

    engine = Engine(eager=False, error=MemoryError())
    results = in_halves(engine.read, items())
    next(results)
    assert taken == [0]
    assert len(list(results)) == 99
    assert engine.calls == [100]


def test_no_call_has_more_than_the_most() -> None:
    engine = Engine(error=MemoryError())
    assert keys(in_halves(engine.read, map(Item, range(2 * MOST_AT_ONCE + 1)))) == list(range(2 * MOST_AT_ONCE + 1))
    assert engine.calls == [MOST_AT_ONCE, MOST_AT_ONCE, 1]


@pytest.mark.parametrize("first", [0, 5])
def test_what_fitted_is_kept_to_for_the_rest(first: int, quick: list[int]) -> None:
    engine = Engine(most=40, first=first, error=MemoryError())
    again: list[int] = []
    found = in_halves(engine.read, map(Item, range(1000)), retrying=lambda: again.append(1))
    assert keys(found) == list(range(1000)), "each once: what a call had answered before it ended stands"
    failed = [calls for calls in engine.calls if calls > 40]
    assert len(failed) <= 5
    assert engine.calls[: len(failed)] == failed, "having found what fits, it is never tried with more"
    assert len(quick) == len(again) == len(failed)


def test_an_item_that_does_not_fit_alone_fails_and_the_others_go_in_company() -> None:
    engine = Engine(heavy=[300], error=torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB"))
    found = list(in_halves(engine.read, map(Item, range(5000))))
    assert keys(found) == list(range(5000))
    errors = [result for result in found if isinstance(result, ItemError)]
    assert [(error.key, error.code) for error in errors] == [(300, "out-of-memory")]
    assert "not enough memory" in errors[0].message
    assert len(engine.calls) < 45
    assert MOST_AT_ONCE in engine.calls[-3:], "the blame was the one item's"


def test_many_items_that_do_not_fit_cost_a_few_calls_each() -> None:
    heavy = range(3, 512, 16)
    engine = Engine(heavy=heavy, error=MemoryError())
    found = list(in_halves(engine.read, map(Item, range(512))))
    assert keys(found) == list(range(512))
    assert [result.key for result in found if isinstance(result, ItemError)] == list(heavy)
    assert len(engine.calls) < 12 * len(heavy)


def test_an_engine_that_answers_line_by_line_loses_no_line() -> None:
    engine = Engine(most=7, heavy=[20], eager=False, error=RuntimeError("can't allocate memory: you tried 4 GB"))
    found = list(in_halves(engine.read, map(Item, range(60))))
    assert keys(found) == list(range(60))
    assert [result.key for result in found if isinstance(result, ItemError)] == [20]


def test_where_nothing_fits_the_rest_is_not_tried() -> None:
    engine = Engine(most=0, error=MemoryError())
    found: list[Result | ItemError] = []
    with pytest.raises(OutOfMemory, match="read anything here"):
        found.extend(in_halves(engine.read, map(Item, range(100))))
    assert len(engine.calls) < 12


def test_an_engine_that_cannot_even_begin_is_asked_once() -> None:
    calls = []

    def read(items: Iterator[Item]) -> Iterator[Result]:
        calls.append(1)
        raise OutOfMemory("llama.cpp cannot make room for 4 texts")
        yield

    with pytest.raises(OutOfMemory, match=r"begin reading: llama\.cpp cannot make room"):
        list(in_halves(read, map(Item, range(9))))
    assert calls == [1]


def test_memory_that_runs_out_where_items_are_made_comes_through() -> None:
    def items() -> Iterator[Item]:
        yield Item(0)
        raise MemoryError("for the image")

    with pytest.raises(MemoryError, match="for the image"):
        list(in_halves(Engine(error=MemoryError()).read, items()))


def test_other_errors_come_through_at_once() -> None:
    engine = Engine(most=3, error=EngineFailure("the endpoint said: out of memory"))
    with pytest.raises(EngineFailure):
        list(in_halves(engine.read, map(Item, range(9))))
    assert engine.calls == [9]


def test_an_engine_that_stops_by_itself_is_not_asked_again() -> None:
    calls = []

    def lazy(items: Iterator[Item]) -> Iterator[Result]:
        calls.append(1)
        yield Result(next(items).key)

    assert keys(in_halves(lazy, map(Item, range(9)))) == [0]
    assert calls == [1]
    assert list(in_halves(lazy, iter(()))) == []
    assert calls == [1], "nothing to read is no call"


def test_what_a_call_held_is_free_before_the_next_one() -> None:
    import gc
    import weakref

    class Held:
        pass

    alive: list[weakref.ref[Held]] = []

    def read(items: Iterator[Item]) -> Iterator[Result]:
        assert not [one for one in alive if one() is not None], "the last call's batch is still in memory"
        held = Held()
        alive.append(weakref.ref(held))
        taken = list(items)
        if len(taken) > 3:
            raise MemoryError
        yield from (Result(item.key) for item in taken)

    gc.disable()
    try:
        assert keys(in_halves(read, map(Item, range(24)))) == list(range(24))
    finally:
        gc.enable()
    assert len(alive) > 4
    assert halving.MOST_MISFITS > 1
