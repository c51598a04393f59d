from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from transcription.errors import BadInput
from transcription.training.curve import draw, read_log


def test_a_log_becomes_a_curve_of_every_set(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    entries = [
        {"lines": 100, "loss": 2.5},
        {"lines": 200, "tune_cer": {"en_a": 0.5, "fr_<b>": 0.3}, "mean": 0.4},
        {"lines": 300, "loss": 0.5},
        {"lines": 400, "tune_cer": {"en_a": 0.2, "fr_<b>": 0.1}, "mean": 0.15},
    ]
    log.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    losses, means, sets = read_log(log)
    assert losses == [(100, 2.5), (300, 0.5)]
    assert means == [(200, 0.4), (400, 0.15)]
    assert set(sets) == {"en_a", "fr_<b>"}
    drawn = ET.fromstring(draw(log))
    texts = [element.text or "" for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "mean 15.0%" in texts
    assert "fr_<b>" in texts
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))) == 4


@pytest.mark.parametrize(
    ("content", "sentence"), [("", "holds no evaluation yet"), ("no json\n", "line 1 is not JSON")]
)
def test_a_log_without_figures_is_said_in_a_sentence(content: str, sentence: str, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(content)
    with pytest.raises(BadInput, match=sentence):
        draw(log)
