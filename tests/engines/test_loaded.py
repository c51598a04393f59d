"""What a process keeps in memory: each engine built once, let go when it is idle or another needs its room."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from transcription.engines import loaded as loaded_module
from transcription.engines import memory
from transcription.engines.loaded import LoadedEngines

GIB = 2**30


class Model:
    """An engine that counts how often one like it was built and released."""

    built = released = 0

    def __init__(self) -> None:
        type(self).built += 1

    def release(self) -> None:
        type(self).released += 1


@pytest.fixture
def model() -> type[Model]:
    return type("Model", (Model,), {"built": 0, "released": 0})


@pytest.fixture
def given_back(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    times: list[int] = []
    monkeypatch.setattr(memory, "give_back", lambda: times.append(1))
    return times


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch, given_back: list[int]) -> Callable[[int], None]:
    """Says how much memory there is; each time something is given back, a gibibyte more."""

    def is_there(left: int) -> None:
        monkeypatch.setattr(memory, "available", lambda: left + len(given_back) * GIB)
        monkeypatch.setattr(memory, "total", lambda: 10 * GIB)

    return is_there


def test_an_engine_is_built_once_though_threads_ask_for_it_at_once(model: type[Model]) -> None:
    engines = LoadedEngines()
    together = threading.Barrier(4)

    def slowly() -> Model:
        time.sleep(0.05)
        return model()

    def ask() -> object:
        together.wait(10)
        return engines.get("a", "1", slowly)

    with ThreadPoolExecutor(4) as pool:
        found = {id(each.result(10)) for each in [pool.submit(ask) for _ in range(4)]}
    assert len(found) == model.built == 1
    assert engines.names() == ["a"]


def test_another_state_of_a_model_takes_the_place_of_the_one_before(model: type[Model], given_back: list[int]) -> None:
    engines = LoadedEngines()
    first = engines.get("a", "1", model)
    assert engines.get("a", "1", model) is first
    second = engines.get("a", "2", model)
    assert second is not first
    assert (model.built, model.released, given_back) == (2, 1, [1])


def test_a_model_that_cannot_be_built_leaves_nothing_and_is_tried_again(model: type[Model]) -> None:
    engines = LoadedEngines()

    def broken() -> object:
        assert engines.is_loading
        raise MemoryError

    with pytest.raises(MemoryError):
        engines.get("a", "1", broken)
    assert engines.names() == []
    assert not engines.is_loading, "or the watch would take the process for one that loads, for ever"
    assert isinstance(engines.get("a", "1", model), model)


class TestIdle:
    def test_what_was_not_used_goes_and_its_memory_with_it(
        self, model: type[Model], given_back: list[int], caplog: pytest.LogCaptureFixture
    ) -> None:
        engines = LoadedEngines()
        engines.get("a", "1", model)
        assert engines.release_idle(60, "idle") == []
        with caplog.at_level(logging.INFO, loaded_module.__name__):
            assert engines.release_idle(0, "memory is short") == ["a"]
        assert "Engine a was unloaded: memory is short." in caplog.text
        assert (engines.names(), model.released, given_back) == ([], 1, [1])
        engines.get("a", "1", model)
        assert model.built == 2, "it comes back when it is asked for"

    def test_nothing_is_let_go_while_any_is_in_use_and_use_counts_until_it_ends(self, model: type[Model]) -> None:
        engines = LoadedEngines()
        with engines.in_use():
            engines.get("a", "1", model)
            time.sleep(0.05)
            assert engines.release_idle(0, "memory is short") == []
        assert engines.release_idle(0.05, "idle") == [], "it was used a moment ago, however long that took"
        assert engines.release_idle(0, "idle") == ["a"]

    def test_nothing_is_let_go_while_one_is_built(self, model: type[Model]) -> None:
        engines = LoadedEngines()
        engines.get("a", "1", model)
        begun, go_on = threading.Event(), threading.Event()

        def slowly() -> Model:
            begun.set()
            go_on.wait(10)
            return model()

        thread = threading.Thread(target=engines.get, args=("b", "1", slowly))
        thread.start()
        begun.wait(10)
        assert engines.is_loading
        assert engines.release_idle(0, "memory is short") == []
        go_on.set()
        thread.join(10)
        assert engines.names() == ["a", "b"]


class TestRoom:
    def test_the_engine_that_was_not_used_for_longest_makes_room(
        self, model: type[Model], room: Callable[[int], None]
    ) -> None:
        room(5 * GIB)
        engines = LoadedEngines()
        for name in ("old", "older"):
            engines.get(name, "1", model)
        engines.get("old", "1", model)  # used again
        engines.get("large", "1", model, needs=6 * GIB)
        assert engines.names() == ["large", "old"], "one was enough"

    def test_where_there_is_room_all_stay(self, model: type[Model], room: Callable[[int], None]) -> None:
        room(9 * GIB)
        engines = LoadedEngines()
        for name in ("a", "b", "c"):
            engines.get(name, "1", model, needs=GIB)
        assert engines.names() == ["a", "b", "c"]

    def test_where_memory_is_short_others_go_though_the_new_one_says_that_it_is_small(
        self, model: type[Model], room: Callable[[int], None]
    ) -> None:
        room(GIB // 10)
        engines = LoadedEngines()
        engines.get("a", "1", model)
        engines.get("b", "1", model)
        assert engines.names() == ["b"]
