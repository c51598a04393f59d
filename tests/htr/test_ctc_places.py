from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from transcription.htr.ctc_places import places


def some_output(seed: int, frames: int, classes: int = 4) -> NDArray[np.float32]:
    logits = np.random.default_rng(seed).normal(0, 2, (frames, classes))
    output: NDArray[np.float32] = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
    return output


def needed(text: list[int]) -> int:
    return len(text) + sum(a == b for a, b in itertools.pairwise(text))


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.lists(st.integers(1, 3), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_characters_stand_on_the_best_path_that_spells_them(seed: int, frames: int, text: list[int]) -> None:
    assume(needed(text) <= frames)
    output = some_output(seed, frames)
    spelling = [
        path
        for path in itertools.product(range(4), repeat=frames)
        if [key for key, _ in itertools.groupby(path) if key] == text
    ]
    best = max(spelling, key=lambda path: sum(output[t, k] for t, k in enumerate(path)))
    [found] = places([output], [np.array(text, np.uint8)])
    runs = [(key, list(group)) for key, group in itertools.groupby(enumerate(best), key=lambda item: item[1]) if key]
    assert found.starts.tolist() == [group[0][0] for _, group in runs]
    assert found.lengths.tolist() == [len(group) for _, group in runs]
    for (key, group), peak, height in zip(runs, found.peaks, found.heights, strict=True):
        assert height == max(output[t, key] for t, _ in group)
        assert output[peak, key] == height


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(0, 5)), min_size=2, max_size=5))
@settings(deadline=None)
def test_the_company_of_other_lines_changes_nothing(lines: list[tuple[int, int, int]]) -> None:
    outputs = [some_output(seed, frames) for seed, frames, _ in lines]
    texts = [np.array([1 + k % 3 for k in range(min(length, frames))], np.uint8) for _, frames, length in lines]
    for output, text, found in zip(outputs, texts, places(outputs, texts), strict=True):
        [alone] = places([output], [text])
        assert found.peaks.tolist() == alone.peaks.tolist()
        assert found.starts.tolist() == alone.starts.tolist()
        assert found.heights.tolist() == alone.heights.tolist()


def test_a_text_longer_than_its_line_is_refused() -> None:
    with pytest.raises(ValueError, match="no path through 2 frames"):
        places([some_output(1, 2)], [np.array([1, 1], np.uint8)])


def test_no_text_has_no_places() -> None:
    assert places([], []) == []
    [found] = places([some_output(1, 3)], [np.zeros(0, np.uint8)])
    assert len(found.peaks) == len(found.heights) == 0
