from __future__ import annotations

from random import Random

import numpy as np
import pytest

from transcription.errors import BadInput
from transcription.training import promise_evaluation
from transcription.training.promise_evaluation import (
    VotedLine,
    draw_audits,
    error_rate,
    evaluate_promise,
    known_pages,
    simulate,
)


def voted(rng: np.random.Generator, name: str, page: str, wrong: float) -> list[VotedLine]:
    """Lines of a page of which a share of the letters is misread; confidence knows about it, roughly."""
    lines = []
    for _ in range(int(rng.integers(4, 12))):
        truth = "".join(rng.choice(list("abcdefgh "), 40))
        text = "".join("x" if rng.random() < wrong else letter for letter in truth)
        confidence = float(np.clip(1 - 3 * wrong + rng.normal(0, 0.05), 0, 1))
        lines.append(VotedLine(name, page, truth, text, confidence, 7))
    return lines


@pytest.fixture(scope="module")
def lines() -> list[VotedLine]:
    """Three sets of pages: read well, middling and badly."""
    rng = np.random.default_rng(1)
    sets = {"good": 0.02, "middling": 0.08, "bad": 0.25}
    return [
        line
        for name, wrong in sets.items()
        for page in range(12)
        for line in voted(rng, name, str(page), float(rng.uniform(0.5, 1.5)) * wrong)
    ]


def test_audits_measure_the_error_rate_without_bias(lines: list[VotedLine]) -> None:
    pages = known_pages(lines)
    found = [loss for seed in range(60) for _, loss in draw_audits(pages, 0.5, Random(seed))]
    measured = sum(loss.edits for loss in found) / sum(loss.characters for loss in found)
    assert measured == pytest.approx(error_rate(pages), rel=0.08)


def test_a_simulated_collection_keeps_its_bound_and_notices_other_material(lines: list[VotedLine]) -> None:
    pages = known_pages(lines)
    outcomes = [simulate(pages, seed=seed) for seed in range(40)]
    assert sum(each.bound >= each.truth for each in outcomes) >= 38
    made = [each for each in outcomes if each.threshold is not None]
    assert made
    assert sum(each.promised_truth <= each.asked for each in made) >= 0.95 * len(made) - 1
    shifted = [each for each in made if each.shifted]
    assert sum(each.expired_after is not None for each in shifted) >= 0.8 * len(shifted)


def test_the_same_seed_simulates_the_same_collection(lines: list[VotedLine]) -> None:
    pages = known_pages(lines)
    assert simulate(pages, seed=5) == simulate(pages, seed=5)


def test_the_report_counts_what_held(lines: list[VotedLine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promise_evaluation, "read_voted", lambda *args, **options: lines)
    report = evaluate_promise(None, "dev", [], None, collections=10)  # type: ignore[arg-type]
    assert report["collections"] == 10
    assert report["bound_holds"] >= 9
    assert report["promises_kept"] <= report["promises_made"] <= 10


def test_a_few_pages_are_no_collection(lines: list[VotedLine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promise_evaluation, "read_voted", lambda *args, **options: lines[:10])
    with pytest.raises(BadInput, match="at least 10"):
        evaluate_promise(None, "dev", [], None)  # type: ignore[arg-type]
