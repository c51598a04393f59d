"""The order-keeping assignment of stretches of a text's words to what was read on a page's lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

_SKIP = 0.42  # edits that a character costs which is left out, of a reading or of the text
_BREAK_WITHIN = 1.5  # edits that each end of a stretch within a line of the text costs
_JOIN = 3.0  # edits for each line break of the text within a stretch
_LONGEST = 1.6  # a stretch is at most so much longer than what was read …
_LEEWAY = 16  # … and so many characters


def assign_stretches(readings: Sequence[str], words: Sequence[str], breaks: NDArray[np.float64]) -> dict[int, range]:
    """The stretch of words (indices) for each reading that has one, cheapest in edits; both sides may be left out.

    ``breaks`` (W + 1,) counts the text's line breaks before each word. Time is words × lengths of the readings squared.
    """
    count = len(words)
    skipped = np.concatenate(([0.0], np.cumsum([_SKIP * (len(word) + 1) for word in words])))
    cut = np.where(breaks > 0, 0.0, _BREAK_WITHIN)  # (W + 1,) what an end of a stretch costs there
    cut[[0, count]] = 0.0
    before = np.cumsum(breaks)
    best = skipped.copy()  # cost of having dealt with the first words, and with no reading yet
    steps: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []  # per reading: words taken, words taken or skipped
    for reading in readings:
        costs = best + _SKIP * len(reading)
        taken = np.zeros(count + 1, dtype=np.intp)
        for k, edits in enumerate(_stretch_edits(reading, words), 1):
            first = np.arange(count + 1 - k)
            joins = before[first + k - 1] - before[first]  # breaks before the words within
            found = best[first] + edits + cut[first] + cut[first + k] + _JOIN * joins
            better = found < costs[k:]
            costs[k:][better], taken[k:][better] = found[better], k
        best, source = _skipping(costs, skipped)
        steps.append((taken, source))
    stretches: dict[int, range] = {}
    at = count
    for i in range(len(readings) - 1, -1, -1):
        taken, source = steps[i]
        at = int(source[at])
        if taken[at]:
            stretches[i] = range(at - int(taken[at]), at)
            at -= int(taken[at])
    return stretches


def _skipping(costs: NDArray[np.float64], skipped: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The cheapest way to each word when words may be skipped, and the word from which it skips."""
    relative = costs - skipped
    lowest = np.minimum.accumulate(relative)
    is_new = np.concatenate(([True], relative[1:] < lowest[:-1]))
    source = np.maximum.accumulate(np.where(is_new, np.arange(len(costs)), 0))
    return lowest + skipped, source


def _stretch_edits(reading: str, words: Sequence[str]) -> Iterator[NDArray[np.float64]]:
    """For k = 1, 2, …: edits between ``reading`` and the k words from each word on, (W + 1 - k,); inf if too long.

    Levenshtein's table for all first words at once, a row for each character of the text.
    """
    count, width = len(words), len(reading)
    longest = int(width * _LONGEST) + _LEEWAY
    text = " ".join(words) + " "
    ends = np.cumsum([len(word) + 1 for word in words]) - 1  # of each word in the text
    starts = ends - np.array([len(word) for word in words], dtype=np.intp)
    codes = np.array([ord(char) for char in text] + [0] * (longest + 1), dtype=np.int32)
    wanted = np.array([ord(char) for char in reading], dtype=np.int32)
    across = np.arange(width + 1, dtype=np.int16)  # small numbers: the table is what takes the time
    row = np.broadcast_to(across, (count, width + 1))
    table = np.empty((longest + 1, count), dtype=np.int16)
    table[0] = row[:, -1]
    for length in range(1, longest + 1):
        new = np.empty((count, width + 1), dtype=np.int16)
        new[:, 0] = length
        changed = row[:, :-1] + (codes[starts + length - 1][:, None] != wanted)
        np.minimum(changed, row[:, 1:] + np.int16(1), out=new[:, 1:])
        new -= across
        row = np.minimum.accumulate(new, axis=1, out=new)
        row += across
        table[length] = row[:, -1]
    for k in range(1, count + 1):
        lengths = ends[k - 1 :] - starts[: count + 1 - k]
        fits = lengths <= longest
        if not fits.any():
            return
        edits = np.full(count + 1 - k, np.inf)
        edits[fits] = table[lengths[fits], np.flatnonzero(fits)]
        yield edits
