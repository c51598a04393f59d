from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from transcription.htr.beam import Scoring, Search, search
from transcription.htr.ctc import greedy
from transcription.htr.language_model import STEPS, LanguageModel
from transcription.htr.vocabulary import Bonus, Vocabulary
from transcription.training.grams import count, prune, smooth

ALPHABET = "ab "
EXACT = Search(width=64, classes=3, blank=1.1)  # nothing is pruned on lines this short


def some_output(
    seed: int, frames: int, classes: int = len(ALPHABET) + 1, sharpness: float = 1.5
) -> NDArray[np.float32]:
    logits = np.random.default_rng(seed).normal(0, sharpness, (frames, classes))
    output: NDArray[np.float32] = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
    return output


def model_of(lines: list[str], alphabet: str = ALPHABET) -> LanguageModel:
    counted = count(lines, alphabet, 3)
    return LanguageModel(alphabet, prune(counted, smooth(counted, len(alphabet) + 1), 1000))


def by_hand(log_probs: NDArray[np.float32], scoring: Scoring) -> dict[tuple[int, ...], float]:
    """The weight of every text, summed over all paths."""
    totals: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        text = tuple(key for key, _ in itertools.groupby(path) if key)
        totals[text] += math.exp(sum(float(log_probs[t, k]) for t, k in enumerate(path)))
    for text in totals:
        totals[text] *= worth(text, scoring)
    return totals


def worth(text: tuple[int, ...], scoring: Scoring) -> float:
    if scoring.model is None:
        return 1.0
    [costs] = scoring.model.costs_of([np.array(text, np.uint8)])
    return math.exp(-scoring.alpha * float(costs.sum(dtype=int)) / STEPS + scoring.beta * len(text))


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_wide_search_finds_the_best_text_over_all_paths(seed: int, frames: int, with_model: bool) -> None:
    scoring = Scoring(model_of(["ab ab", "ba"]), 0.6, 0.8) if with_model else Scoring()
    log_probs = some_output(seed, frames)
    totals = by_hand(log_probs, scoring)
    [found] = search([log_probs], scoring, EXACT)
    texts = [tuple(text.tolist()) for text in found.texts]
    ranked = sorted(totals.values(), reverse=True)
    assert len(set(texts)) == len(texts), "no text twice"
    # Texts of equal weight may stand in any order.
    assert totals[texts[0]] == pytest.approx(ranked[0], rel=1e-3)
    for text, share in zip(texts[:5], found.shares[:5], strict=True):
        assert share == pytest.approx(totals[text] / sum(totals[each] for each in texts), rel=1e-2, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 30)), min_size=2, max_size=6))
@settings(max_examples=40, deadline=None)
def test_the_company_of_other_lines_changes_nothing(lines: list[tuple[int, int]]) -> None:
    outputs = [some_output(seed, frames, sharpness=4) for seed, frames in lines]
    scoring = Scoring(model_of(["ab ab", "ba"]), 0.6, 0.8)
    options = Search(width=8, classes=3)
    together = search(outputs, scoring, options)
    for output, found in zip(outputs, together, strict=True):
        [alone] = search([output], scoring, options)
        assert [text.tolist() for text in found.texts] == [text.tolist() for text in alone.texts]
        assert found.shares == pytest.approx(alone.shares, rel=1e-4)


def path(labels: list[int], peak: float, classes: int = len(ALPHABET) + 1) -> NDArray[np.float32]:
    probabilities = np.full((len(labels), classes), (1 - peak) / (classes - 1), np.float32)
    probabilities[np.arange(len(labels)), labels] = peak
    return np.log(probabilities)


@given(st.lists(st.integers(0, 3), max_size=40))
def test_frames_that_are_surely_blank_keep_equal_letters_apart(labels: list[int]) -> None:
    log_probs = path(labels, 0.9999)
    [found] = search([log_probs], Scoring(), Search(width=8, classes=3))
    text = "".join(ALPHABET[k - 1] for k in found.texts[0])
    assert " ".join(text.split()) == greedy(log_probs, ALPHABET).text
    assert found.shares[0] > 0.9


def test_a_model_settles_what_the_image_leaves_open() -> None:
    unsure = np.log(np.array([[0.01, 0.97, 0.01, 0.01], [0.02, 0.5, 0.47, 0.01], [0.97, 0.01, 0.01, 0.01]], np.float32))
    model = model_of(["ab"] * 30)
    [plain], [told] = (search([unsure], s, EXACT) for s in (Scoring(), Scoring(model, 1.0, 1.0)))
    assert plain.texts[0].tolist() == [1]
    assert told.texts[0].tolist() == [1, 2]


def test_a_listed_word_wins_where_the_image_leaves_it_open_and_not_against_it() -> None:
    alphabet = "abc "
    likely, unlikely = (
        np.log(np.array([[0.02, 0.94, 0.02, 0.01, 0.01], [0.02, 0.01, p, 0.96 - p, 0.01]], np.float32))
        for p in (0.6, 0.955)
    )
    listed = Scoring(vocabulary=Vocabulary(["Ac"], alphabet + "A", Bonus(word=1.5)))
    wide = [np.concatenate([each, np.full((2, 1), -9.0, np.float32)], axis=1) for each in (likely, unlikely)]
    open_case, clear_case = search(wide, listed, Search(width=16, classes=5))
    assert [text.tolist() for text in open_case.texts[:2]] == [[1, 3], [1, 2]]
    assert clear_case.texts[0].tolist() == [1, 2]
    assert search(wide[:1], Scoring(), Search(width=16, classes=5))[0].texts[0].tolist() == [1, 2]


def test_nothing_in_nothing_out() -> None:
    assert search([], Scoring(), Search()) == []
    [empty] = search([path([0, 0, 0], 0.99999)], Scoring(), Search())
    assert empty.texts[0].tolist() == []
    assert empty.shares == (1.0,)


def test_an_impossible_line_is_still_read() -> None:
    """Posteriors of nothing but zeros must not end in a division by zero."""
    hopeless = np.full((5, len(ALPHABET) + 1), -200.0, np.float32)
    [found] = search([hopeless], Scoring(), Search())
    assert all(math.isfinite(share) for share in found.shares)
