from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from transcription.htr.beam import Scoring, Search
from transcription.htr.ctc import greedy
from transcription.htr.decoder import NBEST, CharacterScore, Decoder
from transcription.htr.language_model import LanguageModel
from transcription.htr.records import ReadingRecord
from transcription.training.grams import count, prune, smooth

ALPHABET = " abcé"


def path(labels: list[int], peak: float = 0.9) -> NDArray[np.float32]:
    classes = len(ALPHABET) + 1
    probabilities = np.full((len(labels), classes), (1 - peak) / (classes - 1), np.float32)
    probabilities[np.arange(len(labels)), labels] = peak
    return np.log(probabilities)


def noise(seed: int, frames: int) -> NDArray[np.float32]:
    logits = np.random.default_rng(seed).normal(0, 3, (frames, len(ALPHABET) + 1))
    output: NDArray[np.float32] = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
    return output


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    counted = count(["ab abé", "cab", "a b c"] * 10, ALPHABET, 3)
    return LanguageModel(ALPHABET, prune(counted, smooth(counted, len(ALPHABET) + 1), 500))


@given(st.lists(st.integers(0, 5), max_size=30))
@settings(deadline=None)
def test_a_clear_line_is_read_as_its_best_path(labels: list[int]) -> None:
    output = path(labels, 0.9999)
    [reading] = Decoder(ALPHABET).decode([output])
    best = greedy(output, ALPHABET)
    assert reading.decoded.text == best.text
    assert reading.decoded.chars == pytest.approx(best.chars, abs=2e-3)
    assert np.allclose(np.array(reading.decoded.spans), np.array(best.spans))


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 50)), min_size=1, max_size=5))
@settings(deadline=None, max_examples=50)
def test_any_output_makes_valid_readings(model: LanguageModel, lines: list[tuple[int, int]]) -> None:
    decoder = Decoder(
        ALPHABET, Scoring(model, 0.6, 1.0), Search(16, 5), CharacterScore(0.5, 0.4, 0.2, 0.1, -0.2, -0.2, -0.1)
    )
    readings = decoder.decode([noise(seed, frames) for seed, frames in lines])
    assert len(readings) == len(lines)
    for reading in readings:
        decoded = reading.decoded
        record = ReadingRecord(1, decoded.text, decoded.chars, decoded.spans, nbest=reading.nbest)
        assert record.text == " ".join(record.text.split())
        assert all(0 <= score <= 1 for score in record.chars)
        assert len(record.spans) == len(record.text)
        assert all(0 <= start < end <= 1 for start, end in record.spans)
        assert list(record.spans) == sorted(record.spans)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
@settings(deadline=None, max_examples=50)
def test_the_nbest_texts_differ_the_chosen_one_first(seed: int, frames: int) -> None:
    [reading] = Decoder(ALPHABET).decode([noise(seed, frames)])
    texts = [each.text for each in reading.nbest]
    assert 1 <= len(texts) == len(set(texts)) <= NBEST
    assert texts[0] == reading.decoded.text
    shares = [each.share for each in reading.nbest]
    assert sum(shares) <= 1 + 1e-6
    assert shares[1:] == sorted(shares[1:], reverse=True)


def test_a_line_without_frames_or_ink_reads_as_nothing() -> None:
    empty, blank = Decoder(ALPHABET).decode([path([]), path([0] * 9, 0.9999)])
    assert empty.decoded.text == blank.decoded.text == ""
    assert empty.nbest == ()


def test_a_character_that_others_disagree_on_has_the_lower_score(model: LanguageModel) -> None:
    output = np.concatenate([path([2, 0], 0.98), path([3], 0.55), path([0], 0.98)])
    score = CharacterScore(height=0.5, agreement=0.5)
    [reading] = Decoder(ALPHABET, Scoring(model, 0.3, 0.5), score=score).decode([output])
    assert reading.decoded.text == "ab"
    assert reading.decoded.chars[1] < reading.decoded.chars[0]


def test_what_is_known_of_characters_is_what_their_scores_are_made_of(model: LanguageModel) -> None:
    score = CharacterScore(0.3, 0.5, 0.2, 0.1, -0.2, -0.1, -0.1)
    decoder = Decoder(ALPHABET, Scoring(model, 0.6, 1.0), score=score)
    output = path([2, 0, 3, 0, 5, 5], 0.8)
    [(text, features)] = decoder.characters([output])
    [reading] = decoder.decode([output])
    assert text == reading.decoded.text == "abé"
    assert features.shape == (3, 6)
    assert reading.decoded.chars == pytest.approx(score(features))


def test_an_alphabet_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="classes for an alphabet"):
        Decoder("ab").decode([path([0])])
