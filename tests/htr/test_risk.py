from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcription.htr.risk import (
    LEAST_PAGES,
    LEAST_SIZE,
    MOST,
    CheckedLine,
    PageLoss,
    candidate_thresholds,
    choose_threshold,
    count_edits,
    draw_lines,
    evidence,
    hoeffding_bentkus,
    holds,
    inclusion,
    is_broken,
    least_pages,
    line_size,
    measured_rate,
    page_loss,
    pages_needed,
    relative,
    upper_bound,
)

shares = st.floats(0.0, MOST)
page_losses = st.builds(PageLoss, edits=shares, characters=st.floats(0.1, MOST), weight=st.floats(0.1, 1.0))
samples = st.lists(page_losses, min_size=1, max_size=60)


def drawn(rates: Sequence[float]) -> list[PageLoss]:
    return [PageLoss(rate, 1.0) for rate in rates]


def skewed(rng: np.random.Generator, count: int) -> tuple[list[PageLoss], float]:
    """Pages of which most read well and a tenth very badly, and the rate they are drawn with."""
    bad = rng.random(count) < 0.1
    rates = np.where(bad, rng.beta(4, 4, count), rng.beta(1, 30, count))
    return drawn(rates.tolist()), 0.1 * 0.5 + 0.9 / 31


@given(samples, st.randoms(use_true_random=False))
def test_the_order_of_the_audits_changes_nothing(losses: list[PageLoss], random: Random) -> None:
    mixed = list(losses)
    random.shuffle(mixed)
    assert evidence(mixed, 0.2) == pytest.approx(evidence(losses, 0.2))


