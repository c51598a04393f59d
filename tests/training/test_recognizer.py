from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.line_sets import Row, write_set
from transcription.engines.ctc_network import CtcNetwork
from transcription.engines.starter import Starter
from transcription.engines.weights_file import load_tensors, read_description
from transcription.errors import BadInput
from transcription.htr.ink import fit_height
from transcription.training import recognizer
from transcription.training.datasets import LineSample
from transcription.training.recognizer import Encoder, Plan, Progress, Sees, odds_of, rate_at, train

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
    monkeypatch.setattr(recognizer, "hide", lambda image, rng: image)
    monkeypatch.setattr(
        recognizer,
        "warp",
        lambda pixels, height, width, rng, wide_as: fit_height(pixels, height, width, wide_as=wide_as),
    )


def log_of(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def plan(lines: Path, run: Path, stage: str, seconds: float) -> Plan:
    return Plan(stage, (lines,), run, seconds)


def test_training_learns_a_handful_of_lines_and_resumes_from_its_checkpoint(lines: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(plan(lines, run, "real", 3))
    first = log_of(run)[-1]
    saved = torch.load(run / "checkpoint.pt", weights_only=True)
    assert saved["progress"]["step"] == first["step"] > 0
    assert saved["alphabet"]
    for seconds in (14, 30, 60):  # as many as a busy machine needs
        before = log_of(run)[-1]["step"]
        train(plan(lines, run, "real", seconds))
        last = log_of(run)[-1]
        assert last["step"] > before, "it went on where it was"
        if last["mean"] < 0.1:
            break
    assert last["mean"] < 0.1, f"{last['mean']:.2f} of the characters wrong on lines it was taught"
    assert not list(run.glob("*.partial"))
    assert set(saved["alphabet"]) == set("abd ")


def test_the_next_stage_goes_on_from_the_last_with_its_own_clock(lines: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(plan(lines, run, "real", 1))
    before = torch.load(run / "checkpoint.pt", weights_only=True)["progress"]
    train(plan(lines, run, "balance", 0.5))
    after = torch.load(run / "checkpoint.pt", weights_only=True)["progress"]
    assert after["stage"] == "balance"
    assert after["step"] > before["step"]
    assert after["stage_step"] == after["step"] - before["step"]
    assert after["seconds"] < before["seconds"] + 0.5


def test_what_was_logged_after_the_last_checkpoint_is_forgotten(lines: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(plan(lines, run, "real", 0.5))
    saved = torch.load(run / "checkpoint.pt", weights_only=True)["progress"]["step"]
    with (run / "log.jsonl").open("a") as log:
        log.write(json.dumps({"step": saved + 50, "lost": True}) + "\n")
    train(plan(lines, run, "real", 1))
    steps = [entry["step"] for entry in log_of(run)]
    assert steps == sorted(steps)
    assert not any("lost" in entry for entry in log_of(run))


@pytest.mark.slow
def test_two_processes_learn_as_one_and_end_together(lines: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = ["real", str(lines), "--run", str(run), "--minutes", "0.05", "--processes", "2"]
    subprocess.run([sys.executable, "-m", "transcription.training.recognizer", *arguments], check=True, timeout=240)
    saved = torch.load(run / "checkpoint.pt", weights_only=True)
    assert saved["progress"]["step"] > 0
    assert log_of(run)[-1]["lines"] == saved["progress"]["lines"] > saved["progress"]["step"]


def test_an_unknown_stage_is_said_in_a_sentence(lines: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no stage “warm”; choose synthetic, real, balance, second"):
        train(plan(lines, tmp_path / "run", "warm", 1))


def test_the_weights_it_writes_are_the_starters(lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognizer, "CtcNetwork", CtcNetwork)
    train(plan(lines, tmp_path / "run", "real", 0.1))
    assert set(Starter(tmp_path / "run" / "starter.safetensors").alphabet) == set("abd ")


def test_the_rate_warms_up_and_stays_and_falls_to_zero_in_the_last_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognizer, "WARMUP_STEPS", 100)
    steady = [rate_at(Progress(stage_step=step), 100, decay=0.0, peak=1.0) for step in (0, 49, 99, 500)]
    assert steady == [0.01, 0.5, 1.0, 1.0]
    falling = [rate_at(Progress(stage_step=500, seconds=at), 100, decay=1.0, peak=1.0) for at in (0, 50, 101)]
    assert falling == [1.0, pytest.approx(0.5), 0.0]
    late = [rate_at(Progress(stage_step=500, seconds=at), 100, decay=0.4, peak=1.0) for at in (0, 60, 80, 101)]
    assert late == [1.0, pytest.approx(1.0), pytest.approx(0.5), 0.0]


def test_a_second_network_begins_with_the_lower_half_of_the_first_and_says_how_it_sees(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognizer, "CtcNetwork", CtcNetwork)
    train(plan(lines, tmp_path / "first", "real", 0.1))
    first = tmp_path / "first" / "starter.safetensors"
    begun = recognizer.lower_half(first, 64)
    tall = CtcNetwork(5, height=64)
    unknown = tall.load_state_dict(begun, strict=False)
    assert not unknown.unexpected_keys
    assert {name.split(".")[0] for name in unknown.missing_keys} == {"context", "head"}
    middle = begun["project.weight"].view(256, 160, 4)[:, :, 1:3].sum(2)
    was = load_tensors(first)["project.weight"].view(256, 160, 3)
    expected = 0.75 * (1.25 * was[:, :, 1] + 0.375 * (was[:, :, 0] + was[:, :, 2]))
    assert torch.allclose(middle, expected, atol=1e-4), "each row is looked up where it stood in the line"
    train(replace(plan(lines, tmp_path / "second", "second", 0.1), sees=Sees(64, 48), begin_with=first))
    written = tmp_path / "second" / "starter.safetensors"
    said = read_description(written)
    assert (said["height"], said["wide_as"], said["alphabet"]) == (64, 48, read_description(first)["alphabet"])
    assert Starter(written, decoder="greedy").reader.height == 64


def test_small_sets_are_drawn_more_often_and_english_gets_its_share() -> None:
    samples = [LineSample("en_a", "p", "n", np.zeros((2, 2), np.uint8), "x")] * 4
    samples += [LineSample("fr_a", "p", "n", np.zeros((2, 2), np.uint8), "x")] * 100
    samples += [LineSample("fr_b", "p", "n", np.zeros((2, 2), np.uint8), "x")] * 25
    odds = odds_of(samples, english=0.3)
    assert odds.sum() == pytest.approx(1)
    assert odds[:4].sum() == pytest.approx(0.3)
    assert odds[4:104].sum() == pytest.approx(2 * odds[104:].sum()), "four times the lines count twice"


def test_what_is_not_in_the_alphabet_is_not_taught() -> None:
    assert Encoder("ab")("a€b") == [1, 2]
