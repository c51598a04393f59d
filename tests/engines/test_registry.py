from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from transcription.engines import registry as registry_module
from transcription.engines.registry import EngineDeclaration, Registry, UnknownEngine
from transcription.engines.segmenters.classical import ClassicalSegmenter
from transcription.errors import WeightsError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(registry_module, "WEIGHTS", tmp_path)
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"weights")
    return path


def digest(**changes: object) -> str:
    declaration = {"CLASS": "a.B", "VERSION": "1", "WEIGHTS": "w.safetensors", "OPTIONS": {"beam": 1}} | changes
    return Registry({"e": declaration}).digest("e")  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "changes", [{"CLASS": "a.C"}, {"VERSION": "2"}, {"OPTIONS": {"beam": 2}}, {"OPTIONS": {}}], ids=str
)
def test_an_engine_that_reads_otherwise_has_another_digest(weights: Path, changes: dict[str, object]) -> None:
    assert digest(**changes) != digest()


def test_other_weights_are_another_engine(weights: Path) -> None:
    before = digest()
    weights.write_bytes(b"other weights")
    assert digest() != before


def test_other_files_beside_the_weights_are_another_engine(weights: Path) -> None:
    model = weights.with_name("lm.npz")
    model.write_bytes(b"counts")
    files = {"language_models": ["lm.npz"]}
    before = digest(FILES=files)
    assert before != digest()
    model.write_bytes(b"other counts")
    assert digest(FILES=files) != before
    model.unlink()
    with pytest.raises(WeightsError, match=r"lm\.npz is missing"):
        digest(FILES=files)


def test_an_engine_is_given_the_paths_of_its_files(weights: Path) -> None:
    declared: EngineDeclaration = {
        "CLASS": "types.SimpleNamespace",
        "VERSION": "1",
        "FILES": {"language_models": ["a.npz", "b.npz"]},
    }
    registry = Registry({"e": declared})
    with pytest.raises(UnknownEngine, match="does not read lines"):
        registry.recognizer("e")
    assert registry._build("e").language_models == [weights.with_name("a.npz"), weights.with_name("b.npz")]  # type: ignore[attr-defined]


def test_how_many_threads_an_engine_may_use_does_not_make_it_another(weights: Path) -> None:
    assert digest(RUNTIME={"threads": 1}) == digest(RUNTIME={"threads": 8}) == digest()


def test_missing_weights_are_named_with_what_to_do(weights: Path) -> None:
    weights.unlink()
    with pytest.raises(WeightsError, match=r"w\.safetensors is missing; restore it"):
        digest()


def test_unknown_engines_and_wrong_uses_are_said_in_a_sentence() -> None:
    declared: EngineDeclaration = {
        "CLASS": "transcription.engines.segmenters.classical.ClassicalSegmenter",
        "VERSION": "1",
    }
    registry = Registry({"lines": declared})
    assert isinstance(registry.segmenter("lines"), ClassicalSegmenter)
    assert registry.segmenter("lines") is registry.segmenter("lines")
    with pytest.raises(UnknownEngine, match="“lines” does not read lines; choose another"):
        registry.recognizer("lines")
    with pytest.raises(UnknownEngine, match="“lines” does not read whole pages; choose another"):
        registry.page_reader("lines")
    with pytest.raises(UnknownEngine, match="“lines” cannot say how probable a text is; choose another"):
        registry.scorer("lines")
    with pytest.raises(UnknownEngine, match="there are lines"):
        registry.digest("other")


def test_a_process_holds_what_it_was_told_to_and_what_its_machine_can_run() -> None:
    plain: EngineDeclaration = {"CLASS": "a.B", "VERSION": "1"}
    declared: dict[str, EngineDeclaration] = {
        "plain": plain,
        "other": plain,
        "needy": {**plain, "PACKAGES": ["no_such_package"]},
        "picky": {**plain, "PROBE": "tests.engines.test_registry.lack", "OPTIONS": {"what": "a program"}},
    }
    everything = Registry(declared)
    assert everything.held() == ["plain", "other"]
    assert everything.why_not("needy") == "the Python package no_such_package is not installed"
    assert everything.why_not("picky") == "a program is missing"
    some = Registry(declared, held=["other", "needy", "unheard of"])
    assert some.held() == ["other"]
    assert some.why_not("plain") == "LONGHAND_ENGINES does not name it"
    assert some.names() == list(declared), "what it does not hold it still knows by name and state"
    assert some.digest("plain") == everything.digest("plain")
    assert some.loaded() == []


def lack(*, what: str) -> str:
    return f"{what} is missing"


def test_a_web_process_can_name_an_engines_state_without_loading_what_reads() -> None:
    code = (
        "import sys, django; django.setup()\n"
        "from transcription.steps.profiles import registry\n"
        "print(len(registry().digest('classical')))\n"
        "assert not {'torch', 'safetensors'} & set(sys.modules), 'torch was loaded'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "64"
