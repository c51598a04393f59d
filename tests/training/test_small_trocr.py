from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from transcription.engines.trocr import TrOcr
from transcription.htr.metrics import cer
from transcription.htr.records import Hints, LineImage, ReadingRecord
from transcription.training.small_trocr import random_line, write_small_trocr


def test_it_is_small_and_reads_lines_that_it_has_not_seen(small_trocr: Path) -> None:
    assert sum(path.stat().st_size for path in small_trocr.iterdir()) < 2_000_000
    rng = np.random.default_rng(404)
    drawn = [random_line(rng) for _ in range(30)]
    results = TrOcr(small_trocr).recognize([LineImage(key, line) for key, (line, _) in enumerate(drawn)], Hints())
    texts = {result.key: result.text for result in results if isinstance(result, ReadingRecord)}
    errors = sum(cer(text, texts[key]) * len(text) for key, (_, text) in enumerate(drawn))
    assert errors / sum(len(text) for _, text in drawn) < 0.2, texts
    assert sum(texts[key] == text for key, (_, text) in enumerate(drawn)) >= 15, "and whole lines without a fault"


def test_the_same_seed_gives_the_same_weights_and_leaves_others_random_numbers_alone(tmp_path: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    one, two, three = (
        load_file(write_small_trocr(tmp_path / str(number), seed=seed, steps=3) / "model.safetensors")
        for number, seed in enumerate((5, 5, 6))
    )
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], three[name]) for name in one)
