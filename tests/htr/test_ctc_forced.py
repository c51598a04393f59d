from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.ctc_forced import best_labels, labels_of, log_likelihoods


def random_output(frames: int, classes: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(frames, classes))
    return (values - np.log(np.exp(values).sum(axis=1, keepdims=True))).astype(np.float32)


def collapsed(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(k for k, _ in itertools.groupby(path) if k)


@given(frames=st.integers(1, 5), seed=st.integers(0, 999))
def test_a_text_is_as_likely_as_all_paths_that_spell_it(frames: int, seed: int) -> None:
    output = random_output(frames, 3, seed)
    sums: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(3), repeat=frames):
        chance = float(np.exp(sum(float(output[t, k]) for t, k in enumerate(path))))
        sums[collapsed(path)] = sums.get(collapsed(path), 0.0) + chance
    texts = list(sums)
    found = np.exp(log_likelihoods(output, texts))
    assert found == pytest.approx([sums[text] for text in texts], rel=1e-4)


def test_all_texts_together_are_certain() -> None:
    output = random_output(4, 3, 1)
    texts = {collapsed(path) for path in itertools.product(range(3), repeat=4)}
    assert np.exp(log_likelihoods(output, sorted(texts))).sum() == pytest.approx(1.0, rel=1e-4)


def test_a_text_longer_than_the_line_is_impossible() -> None:
    assert log_likelihoods(random_output(3, 3, 0), [[1, 2, 1, 2]])[0] == -np.inf
    assert log_likelihoods(random_output(3, 3, 0), [[1, 1, 1]])[0] == -np.inf, "a blank must stand between equals"


def test_a_line_without_frames_holds_only_the_empty_text() -> None:
    assert log_likelihoods(np.zeros((0, 3), np.float32), [[], [1]]).tolist() == [0.0, -np.inf]


def test_texts_of_unlike_length_do_not_disturb_each_other() -> None:
    output = random_output(9, 4, 3)
    together = log_likelihoods(output, [[1], [1, 2, 3, 1], []])
    alone = [log_likelihoods(output, [text])[0] for text in ([1], [1, 2, 3, 1], [])]
    assert together == pytest.approx(alone)


def test_best_path_drops_blanks_and_repeats() -> None:
    output = np.full((5, 3), -9.0, np.float32)
    for frame, k in enumerate([1, 1, 0, 1, 2]):
        output[frame, k] = -0.01
    assert best_labels(output) == [1, 1, 2]


def test_characters_outside_the_alphabet_are_written_plainly_or_left_out() -> None:
    assert labels_of("b’a", "ab'") == [2, 3, 1]
    assert labels_of("a☃b", "ab") == [1, 2]
    assert labels_of("a […] b", "ab ") == labels_of("a  b", "ab "), "illegible ink is not spelled"
