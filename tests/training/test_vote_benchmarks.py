from __future__ import annotations

import pytest

from transcription.training import vote_benchmarks
from transcription.training.vote_benchmarks import CHARACTERS, MIXES, draw_lines, measure_vote


@pytest.mark.parametrize(("mix", "least", "most"), [("mostly_alike", 1.5, 3.0), ("all_different", 4.8, 5.0)])
def test_the_lines_of_a_mix_differ_as_it_says(mix: str, least: float, most: float) -> None:
    lines = draw_lines(50, 5, MIXES[mix])
    texts = [{each.reading.text for each in line} for line in lines]
    assert least <= sum(map(len, texts)) / len(texts) <= most
    assert all(abs(len(text) - CHARACTERS) <= 6 for found in texts for text in found)


def test_the_same_lines_are_drawn_every_time() -> None:
    assert draw_lines(3, 5, MIXES["all_different"]) == draw_lines(3, 5, MIXES["all_different"])


def test_without_crowd_kit_the_rest_is_measured_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vote_benchmarks, "LINES", 5)
    monkeypatch.setattr(vote_benchmarks.importlib.util, "find_spec", lambda name: None)
    found = measure_vote(rounds=1)
    assert "pip install" in found["crowdkit"]
    assert found["all_different"]["lines_per_second"]["vote"] > 0
    assert set(found["all_different"]["milliseconds_by_readings"]) == {"2", "4", "8", "16", "32"}