@given(samples, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_higher_rate_is_easier_to_promise(losses: list[PageLoss], one: float, other: float) -> None:
    assert evidence(losses, min(one, other)) <= evidence(losses, max(one, other)) + 1e-9


@settings(deadline=None)
@given(samples)
def test_the_bound_is_above_what_was_measured(losses: list[PageLoss]) -> None:
    measured = measured_rate(losses)
    assert measured is not None
    assert upper_bound(losses) >= min(2.0, measured) - 1e-4


@given(st.lists(st.integers(LEAST_SIZE, 90), min_size=1, max_size=40), st.integers(1, 8), st.integers(0, 10**9))
def test_as_many_lines_are_drawn_as_were_asked_for(sizes: list[int], count: int, seed: int) -> None:
    hits = draw_lines(sizes, count, Random(seed))
    assert sum(hits.values()) == count
    assert set(hits) <= set(range(len(sizes)))


@given(st.lists(st.tuples(st.integers(LEAST_SIZE, 90), shares), min_size=1, max_size=12), st.integers(1, 5))
def test_what_is_drawn_of_a_page_says_without_bias_what_all_of_it_holds(
    lines: list[tuple[int, float]], count: int
) -> None:
    """The start is the only thing that is random: going through all starts gives the expectation."""
    sizes = [size for size, _ in lines]
    starts = np.arange(0.0005, 1.0, 0.001)

    class Fixed(Random):
        def __init__(self, start: float) -> None:
            self.start = start

        def random(self) -> float:
            return self.start

    found = []
    for start in starts:
        hits = draw_lines(sizes, count, Fixed(float(start)))
        found.append(sum(times * lines[index][1] for index, times in hits.items()) / count)
    whole = sum(size * share for size, share in lines) / sum(sizes)
    assert np.mean(found) == pytest.approx(whole, abs=0.02)


def test_the_same_seed_draws_the_same_lines() -> None:
    sizes = [30, 12, 44, 51, 23, 38]
    assert draw_lines(sizes, 3, Random(7)) == draw_lines(sizes, 3, Random(7))


def test_nothing_is_drawn_of_a_page_without_lines() -> None:
    assert draw_lines([], 3, Random(1)) == {}


def test_a_page_without_drawn_lines_says_nothing() -> None:
    with pytest.raises(ValueError, match="no line"):
        page_loss([])


def test_a_lines_edits_count_by_its_size_and_are_bounded() -> None:
    loss = page_loss([CheckedLine(hits=2, size=20, edits=2, characters=20), CheckedLine(1, 10, 80, 90)])
    assert loss.edits == pytest.approx((2 * 0.1 + MOST) / 3)
    assert loss.characters == pytest.approx((2 * 1.0 + MOST) / 3)


def test_edits_are_counted_between_normalised_texts() -> None:
    assert count_edits("the ſecond “day”", 'the second "day"') == (0, 16)
    assert count_edits("", "noise") == (5, 0)


def test_a_line_of_which_nothing_was_read_can_be_drawn() -> None:
    assert line_size("") == LEAST_SIZE
    assert line_size("a line of twenty-two x") == 22


def test_large_pages_are_drawn_more_often_and_weigh_more_where_they_are_drawn_for_sure() -> None:
    assert inclusion(size=1000, typical=500, rate=0.05) == (pytest.approx(0.1), 1.0)
    assert inclusion(size=1000, typical=500, rate=0.8) == (1.0, pytest.approx(1.6))
    assert relative([PageLoss(0.1, 1.0, 1.6), PageLoss(0.1, 1.0, 1.0)], heaviest=2.0)[0].weight == pytest.approx(0.8)


def test_the_bound_at_95_percent_is_above_the_truth_in_95_percent_of_samples() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        losses, truth = skewed(rng, 60)
        held += upper_bound(losses) >= truth
    assert held >= 0.95 * 400 - 9  # two standard deviations


def test_looking_after_every_audit_breaks_no_more_promises() -> None:
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(300):
        losses, truth = skewed(rng, 150)
        wrong += any(evidence(losses[:count], truth) >= math.log(20) for count in range(5, 151, 5))
    assert wrong <= 0.05 * 300 + 8


def test_choosing_a_threshold_breaks_no_more_promises() -> None:
    """Pages read the worse the less sure they are; the promise lies where the third threshold already breaks it."""
    rng = np.random.default_rng(3)
    thresholds = [0.8, 0.7, 0.6, 0.5]
    rate = 0.08
    broken = made = 0
    for _ in range(300):
        confidences = rng.uniform(0.5, 1.0, 600)
        mean = 0.35 * (1 - confidences) + 0.01
        audits = [
            (float(c), PageLoss(float(loss), 1.0))
            for c, loss in zip(confidences, rng.beta(mean * 6, (1 - mean) * 6), strict=True)
        ]
        choice = choose_threshold(audits, thresholds, rate)
        if choice is not None:
            made += 1
            truth = 0.35 * (1 - (1 + choice.threshold) / 2) + 0.01
            broken += truth > rate
    assert made > 250
    assert broken <= 0.05 * 300 + 8


def test_the_bound_tightens_with_more_audits() -> None:
    losses, truth = skewed(np.random.default_rng(4), 800)
    assert upper_bound(losses[:50]) > upper_bound(losses[:200]) > upper_bound(losses) > truth
    assert upper_bound(losses) < 1.4 * truth


def test_betting_bounds_closer_than_hoeffding_bentkus() -> None:
    losses, truth = skewed(np.random.default_rng(5), 200)
    rates = np.arange(truth, 0.6, 0.002)
    other = next(float(rate) for rate in rates if hoeffding_bentkus(losses, float(rate)) <= 0.05)
    assert upper_bound(losses) < other


def test_hoeffding_bentkus_covers() -> None:
    rng = np.random.default_rng(6)
    wrong = 0
    for _ in range(400):
        losses, truth = skewed(rng, 60)
        wrong += hoeffding_bentkus(losses, truth) <= 0.05
    assert wrong <= 0.05 * 400


def test_no_promise_rests_on_a_handful_of_pages() -> None:
    assert not holds(drawn([0.0] * (LEAST_PAGES - 1)), 0.5)
    assert holds(drawn([0.0] * LEAST_PAGES), 0.5)


def test_a_lower_promise_takes_more_pages_without_an_error() -> None:
    assert least_pages(0.5) == LEAST_PAGES
    assert 60 <= least_pages(0.08) <= 100
    assert 400 <= least_pages(0.01) <= 800
    assert not holds(drawn([0.0] * (least_pages(0.02) * 9 // 10)), 0.02)


def test_how_many_audits_are_needed_is_told_from_those_that_are_there() -> None:
    losses, truth = skewed(np.random.default_rng(7), 60)
    wanted = pages_needed(losses, 2 * truth)
    assert wanted is not None
    assert 60 < wanted < 1000
    assert pages_needed(losses, 0.5 * truth) is None
    assert pages_needed([], 0.1) is None


def test_a_promise_that_holds_needs_no_more() -> None:
    losses = drawn([0.01] * 300)
    assert holds(losses, 0.1)
    assert pages_needed(losses, 0.1) == 300


def test_a_kept_promise_is_hardly_ever_called_broken() -> None:
    rng = np.random.default_rng(8)
    alarms = 0
    for _ in range(300):
        losses, truth = skewed(rng, 200)
        alarms += is_broken(losses, truth * 1.0001)
    assert alarms <= 0.01 * 300 + 6


def test_a_promise_whose_errors_doubled_is_called_broken() -> None:
    losses, truth = skewed(np.random.default_rng(9), 200)
    doubled = [PageLoss(min(MOST, 2.5 * loss.edits), 1.0) for loss in losses]
    assert is_broken(doubled, truth)
    assert not is_broken([], truth)


def test_thresholds_to_try_depend_on_confidence_alone_and_go_from_strict_to_lenient() -> None:
    confidences = [0.5 + n / 200 for n in range(100)]
    found = candidate_thresholds(confidences, 0.5)
    assert found == sorted(found, reverse=True)
    assert found[0] == pytest.approx(0.747, abs=0.002)
    assert 0.5 in found
    assert candidate_thresholds([], 0.6) == [0.6]


def test_where_the_strictest_threshold_fails_nothing_is_chosen() -> None:
    audits = [(0.9, PageLoss(0.5, 1.0))] * 100 + [(0.6, PageLoss(0.0, 1.0))] * 400
    assert choose_threshold(audits, [0.8, 0.5], 0.2) is None
