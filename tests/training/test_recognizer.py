from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.training.line_sets import Row, write_set
from transcription.engines.ctc_network import CtcNetwork
from transcription.engines.starter import Starter
from transcription.htr.ink import fit_height
from transcription.training import recognizer
from transcription.training.recognizer import Encoder, Progress, rate_at, train

TEXTS = ["ab", "ba d", "da", "d b"]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    rows: list[Row] = [("train", f"p{n}", f"{n}.png", TEXTS[n % len(TEXTS)]) for n in range(160)]
    write_set(tmp_path / "lines", "en_toy", rows)
    return tmp_path / "lines"


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    monkeypatch.setattr(recognizer, "CtcNetwork", partial(CtcNetwork, lstm=32, dropout=0.0))
    monkeypatch.setattr(recognizer, "WARMUP_STEPS", 5)
    monkeypatch.setattr(recognizer, "BATCH_COLUMNS", 500)
    # Overfitting is the test here: lines as they are, not ever new ones.
    monkeypatch.setattr(recognizer, "weather", lambda pixels, rng: pixels)
    monkeypatch.setattr(recognizer, "warp", lambda pixels, height, width, rng: fit_height(pixels, height, width))


def log_of(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_training_learns_a_handful_of_lines_and_resumes_from_its_checkpoint(lines: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(lines, run, seconds=3, decay=1, texts=None, fonts=None)
    first = log_of(run)[-1]
    saved = torch.load(run / "checkpoint.pt", weights_only=True)
    assert saved["progress"]["step"] == first["step"] > 0
    assert saved["alphabet"]
    for seconds in (14, 30, 60):  # as many as a busy machine needs
        before = log_of(run)[-1]["step"]
        train(lines, run, seconds=seconds, decay=2, texts=None, fonts=None)
        last = log_of(run)[-1]
        assert last["step"] > before, "it went on where it was"
        if last["mean"] < 0.1:
            break
    assert last["mean"] < 0.1, f"{last['mean']:.2f} of the characters wrong on lines it was taught"
    assert not list(run.glob("*.partial"))
    assert set(saved["alphabet"]) == set("abd ")


def test_the_weights_it_writes_are_the_starters(lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognizer, "CtcNetwork", CtcNetwork)
    train(lines, tmp_path / "run", seconds=0.1, decay=1, texts=None, fonts=None)
    assert set(Starter(tmp_path / "run" / "starter.safetensors").alphabet) == set("abd ")


def test_the_rate_warms_up_stays_and_falls_to_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognizer, "WARMUP_STEPS", 100)
    rates = [rate_at(Progress(step=step), 100, 20, peak=1.0) for step in (0, 49, 99, 500)]
    assert rates == [0.01, 0.5, 1.0, 1.0]
    assert rate_at(Progress(step=500, seconds=79), 100, 20, peak=1.0) == 1.0
    assert rate_at(Progress(step=500, seconds=90), 100, 20, peak=1.0) == pytest.approx(0.5)
    assert rate_at(Progress(step=500, seconds=101), 100, 20, peak=1.0) == 0.0


def test_what_is_not_in_the_alphabet_is_not_taught() -> None:
    assert Encoder("ab")("a€b") == [1, 2]
