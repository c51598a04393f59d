from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.training.line_sets import write_set
from transcription.engines.decoding import GENERIC, LANGUAGES, Decoders, DecodingWeights
from transcription.engines.language_model_file import save_language_model
from transcription.training.decoding import (
    MODELS,
    Output,
    descend,
    foreign_lists,
    mean_rate,
    measure,
    names_of,
    rates,
    tune,
)
from transcription.training.grams import count, prune, smooth
from transcription.training.language_model import Source

ALPHABET = " abcdehklmnorstu"
TEXTS = ["the other monk", "the hut", "some other man", "the rest"]


def output(text: str, seed: int, name: str = "en_a") -> Output:
    """A line that was read with doubts: the right class is seldom far above the others."""
    rng = np.random.default_rng(seed)
    labels = [label for char in text for label in (ALPHABET.index(char) + 1, 0)]
    logits = rng.normal(0, 1.9, (len(labels), len(ALPHABET) + 1))
    logits[np.arange(len(labels)), labels] += 3.5
    return Output(name, text, (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32))


@pytest.fixture
def decoders(tmp_path: Path) -> Decoders:
    counted = count(TEXTS * 5, ALPHABET, 4)
    grams = prune(counted, smooth(counted, len(ALPHABET) + 1), 5_000)
    for name in MODELS:
        save_language_model(tmp_path / name, grams, {"alphabet": ALPHABET})
    return Decoders([tmp_path / name for name in MODELS], ALPHABET)


def test_descent_finds_the_lowest_place_and_asks_nothing_twice() -> None:
    asked: list[tuple[float, ...]] = []

    def loss(values: Sequence[float]) -> float:
        asked.append(tuple(values))
        return (values[0] - 1.25) ** 2 + 2 * (values[1] + 0.5) ** 2

    best, least = descend([0.0, 0.0], [0.5, 0.5], loss)
    assert best == [1.25, -0.5]
    assert least == 0
    assert len(asked) == len(set(asked))


def test_sets_weigh_by_the_square_root_of_their_size() -> None:
    assert mean_rate({"a": (0.1, 100), "b": (0.4, 400)}) == pytest.approx((0.1 * 10 + 0.4 * 20) / 30)
    lines = [output("the hut", 1, "en_a"), output("the rest", 2, "en_b")]
    assert rates(lines, ["the hut", "the resx"]) == {"en_a": (0.0, 7), "en_b": (1 / 8, 8)}


def test_weights_are_tuned_for_every_language_and_lower_the_error_rate(decoders: Decoders) -> None:
    lines = [output(text, 10 * seed + k) for seed in range(8) for k, text in enumerate(TEXTS)]
    counted = [Source("en-book", "en", tuple(TEXTS[:2] * 5)), Source("en_a", "en", tuple(TEXTS * 5))]
    tuned = tune(decoders, lines, {"en_a": frozenset(["Monk"])}, counted)
    assert list(tuned) == [*LANGUAGES, GENERIC]
    figures = tuned["en"]["tuned_on"]["cer"]
    assert figures["model"] < figures["greedy"]
    assert figures["model"] <= figures["strange_model"], "a model that has counted the set knows it better"
    with pytest.raises(KeyError):
        decoders.drop("en without en_a")
    assert tuned["fr"]["tuned_on"]["sets"] == ["en_a"], "a language without lines is tuned on all"
    again = {name: DecodingWeights.from_json(json.loads(json.dumps(tuned[name]))) for name in tuned}
    score = again["en"].score
    assert score.height > 0, "a surer character is more often right"
    report = measure(decoders, lines, {"en_a": frozenset(["Monk"])}, tuned)
    assert report["model"]["mean"] < report["greedy"]["mean"]
    assert report["greedy"]["sets"].keys() == {"en_a"}


def test_names_are_the_words_of_train_pages_that_are_always_capitalised(tmp_path: Path) -> None:
    texts = ["the Mill of Dufour", "mill and river", "Élise met M^r Dufour", "River"]
    rows = [("train", f"page{k}", f"{k}.png", text) for k, text in enumerate(texts)]
    write_set(tmp_path, "fr_a", [*rows, ("dev", "d", "d.png", "Secret Names")])
    [names] = names_of([tmp_path]).values()
    assert names <= {"Dufour", "Élise"}
    assert "Dufour" in names


def test_a_foreign_list_is_another_sets() -> None:
    lists = {name: frozenset([name]) for name in "abc"}
    assert foreign_lists(lists) == {"a": {"b"}, "b": {"c"}, "c": {"a"}}
