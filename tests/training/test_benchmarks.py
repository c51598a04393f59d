from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from transcription.training.benchmarks import Contender, _spread, ratio, take_turns


def spin(steps: int) -> None:
    sum(range(steps))


def test_contenders_take_turns_and_the_first_round_is_not_counted() -> None:
    ran: list[str] = []
    seconds = take_turns([Contender(name, 2, lambda name=name: ran.append(name)) for name in "abc"], 2)
    assert ran == list("abc" * 3)
    assert {name: len(found) for name, found in seconds.items()} == {"a": 2, "b": 2, "c": 2}


def test_what_works_ten_times_as_long_is_found_several_times_as_slow() -> None:
    seconds = take_turns(
        [Contender("long", 1, lambda: spin(3_000_000)), Contender("short", 1, lambda: spin(300_000))], 5
    )
    assert 3 < ratio(seconds, "long", "short") < 30
    assert ratio(seconds, "long", "short") == pytest.approx(1 / ratio(seconds, "short", "long"))


def test_time_is_a_line_and_counts_child_processes() -> None:
    work = "sum(range(2_000_000))"
    command = [sys.executable, "-c", work]
    [child] = take_turns([Contender("child", 4, lambda: subprocess.run(command, check=True))], 1)["child"]
    assert child > 0.001, "four lines, each a quarter of what the child took"


def test_slow_engines_read_lines_of_every_width() -> None:
    crops = [np.zeros((64, width), np.uint8) for width in (900, 100, 500, 300, 700)]
    assert [crop.shape[1] for crop in _spread(crops, 3)] == [100, 500, 900]
    assert len(_spread(crops, 99)) == 5
    assert _spread([], 3) == []


@pytest.mark.slow
def test_random_trocr_has_the_published_size_and_reads_as_many_tokens_as_it_is_told() -> None:
    from transcription.training.random_trocr import random_trocr, trocr_reader

    assert sum(p.numel() for p in random_trocr("small").parameters()) == 61_596_672
    trocr_reader("small", 3)([np.full((64, 400), 230, np.uint8)] * 2)
