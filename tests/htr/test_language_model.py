from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transcription.htr.language_model import STEPS, Grams, LanguageModel, pack
from transcription.training.grams import count, prune, smooth

ALPHABET = " abc"
LINES = st.lists(st.text(ALPHABET, max_size=12), min_size=1, max_size=12)


def model_of(lines: list[str], *, order: int = 3, size: int = 10_000) -> LanguageModel:
    counted = count(lines, ALPHABET, order)
    return LanguageModel(ALPHABET, prune(counted, smooth(counted, len(ALPHABET) + 1), size))


def codes(text: str) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.array([ALPHABET.index(char) + 1 for char in text], np.uint8)


@given(LINES, st.integers(1, 4), st.integers(5, 60))
@example(["", "  a", "baac", "aa b "], 2, 5)
def test_the_probabilities_of_every_state_add_up_to_about_one(lines: list[str], order: int, size: int) -> None:
    model = model_of(lines, order=order, size=size)
    sums = np.exp(-model.costs.astype(float) / STEPS).sum(axis=1)
    # A quantised logarithm is off by up to 1/32, and clipped where a character is almost impossible.
    assert np.all(np.abs(sums - 1) < 0.033)


@given(LINES, st.text(ALPHABET, max_size=15), st.integers(2, 4), st.integers(5, 60))
def test_a_state_knows_exactly_the_longest_known_context(lines: list[str], text: str, order: int, size: int) -> None:
    """Walking the automaton finds what backing off by hand from the n-grams finds."""
    counted = count(lines, ALPHABET, order)
    grams = prune(counted, smooth(counted, len(ALPHABET) + 1), size)
    model = LanguageModel(ALPHABET, grams)
    [costs] = model.costs_of([codes(text)])
    known = [dict(zip(each.keys.tolist(), each.costs.tolist(), strict=True)) for each in grams]
    padded = [0, *codes(text).tolist(), 0]
    for place in range(1, len(padded)):
        for length in range(min(order, place + 1), 0, -1):
            key = int.from_bytes(bytes(padded[place - length + 1 : place + 1]), "big")
            if key in known[length - 1]:
                assert costs[place - 1] == known[length - 1][key]
                break
            if any(gram >> 8 == key >> 8 for gram in known[length - 1]):
                break  # the context is known and the character is not: what is left is shared out


def test_what_was_counted_often_is_cheap() -> None:
    model = model_of(["abc abc", "abc"] * 20)
    usual, odd = model.costs_of([codes("abc"), codes("cba")])
    assert usual.sum() < odd.sum()
    assert usual[1] < 5, "b surely follows a at the line's beginning"


def test_texts_of_unlike_lengths_may_be_asked_together() -> None:
    model = model_of(["abc abc"] * 5)
    texts = [codes(""), codes("abcabc"), codes("a")]
    together = model.costs_of(texts)
    assert [len(each) for each in together] == [1, 7, 2]
    for text, costs in zip(texts, together, strict=True):
        assert costs.tolist() == model.costs_of([text])[0].tolist()
    assert model.costs_of([]) == []


def test_weights_are_those_of_quantised_logarithms() -> None:
    weights = model_of(["abc"]).weights(0.5, 1.0)
    assert weights[0] == pytest.approx(np.e)
    assert weights[STEPS * 2] == pytest.approx(1.0)


def test_ngrams_are_packed_with_their_last_character_lowest() -> None:
    assert pack(np.array([1, 2, 3], np.uint8), 2).tolist() == [0x0102, 0x0203]
    assert pack(np.array([1], np.uint8), 2).tolist() == []


def test_what_cannot_be_packed_is_refused() -> None:
    empty = Grams(np.zeros(0, np.uint64), np.zeros(0, np.uint8))
    with pytest.raises(ValueError, match="expected at most"):
        LanguageModel("", [empty])
    with pytest.raises(ValueError, match="expected at most"):
        LanguageModel("ab", [empty] * 9)
