"""The vote against crowd-kit's ROVER, and its time by the number of readings, on lines that are drawn here.

One thread, processor seconds, in turns within one run; the least of several rounds counts, as whatever else the machine
does only adds. crowd-kit (extra `crowdkit`) knows neither scores nor engines; it is given characters, as it cannot look
into a word.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from transcription.htr.records import ReadingRecord
from transcription.htr.voting import PassReading, vote

CHARACTERS = 50
LINES = 100
READINGS = (2, 4, 8, 16, 32)
BARS = {"lines_per_second": ">= 2000", "over_crowdkit": ">= 10", "longest_over_linear": "<= 1.5"}
# Slips of each of five readings, over and over for more: three are right and two have a slip; or all differ.
MIXES = {"mostly_alike": (0, 1, 0, 0, 1), "all_different": (1, 3, 2, 4, 2)}

_TEXT = """
the of to and in that was his he it with as for had on at by which not but have from they this were their been one all
would there her him my when who will no more if out so said what up its about into than them can only other new some
could time these two may then do first any such like our over man me even most made after also letter Secretary received
Washington honorable department enclosed regiment captain October steamer respectfully
"""
_WORDS = _TEXT.split()
# What a hand makes alike.
_ALIKE = dict(zip("aoeucnmrvstlfhbiITdg", "oacnenwvrflttbklJFcy", strict=True))


def measure_vote(*, rounds: int) -> dict[str, Any]:
    """Lines per second of five readings of ``CHARACTERS`` characters in each mix, the ratio to crowd-kit where it is
    installed, and milliseconds a line for each of ``READINGS``."""
    report: dict[str, Any] = {"characters": CHARACTERS, "lines": LINES, "threads": 1, "rounds": rounds, "bars": BARS}
    theirs = _crowdkit()
    if theirs is None:
        report["crowdkit"] = "skipped: crowd-kit is not installed; pip install '.[crowdkit]'"
    for mix, slips in MIXES.items():
        lines = draw_lines(LINES, 5, slips)
        contenders: dict[str, Callable[[], object]] = {"vote": partial(_vote_all, lines)}
        if theirs is not None:
            contenders["crowdkit"] = partial(theirs, lines)
        seconds = _least(contenders, rounds)
        figures = {name: round(LINES / each, 1) for name, each in seconds.items()}
        different = sum(len({each.reading.text for each in line}) for line in lines) / LINES
        report[mix] = {"different_texts": round(different, 2), "lines_per_second": figures}
        if theirs is not None:
            report[mix]["over_crowdkit"] = round(seconds["crowdkit"] / seconds["vote"], 1)
        report[mix] |= _by_readings(slips, rounds)
    return report


def _by_readings(slips: Sequence[int], rounds: int) -> dict[str, Any]:
    """How time grows: the milliseconds of a reading at the most readings over those at the fewest is 1 where it is
    linear, and less where every line has a cost of its own."""
    actions: dict[str, Callable[[], object]] = {
        str(count): partial(_vote_all, draw_lines(LINES // 5, count, slips)) for count in READINGS
    }
    found = {count: 1000 * each / (LINES // 5) for count, each in _least(actions, rounds).items()}
    few, many = READINGS[0], READINGS[-1]
    growth = (found[str(many)] / many) / (found[str(few)] / few)
    return {
        "milliseconds_by_readings": {count: round(each, 3) for count, each in found.items()},
        "longest_over_linear": round(growth, 2),
    }


def draw_lines(lines: int, readings: int, slips: Sequence[int]) -> list[list[PassReading]]:
    """The same lines every time: so many readings each by passes of two engines, with scores and places."""
    rng = np.random.default_rng(6)
    return [_line(rng, readings, slips) for _ in range(lines)]


def _line(rng: np.random.Generator, readings: int, slips: Sequence[int]) -> list[PassReading]:
    true = ""
    while len(true) < CHARACTERS:
        true = f"{true} {rng.choice(_WORDS)}".strip()
    true = true[:CHARACTERS].rstrip().ljust(CHARACTERS, "e")
    found = []
    for k in range(readings):
        text = true
        for _ in range(slips[k % len(slips)]):
            text = _slip(text, rng)
        scores = tuple(np.round(1 - 0.5 * rng.random(len(text)) ** 2, 4).tolist())
        spans = tuple((at / len(text), (at + 1) / len(text)) for at in range(len(text)))
        found.append(PassReading(f"pass{k}", f"engine{k % 2}", ReadingRecord(k, text, scores, spans)))
    return found


def _slip(text: str, rng: np.random.Generator) -> str:
    """One error as readers make them: mostly one character for another, else one too many, too few, or a space."""
    at = int(rng.integers(1, len(text) - 1))
    kind = rng.random()
    if kind < 0.7:
        text = text[:at] + _ALIKE.get(text[at], "e") + text[at + 1 :]
    elif kind < 0.8:
        text = text[:at] + "i" + text[at:]
    elif kind < 0.9:
        text = text[:at] + text[at + 1 :]
    else:
        text = text.replace(" ", "", 1) if kind < 0.95 else f"{text[:at]} {text[at:]}"
    return " ".join(text.split())


def _vote_all(lines: list[list[PassReading]]) -> None:
    for line in lines:
        vote(line)


def _crowdkit() -> Callable[[list[list[PassReading]]], None] | None:
    """crowd-kit's ROVER over characters; None where it is not installed."""
    if importlib.util.find_spec("crowdkit") is None:
        return None
    import pandas as pd
    from crowdkit.aggregation import ROVER

    def run(lines: list[list[PassReading]]) -> None:
        rows = [(task, each.pass_name, each.reading.text) for task, line in enumerate(lines) for each in line]
        ROVER(list, "".join).fit_predict(pd.DataFrame(rows, columns=["task", "worker", "text"]))

    return run


def _least(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Processor seconds of each, the least of ``rounds`` in which they take turns, after one that is not counted."""
    seconds = dict.fromkeys(contenders, float("inf"))
    for counted in range(rounds + 1):
        for name, action in contenders.items():
            began = time.process_time()
            action()
            if counted:
                seconds[name] = min(seconds[name], time.process_time() - began)
    return seconds
