from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcription.htr.calibration import Calibration, fit
from transcription.htr.confidence import FEATURES
from transcription.htr.labelled import (
    LabelledLine,
    by_line,
    fit_errors,
    folds_of,
    held_out,
    label_line,
    labels_of,
    table_of,
)


def line(document: str, words: int, *, seed: int = 0, bias: float = 0.0) -> LabelledLine:
    """Words whose P(right) is logistic in "mean_char"; a wrong word has three wrong characters of five."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(2, 2, words)
    right = rng.random(words) < 1 / (1 + np.exp(-(mean - 1 + bias)))
    features = [(0.0, value, *[0.0] * (len(FEATURES) - 2)) for value in mean.tolist()]
    edits = 3 * int((~right).sum())
    return LabelledLine(document, tuple(features), tuple(right.tolist()), (5,) * words, 6 * words - 1, edits)


def lines(documents: int, each: int = 8) -> list[LabelledLine]:
    return [line(f"d{d}", 9, seed=100 * d + n) for d in range(documents) for n in range(each)]


def fitting(table: np.ndarray, right: np.ndarray) -> Calibration:
    return fit(table, right, FEATURES)


def test_a_vote_is_held_against_the_truth_word_by_word_and_letter_by_letter() -> None:
    features = [(0.5,), (0.1,)]
    found = label_line(document="d", text="the o1d", words=["the", "o1d"], features=features, truth="the old")
    assert (found.right, found.lengths, found.edits, found.characters) == ((True, False), (3, 3), 1, 7)
    assert found.cer == pytest.approx(1 / 7)
    assert not found.is_good


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 9)), min_size=1, max_size=40), st.integers(2, 10))
def test_no_document_is_in_two_folds(rows: list[tuple[int, int]], count: int) -> None:
    made = [line(f"d{document}", words, seed=n) for n, (document, words) in enumerate(rows)]
    folds = defaultdict(set)
    for each, fold in zip(made, folds_of(made, count).tolist(), strict=True):
        folds[each.document].add(fold)
        assert 0 <= fold < count
    assert all(len(each) == 1 for each in folds.values())


def test_a_held_out_word_is_judged_by_other_documents_alone() -> None:
    known = lines(6)
    calibration = fitting(np.zeros((1, len(FEATURES))), np.array([True]))
    table = table_of(known, calibration)
    seen: list[np.ndarray] = []

    def spy(values: np.ndarray, right: np.ndarray) -> Calibration:
        seen.append(values)
        return fitting(values, right)

    confidence = held_out(known, table, spy)
    assert np.isfinite(confidence).all()
    documents = np.repeat([each.document for each in known], [len(each.right) for each in known])
    folds = np.repeat(folds_of(known), [len(each.right) for each in known])
    for fold, values in zip(sorted(set(folds.tolist())), seen, strict=True):
        left_out = {tuple(row) for row in table[folds == fold]}
        assert not left_out & {tuple(row) for row in values}
        assert not set(documents[folds == fold]) & set(documents[folds != fold])


def test_words_of_one_document_cannot_be_held_out() -> None:
    known = lines(1)
    table = table_of(known, fitting(np.zeros((1, len(FEATURES))), np.array([True])))
    assert np.isnan(held_out(known, table, fitting)).all()


def test_what_was_not_stored_is_unknown() -> None:
    short = LabelledLine("d", ((1.0, 2.0),), (True,), (4,), 4, 0)
    row = table_of([short], fitting(np.zeros((1, len(FEATURES))), np.array([True])))[0]
    assert row[:2].tolist() == [1.0, 2.0]
    assert np.isnan(row[2:]).all()


def test_expected_errors_are_those_that_came() -> None:
    known = lines(12)
    confidence = held_out(known, table_of(known, fit(np.zeros((1, 11)), [True], FEATURES)), fitting)
    model = fit_errors(known, confidence)
    claims = by_line(known, confidence)
    expected = sum(model.edits(words) for words in claims)
    assert expected == pytest.approx(sum(each.edits for each in known), rel=0.1)
    good = np.mean([model.good_line(words) for words in claims])
    assert good == pytest.approx(np.mean([each.is_good for each in known]), abs=0.05)
    assert min(model.word, model.character, model.missed) >= 0
    assert model.good_rate > 0
    assert math.isfinite(model.good)


def test_labels_stand_in_the_order_of_lines() -> None:
    known = lines(2, each=1)
    assert labels_of(known).tolist() == [*known[0].right, *known[1].right]
