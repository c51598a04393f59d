"""The watch in an engine worker: what hangs or grows too large ends, what is idle goes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from tests.factories import create_collection
from tests.steps.journey import prepared_page
from transcription.engines import memory
from transcription.engines.registry import Registry
from transcription.models import Queue, Work, WorkState
from transcription.steps import drain as drain_module
from transcription.steps import watch
from transcription.steps.drain import drain
from transcription.steps.profiles import DEFAULT_STAGES, registry

ROOT = Path(__file__).resolve().parents[2]
MIB = 2**20


class Ended(Exception):
    """In the place of the end of this process."""


@pytest.fixture(autouse=True)
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def end(status: int, why: str) -> None:
        raise Ended(status, why)

    monkeypatch.setattr(watch, "_end", end)
    yield
    registry.cache_clear()


@pytest.fixture
def engines(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """This process's engines, one of them loaded."""
    settings.ENGINES = {
        "scribe": {"CLASS": "tests.steps.engines.Scribe", "VERSION": "1", "READS": ["lines"]},
    }
    monkeypatch.setattr(memory, "is_short", lambda: False)
    registry.cache_clear()
    registry().recognizer("scribe")
    return registry()


class TestHanging:
    def test_an_engine_without_progress_for_a_lease_ends_its_process(
        self, engines: Registry, settings: Settings
    ) -> None:
        settings.LEASE_SECONDS = 0.05
        with watch.working():
            watch.look()
            time.sleep(0.1)
            with pytest.raises(Ended) as ended:
                watch.look()
        status, why = ended.value.args
        assert status == watch.EXIT_HANGING == 75
        assert "an engine hangs" in why

    def test_progress_a_model_being_loaded_and_idleness_are_no_hanging(
        self, engines: Registry, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.LEASE_SECONDS = 0.2
        with watch.working():
            for _ in range(6):
                time.sleep(0.05)
                watch.progress()
                watch.look()
            monkeypatch.setattr(engines, "is_loading", lambda: True)
            time.sleep(0.25)
            watch.look()
        time.sleep(0.25)
        watch.look()

    def test_a_real_process_ends_with_its_code_and_its_sentence(self) -> None:
        code = (
            "import time, django; django.setup()\n"
            "from django.conf import settings\n"
            "settings.LEASE_SECONDS = 0.2\n"
            "from transcription.steps import watch\n"
            "watch.keep_watch(); watch.keep_watch()\n"
            "import threading\n"
            "assert [thread.name for thread in threading.enumerate()].count('watch') == 1\n"
            "with watch.working():\n"
            "    time.sleep(60)\n"
        )
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
        assert done.returncode == watch.EXIT_HANGING, done.stderr
        assert "an engine hangs" in done.stderr
        assert time.monotonic() - began < 50


class TestCeiling:
    def test_without_one_a_process_may_grow(self, engines: Registry, settings: Settings) -> None:
        settings.ENGINE_MEMORY_BYTES = 0
        assert not watch.is_over_ceiling()
        watch.look()

    def test_what_is_idle_goes_before_a_process_is_called_too_large(
        self, engines: Registry, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.ENGINE_MEMORY_BYTES = 100 * MIB
        monkeypatch.setattr(memory, "resident", lambda: (120 if engines.loaded() else 60) * MIB)
        monkeypatch.setattr(watch, "IN_A_HURRY", 0.0)
        assert not watch.is_over_ceiling()
        assert engines.loaded() == []

    def test_one_that_holds_half_as_much_again_is_ended_in_the_middle(
        self, engines: Registry, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.ENGINE_MEMORY_BYTES = 100 * MIB
        monkeypatch.setattr(memory, "resident", lambda: 149 * MIB)
        watch.look()
        assert watch.is_over_ceiling()
        monkeypatch.setattr(memory, "resident", lambda: 151 * MIB)
        with pytest.raises(Ended) as ended:
            watch.look()
        assert ended.value.args[0] == watch.EXIT_TOO_LARGE

    @pytest.mark.django_db
    def test_a_worker_at_its_ceiling_ends_its_turn_after_a_claim_and_calls_a_fresh_one(
        self, media_root: Path, scribe: object, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        collection = create_collection()
        pages = 5
        for _ in range(pages):
            prepared_page(media_root, collection=collection, lines=1)
        rung: list[str] = []
        monkeypatch.setattr(drain_module, "ring", lambda name, insist: rung.append(name))
        settings.ENGINE_MEMORY_BYTES = 1
        monkeypatch.setattr(watch, "HARD", 1e12)
        taken = drain(Queue.ENGINE)
        assert taken == drain_module.CLAIM_SIZE[Queue.ENGINE]
        assert rung == [Queue.ENGINE]
        left = Work.objects.filter(queue=Queue.ENGINE, state=WorkState.QUEUED).count()
        assert left == pages * len(DEFAULT_STAGES[0]) - taken
        assert not Work.objects.filter(state=WorkState.RUNNING).exists()


class TestIdle:
    def test_an_idle_model_goes_after_its_time_and_at_once_when_memory_is_short(
        self, engines: Registry, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.ENGINE_IDLE_SECONDS = 600
        watch.look()
        assert engines.loaded() == ["scribe"]
        monkeypatch.setattr(memory, "is_short", lambda: True)
        watch.look()
        assert engines.loaded() == ["scribe"], "it was used a moment ago"
        monkeypatch.setattr(watch, "IN_A_HURRY", 0.0)
        with engines.in_use():
            watch.look()
            assert engines.loaded() == ["scribe"], "it is at work"
        watch.look()
        assert engines.loaded() == []
        engines.recognizer("scribe")
        monkeypatch.setattr(memory, "is_short", lambda: False)
        settings.ENGINE_IDLE_SECONDS = 0
        watch.look()
        assert engines.loaded() == []
