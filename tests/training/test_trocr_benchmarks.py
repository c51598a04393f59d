from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from transcription.engines.trocr import TrOcr
from transcription.htr.records import Hints, LineImage, ReadingRecord
from transcription.training.random_trocr import as_text, write_random_trocr
from transcription.training.trocr_benchmarks import GenerateLoop, agreement


def test_tokens_are_compared_up_to_the_first_that_differs() -> None:
    assert agreement(["abcd"], ["abcd"]) == 1
    assert agreement(["abcd", "abcd"], ["abcd", "xbcd"]) == pytest.approx(4 / 5)
    assert agreement(["abcd"], ["abxd"]) == pytest.approx(2 / 3)


@pytest.mark.slow
def test_a_random_checkpoint_reads_the_tokens_of_generate_and_a_text_tells_which(tmp_path: Path) -> None:
    folder = write_random_trocr(tmp_path, "small")
    crops = [np.random.default_rng(key).integers(0, 256, (64, 300), np.uint8) for key in range(2)]
    engine = TrOcr(folder, precision="single", min_new_tokens=15, max_new_tokens=15, stop_repeats=0, device="cpu")
    results = engine.recognize([LineImage(key, crop) for key, crop in enumerate(crops)], Hints())
    texts = {result.key: result.text for result in results if isinstance(result, ReadingRecord)}
    assert [texts[0], texts[1]] == GenerateLoop(folder, "cpu").read(crops, 2)
    assert len(texts[0]) == 15
    assert as_text([0, 1, 2, 3, 4]) == "\U000f0004"
