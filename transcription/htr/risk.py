"""What may be promised of text that nobody looked at, from a sample of it: finite-sample bounds on its error rate.

**What is bounded** is the character error rate of all text of the pages in question: edits ÷ reference characters,
both summed before dividing. That is a ratio of two sums, and a mean of the pages' own rates is another number: short,
bad pages would count as much as long, good ones. Two things make the ratio a matter of bounded means:

- *Pages are drawn in proportion to their size* (characters the machine read), and lines of them by systematic
  sampling, again in proportion to size (Madow 1949). Then a page's ``edits`` and ``characters``, each the mean over
  draws of the line's number divided by its size, have expectations in the ratio of the two sums over all text.
- *For a given rate x* the claim "CER ≥ x" says that edits - x · characters has a mean of at least 0. So each x is
  tested by itself, and the bound is the least x that is refuted.

A line counts for at most ``MOST`` times its size, so that what is averaged is bounded; text that the machine missed
beyond that is not counted. The page is the unit: lines of a page are alike, pages drawn at random are independent.

**The bound** is a betting one (Waudby-Smith & Ramdas, JRSS B 2024): the capital of somebody who bets that the rate is
lower, mixed over fixed stakes. It does not depend on the order of the audits, and it may be looked at after each of
them (Ville's inequality), as people do. Hoeffding-Bentkus (Bates et al., JACM 2021) may not, and is wider here.

**The threshold** is chosen by fixed-sequence testing (Angelopoulos et al., Learn then Test, 2021): confidences are
fixed before any error is counted, tested from strict to lenient, and the last one before the first that fails is taken.
The first false claim of the sequence is tested at the full level, so that no correction is due, and errors need not
grow as the threshold falls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from transcription.htr.metrics import edit_counts
from transcription.htr.text import normalised

MOST = 1.25  # times its size that a line counts for, at most; on tune lines that hides 0.1 % of the errors
LEAST_SIZE = 10  # characters; a line of which nothing was read must have a chance to be drawn, too
LEAST_PAGES = 30  # no promise rests on fewer, however good they are
# Stakes of the bets, as shares of the largest that cannot lose everything; chosen on tune among mixtures of 4 to 24.
_STAKES = np.array([0.2, 0.5, 0.8, 0.99])
_HIGHEST = 2.0  # a bound above is none


@dataclass(frozen=True, slots=True)
class CheckedLine:
    """A drawn line: how often it was ``hits``, its ``size``, and what people found of the text under audit."""

    hits: int
    size: int
    edits: int
    characters: int


@dataclass(frozen=True, slots=True)
class PageLoss:
    """Edits and reference characters, each per character of size, of an audited page; both in [0, MOST].

    ``weight`` is 1 for pages drawn in proportion to size, and more where that would have been more often than always.
    """

    edits: float
    characters: float
    weight: float = 1.0


def line_size(text: str) -> int:
    """The characters by which a line is drawn, from the text under audit."""
    return max(LEAST_SIZE, len(normalised(text)))


def count_edits(truth: str, text: str) -> tuple[int, int]:
    """Edits and reference characters of a line, normalised."""
    reference = normalised(truth)
    return edit_counts(reference, normalised(text)), len(reference)


def inclusion(*, size: int, typical: float, rate: float) -> tuple[float, float]:
    """With which probability a page is drawn, and its weight; ``rate`` is the share of pages of ``typical`` size."""
    wanted = rate * size / typical
    return min(1.0, wanted), max(1.0, wanted)


def draw_lines(sizes: Sequence[int], count: int, random: Random) -> dict[int, int]:
    """Draw ``count`` times among lines in proportion to their sizes: {index: how often it was hit}.

    Systematic sampling from a random start: a line's expected hits are count · size ÷ all sizes, and the draws are
    spread over the page.
    """
    total = sum(sizes)
    if not total or count < 1:
        return {}
    step = total / count
    point = random.random() * step
    hits: dict[int, int] = {}
    reached = 0.0
    for index, size in enumerate(sizes):
        reached += size
        while point < reached and sum(hits.values()) < count:
            hits[index] = hits.get(index, 0) + 1
            point += step
    return hits


def page_loss(lines: Sequence[CheckedLine], weight: float = 1.0) -> PageLoss:
    """What the drawn lines of a page say of all of it, without bias. Raises ValueError for none."""
    draws = sum(line.hits for line in lines)
    if not draws:
        raise ValueError("a page of which no line was drawn says nothing")
    edits = sum(line.hits * min(MOST, line.edits / line.size) for line in lines)
    characters = sum(line.hits * min(MOST, line.characters / line.size) for line in lines)
    return PageLoss(edits / draws, characters / draws, weight)


def measured_rate(losses: Sequence[PageLoss]) -> float | None:
    """The error rate in the sample; None without characters."""
    characters = sum(loss.weight * loss.characters for loss in losses)
    return sum(loss.weight * loss.edits for loss in losses) / characters if characters else None


def evidence(losses: Sequence[PageLoss], rate: float) -> float:
    """The logarithm of the capital of who bets that the error rate is below ``rate``, having begun with 1.

    While it is not below, the capital is ever 1/δ with a probability of at most δ. Weights are relative to the heaviest
    page that may be drawn; callers pass them so that it has 1 (`relative`).
    """
    return _mixed(_excess(losses, rate), _STAKES / MOST)


def _excess(losses: Sequence[PageLoss], rate: float) -> NDArray[np.float64]:
    """(N,), in [-rate · MOST, MOST]: its mean is positive when the error rate is above ``rate``."""
    table = np.array([(loss.weight, loss.edits, loss.characters) for loss in losses], np.float64).reshape(-1, 3)
    excess: NDArray[np.float64] = table[:, 0] * (table[:, 1] - rate * table[:, 2])
    return excess


def _mixed(excess: NDArray[np.float64], stakes: NDArray[np.float64]) -> float:
    """log of the mean over ``stakes`` of Π (1 - stake · excess)."""
    logs = np.log1p(-np.outer(excess, stakes)).sum(axis=0)  # (J,)
    highest = float(logs.max())
    return highest + math.log(float(np.exp(logs - highest).mean()))


def relative(losses: Sequence[PageLoss], heaviest: float) -> list[PageLoss]:
    """The same with weights that are 1 for the heaviest page; ``heaviest`` is of all pages that may be drawn."""
    top = max([heaviest, *(loss.weight for loss in losses)])
    return [PageLoss(loss.edits, loss.characters, loss.weight / top) for loss in losses]


def upper_bound(losses: Sequence[PageLoss], level: float = 0.95) -> float:
    """The least error rate that ``losses`` refute at confidence ``level``; infinite where they refute none."""
    wanted = -math.log(1 - level)
    if not losses or evidence(losses, _HIGHEST) < wanted:
        return math.inf
    low, high = 0.0, _HIGHEST
    while high - low > 1e-5:
        middle = (low + high) / 2
        low, high = (low, middle) if evidence(losses, middle) >= wanted else (middle, high)
    return high


def lower_bound(losses: Sequence[PageLoss], level: float = 0.95) -> float:
    """The largest error rate that ``losses`` refute from above at confidence ``level``: it is truly higher; 0: none."""
    wanted = -math.log(1 - level)
    low, high = 0.0, min(measured_rate(losses) or 0.0, _HIGHEST)
    while high - low > 1e-5:
        middle = (low + high) / 2
        refuted = _mixed(_excess(losses, middle), -_STAKES / (middle * MOST)) >= wanted
        low, high = (middle, high) if refuted else (low, middle)
    return low


def interval(losses: Sequence[PageLoss], level: float = 0.95) -> tuple[float, float]:
    """Where the error rate truly lies, each side wrong with half of 1 - ``level`` at most, however few pages there are.

    The upper end is infinite where there are too few for any.
    """
    side = (1 + level) / 2
    return lower_bound(losses, side), upper_bound(losses, side)


def holds(losses: Sequence[PageLoss], rate: float, level: float = 0.95) -> bool:
    """Whether a promise of ``rate`` may be given on ``losses``."""
    return len(losses) >= LEAST_PAGES and evidence(losses, rate) >= -math.log(1 - level)


def is_broken(losses: Sequence[PageLoss], rate: float, level: float = 0.99) -> bool:
    """Whether ``losses``, in the order in which they were drawn, refute that the error rate is at most ``rate``.

    Anytime-valid: a promise that is kept is called broken with a probability of at most 1 - level, however long it is
    watched.
    """
    if not losses or rate <= 0:
        return False
    excess = _excess(losses, rate)
    stakes = -_STAKES / (rate * MOST)  # bets on the other side
    logs = np.log1p(-np.outer(excess, stakes)).cumsum(axis=0)  # (N, J)
    return bool(np.log(np.exp(np.minimum(logs, 500.0)).mean(axis=1)).max() >= -math.log(1 - level))


def least_pages(rate: float, level: float = 0.95) -> int:
    """How many audited pages without a single error a promise of ``rate`` takes."""
    count = LEAST_PAGES
    while not holds([PageLoss(0.0, 1.0)] * count, rate, level):
        count += max(1, count // 50)
    return count


def pages_needed(losses: Sequence[PageLoss], rate: float, level: float = 0.95) -> int | None:
    """How many audited pages a promise of ``rate`` takes in all, if those to come are like ``losses``.

    None where they would never do, their error rate being as high as that, or where there are too few to tell.
    """
    if len(losses) < LEAST_PAGES:
        return None if len(losses) == 0 else max(LEAST_PAGES, least_pages(rate, level))
    growth = np.log1p(-np.outer(_excess(losses, rate), _STAKES / MOST)).mean(axis=0)  # (J,), of each page
    best = float(growth.max())
    if best <= 0:
        return None
    wanted = -math.log(1 - level)
    count = float(len(losses))
    while count * best < 1e4:
        logs = count * growth
        if float(logs.max()) + math.log(float(np.exp(logs - logs.max()).mean())) >= wanted:
            return math.ceil(count)
        count *= 1.02
    return None


@dataclass(frozen=True, slots=True)
class Choice:
    """The threshold from which pages may be accepted, and the audits that say so."""

    threshold: float
    losses: list[PageLoss]


def choose_threshold(
    audits: Sequence[tuple[float, PageLoss]], thresholds: Sequence[float], rate: float, level: float = 0.95
) -> Choice | None:
    """The last of ``thresholds``, taken from strict to lenient, for which the promise holds before one does not.

    ``audits`` are (page confidence, loss). None where it does not hold for the strictest.
    """
    chosen = None
    for threshold in thresholds:
        losses = [loss for confidence, loss in audits if confidence >= threshold]
        if not holds(losses, rate, level):
            break
        chosen = Choice(threshold, losses)
    return chosen


def candidate_thresholds(confidences: Sequence[float], present: float) -> list[float]:
    """The confidences to try, strictest first: those that half, 60 %, … and all of the pages reach, and the ``present``
    threshold where it lies between them. They depend on confidences alone, so that errors cannot have chosen them."""
    if not confidences:
        return [present]
    reached = np.quantile(np.asarray(confidences, np.float64), [0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
    # Rounded down: the page that stands at a quantile reaches it.
    found = {math.floor(float(each) * 1000) / 1000 for each in reached}
    # A stricter one than half of the pages reach would hold up the sequence for want of audits; one below all of them
    # would accept pages the like of which nobody audited.
    return sorted(found | ({present} if min(found) <= present <= max(found) else set()), reverse=True)


def hoeffding_bentkus(losses: Sequence[PageLoss], rate: float) -> float:
    """P-value of "the error rate is at least ``rate``" by the Hoeffding-Bentkus inequality; good for one look.

    Bates et al., Distribution-free, risk-controlling prediction sets, JACM 2021, for the excess scaled to [0, 1].
    """
    if not losses:
        return 1.0
    count = len(losses)
    scale = MOST * (1 + rate)
    mean = float(((_excess(losses, rate) + rate * MOST) / scale).mean())
    claimed = rate * MOST / scale
    if mean >= claimed:
        return 1.0
    hoeffding = math.exp(-count * _relative_entropy(mean, claimed))
    bentkus = math.e * _binomial_cdf(math.ceil(count * mean), count, claimed)
    return min(1.0, hoeffding, bentkus)


def _relative_entropy(a: float, b: float) -> float:
    left = a * math.log(a / b) if a > 0 else 0.0
    right = (1 - a) * math.log((1 - a) / (1 - b)) if a < 1 else 0.0
    return left + right


def _binomial_cdf(successes: int, count: int, p: float) -> float:
    logs = [
        math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
        + k * math.log(p) + (count - k) * math.log1p(-p)
        for k in range(min(successes, count) + 1)
    ]  # fmt: skip
    return min(1.0, math.fsum(math.exp(each) for each in logs))
