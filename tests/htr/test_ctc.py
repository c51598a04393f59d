from __future__ import annotations

import time
import timeit

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from transcription.htr.ctc import greedy
from transcription.htr.records import ReadingRecord

ALPHABET = " abcé"


def path(labels: list[int], peak: float = 0.9, alphabet: str = ALPHABET) -> NDArray[np.float32]:
    """Log-probabilities (T, C) whose best class at each frame is the given one, at probability ``peak``."""
    classes = len(alphabet) + 1
    probabilities = np.full((len(labels), classes), (1 - peak) / (classes - 1), np.float32)
    probabilities[np.arange(len(labels)), labels] = peak
    return np.log(probabilities)


@given(st.text("abcé ", max_size=12), st.lists(st.integers(1, 3), min_size=12, max_size=12))
def test_greedy_inverts_a_synthetic_path(text: str, repeats: list[int]) -> None:
    text = " ".join(text.split())
    labels = [0]
    for char, repeat in zip(text, repeats, strict=False):
        labels += [ALPHABET.index(char) + 1] * repeat + [0]
    decoded = greedy(path(labels), ALPHABET)
    assert decoded.text == text
    assert decoded.chars == pytest.approx([0.9] * len(text), abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_any_output_makes_a_valid_reading(seed: int, frames: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, (frames, len(ALPHABET) + 1)).astype(np.float32)
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    decoded = greedy(log_probs.astype(np.float32), ALPHABET)
    record = ReadingRecord(key=1, text=decoded.text, chars=decoded.chars, spans=decoded.spans)
    assert record.text == " ".join(record.text.split())
    assert all(0 <= score <= 1 for score in record.chars)
    assert len(record.spans) == len(record.text)
    assert all(0 <= start < end <= 1 for start, end in record.spans)
    assert list(record.spans) == sorted(record.spans)


def test_a_blank_between_repeats_keeps_both() -> None:
    assert greedy(path([2, 2, 0, 2]), ALPHABET).text == "aa"
    assert greedy(path([2, 2, 2]), ALPHABET).text == "a"


def test_the_score_is_the_highest_posterior_of_the_run() -> None:
    log_probs = np.concatenate([path([2], 0.5), path([2], 0.8), path([0], 0.99), path([3], 0.6)])
    assert greedy(log_probs, ALPHABET).chars == pytest.approx((0.8, 0.6), abs=1e-6)


def test_spans_reach_halfway_to_the_neighbouring_peaks() -> None:
    decoded = greedy(path([0, 2, 0, 0, 0, 3, 0, 0, 0, 0]), ALPHABET)
    assert decoded.text == "ab"
    assert np.allclose(decoded.spans, [(0.0, 0.35), (0.35, 0.75)])


def test_a_single_character_spans_its_own_frames() -> None:
    assert greedy(path([0, 2, 2, 0]), ALPHABET).spans == ((0.25, 0.75),)


def test_spaces_at_the_ends_and_in_doubles_go_with_their_scores() -> None:
    decoded = greedy(path([1, 0, 2, 1, 0, 1, 3, 1, 0]), ALPHABET)
    assert decoded.text == "a b"
    assert len(decoded.chars) == len(decoded.spans) == 3


def test_decomposed_output_is_composed_with_its_lowest_score() -> None:
    alphabet = "e\u0301"
    log_probs = np.concatenate([path([1], 0.9, alphabet), path([2], 0.7, alphabet)])
    decoded = greedy(log_probs, alphabet)
    assert decoded.text == "é"
    assert decoded.chars == pytest.approx((0.7,), abs=1e-6)
    assert decoded.spans == ((0.0, 1.0),)


def test_no_frames_and_only_blanks_read_as_nothing() -> None:
    assert greedy(np.zeros((0, len(ALPHABET) + 1), np.float32), ALPHABET).text == ""
    assert greedy(path([0, 0, 0]), ALPHABET).text == ""


def test_an_alphabet_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="classes for an alphabet"):
        greedy(path([0]), "ab")


def test_decoding_a_long_line_costs_less_than_two_milliseconds_of_a_core() -> None:
    rng = np.random.default_rng(0)
    log_probs = np.log(rng.dirichlet(np.full(120, 0.05), 400) + 1e-12).astype(np.float32)
    alphabet = "".join(chr(0x100 + i) for i in range(119))
    # About 0.2 ms on an idle core: random output decodes to far more characters than a line has.
    runs = timeit.repeat(lambda: greedy(log_probs, alphabet), number=10, repeat=5, timer=time.process_time)
    assert min(runs) / 10 < 0.002
