"""Alignment of texts: sequences of words or characters, and the lines of a page, without coordinates.

Distances are Levenshtein's with unit costs (rapidfuzz).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import accumulate, compress
from operator import ne

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

Pair = tuple[int | None, int | None]  # index on the left, index on the right; None where one side has nothing

# Lines less alike than this are not thought to be the same line found out of order.
LIKELY_SAME_LINE = 0.5
# One reference line may be found as up to so many neighbouring lines (a wide gap in a table row, a torn page).
MOST_PIECES = 3
# Beyond so many differences it is quicker to align two sequences than to see how they align.
MOST_PLAIN = 6


def stretches(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[tuple[bool, range, range]]:
    """The fewest-edits alignment as alternating stretches (equal?, indices on the left, indices on the right)."""
    unlike = differences(left, right)
    if unlike is not None:
        return _by_position(unlike, len(left))
    runs: list[tuple[bool, range, range]] = []
    at_left = at_right = 0
    for block in Levenshtein.editops(left, right).as_matching_blocks():
        if block.a > at_left or block.b > at_right:
            runs.append((False, range(at_left, block.a), range(at_right, block.b)))
        at_left, at_right = block.a + block.size, block.b + block.size
        if block.size:
            runs.append((True, range(block.a, at_left), range(block.b, at_right)))
    return runs


def differences(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[int] | None:
    """Where two sequences of one length differ, if pairing them by position is their only fewest-edits alignment and
    that is plain to see: what is unlike on the left is nowhere on the right, so nothing else can pair with it."""
    if len(left) != len(right):
        return None
    unlike = list(compress(range(len(left)), map(ne, left, right)))
    if len(unlike) <= 1 or (len(unlike) <= MOST_PLAIN and not any(left[k] in right for k in unlike)):
        return unlike
    return None


def _by_position(unlike: list[int], length: int) -> list[tuple[bool, range, range]]:
    runs: list[tuple[bool, range, range]] = []
    at = 0
    for k in unlike:
        if runs and at == k and not runs[-1][0]:
            both = range(runs[-1][1].start, k + 1)
            runs[-1] = (False, both, both)
        else:
            if k > at:
                runs.append((True, range(at, k), range(at, k)))
            runs.append((False, range(k, k + 1), range(k, k + 1)))
        at = k + 1
    return [*runs, (True, range(at, length), range(at, length))] if at < length else runs


def align(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[Pair]:
    """Pairs in order; between equal items, stretches of unequal length pair from their beginning."""
    return [pair for _, sources, targets in stretches(left, right) for pair in _side_by_side(sources, targets)]


def align_words(left: Sequence[str], right: Sequence[str]) -> list[Pair]:
    """Like ``align``, but between equal words the others pair with the words they most resemble in spelling."""
    pairs: list[Pair] = []
    for equal, sources, targets in stretches(left, right):
        if equal or not sources or not targets or len(sources) == len(targets) == 1:
            pairs += _side_by_side(sources, targets)
        else:
            distances = [[word_distance(left[i], right[j]) for j in targets] for i in sources]
            matched = monotone(distances, [1.0] * len(sources), [1.0] * len(targets))
            pairs += _complete(matched, sources, targets)
    return pairs


def word_distance(left: str, right: str) -> float:
    """Share of the longer word that must change, in [0, 1]; scaled so that unlike words prefer to stand alone.

    Two words that share nothing cost as much as leaving both unpaired, so ties fall to the pair.
    """
    return 2.0 * float(Levenshtein.normalized_distance(left, right))


def monotone(
    pair_costs: Sequence[Sequence[float]], left_costs: Sequence[float], right_costs: Sequence[float]
) -> list[tuple[int, int]]:
    """The cheapest order-keeping matching. ``pair_costs`` is (n, m); leaving an item unmatched costs ``left_costs[i]``
    or ``right_costs[j]``. Ties go to the pair, then to the earlier left item staying unmatched."""
    # ``_monotone_blocks`` with one piece each, written out: a vote spends much of its time here.
    above = [0.0, *accumulate(right_costs)]
    steps: list[list[int]] = [[-1] * len(above)]
    for costs, skip_left in zip(pair_costs, left_costs, strict=True):
        here, step = [above[0] + skip_left], [0]
        for j, cost in enumerate(costs):
            least, how = above[j] + cost, 1
            skipped = here[j] + right_costs[j]
            if skipped < least:
                least, how = skipped, -1
            skipped = above[j + 1] + skip_left
            if skipped < least:
                least, how = skipped, 0
            here.append(least)
            step.append(how)
        above = here
        steps.append(step)
    return [(i, j) for i, j, _ in _walk_back(steps, len(left_costs), len(right_costs))][::-1]


def match_lines(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Pair]:
    """Which found line is which reference line, by text and order alone.

    Returns pairs (reference index or None, hypothesis index or None), sorted by reference with unmatched found lines
    last. A reference line found in pieces stands in several pairs: its text is those found lines joined by spaces, in
    the order given. Three steps: the order-keeping matching with the fewest edits, in which neighbouring found lines
    may be joined; pairs that hardly resemble each other are let go and, with what was left over, matched to the most
    similar line anywhere on the page (this repairs a wrong reading order); what remains pairs in order where that
    costs fewer edits than one line missed and another invented.
    """
    if not reference or not hypothesis:
        return [(i, None) for i in range(len(reference))] + [(None, j) for j in range(len(hypothesis))]
    costs, similarity = _line_costs(reference, hypothesis)
    left = np.array([len(line) for line in reference], np.float64)
    right = np.array([len(line) for line in hypothesis], np.float64)
    found: dict[int, range] = {}
    for i, j, pieces in _monotone_blocks(costs.tolist(), left.tolist(), right.tolist()):
        if similarity[i, j, pieces - 1] >= LIKELY_SAME_LINE:
            found[i] = range(j, j + pieces)
    _match_anywhere(similarity, found)
    free_left, free_right = _unmatched(found, len(reference), len(hypothesis))
    if free_left and free_right:
        rest = costs[np.ix_(free_left, free_right)][:, :, 0]
        for i, j in monotone(rest.tolist(), left[free_left].tolist(), right[free_right].tolist()):
            found[free_left[i]] = range(free_right[j], free_right[j] + 1)
    _, spare = _unmatched(found, len(reference), len(hypothesis))
    pairs: list[Pair] = []
    for i in range(len(reference)):
        pairs += [(i, j) for j in found[i]] if i in found else [(i, None)]
    return pairs + [(None, j) for j in spare]


def _line_costs(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Edits and similarities (n, m, pieces): reference line i against ``pieces`` found lines from j on; joins that
    would run over the end cost infinity."""
    shape = (len(reference), len(hypothesis), MOST_PIECES)
    costs = np.full(shape, np.inf)
    similarity = np.zeros(shape)
    for pieces in range(1, min(MOST_PIECES, len(hypothesis)) + 1):
        joined = [" ".join(hypothesis[j : j + pieces]) for j in range(len(hypothesis) - pieces + 1)]
        costs[:, : len(joined), pieces - 1] = cdist(reference, joined, scorer=Levenshtein.distance, dtype=np.float64)
        similarity[:, : len(joined), pieces - 1] = cdist(
            reference, joined, scorer=Levenshtein.normalized_similarity, dtype=np.float64
        )
    return costs, similarity


def _match_anywhere(similarity: NDArray[np.float64], found: dict[int, range]) -> None:
    """Give unmatched reference lines the most similar unmatched found line, best pair first."""
    free_left, free_right = _unmatched(found, similarity.shape[0], similarity.shape[1])
    candidates = sorted(
        (-similarity[i, j, 0], i, j) for i in free_left for j in free_right if similarity[i, j, 0] >= LIKELY_SAME_LINE
    )
    taken: set[int] = set()
    for _, i, j in candidates:
        if i not in found and j not in taken:
            found[i] = range(j, j + 1)
            taken.add(j)


def _unmatched(found: dict[int, range], lefts: int, rights: int) -> tuple[list[int], list[int]]:
    taken = {j for block in found.values() for j in block}
    return [i for i in range(lefts) if i not in found], [j for j in range(rights) if j not in taken]


def _monotone_blocks(
    table: Sequence[Sequence[Sequence[float]]], skip_left: Sequence[float], skip_right: Sequence[float]
) -> list[tuple[int, int, int]]:
    """Order-keeping matching of item i with ``k`` neighbours from j on at ``table[i][j][k - 1]``; the fewest pieces
    win ties. Returns (i, j, k). Plain lists: five times faster than numpy's scalars in this loop."""
    n, m = len(skip_left), len(skip_right)
    most = len(table[0][0]) if n and m else 0
    best = [[0.0] * (m + 1) for _ in range(n + 1)]
    step = [[0] * (m + 1) for _ in range(n + 1)]  # 0: left unmatched, -1: right unmatched, k: k pieces
    for j in range(1, m + 1):
        best[0][j], step[0][j] = best[0][j - 1] + skip_right[j - 1], -1
    for i in range(1, n + 1):
        row, above = best[i], best[i - 1]
        row[0] = above[0] + skip_left[i - 1]
        for j in range(1, m + 1):
            cost, how = above[j - 1] + table[i - 1][j - 1][0], 1
            for pieces in range(2, min(most, j) + 1):
                joined = above[j - pieces] + table[i - 1][j - pieces][pieces - 1]
                if joined < cost:
                    cost, how = joined, pieces
            if row[j - 1] + skip_right[j - 1] < cost:
                cost, how = row[j - 1] + skip_right[j - 1], -1
            if above[j] + skip_left[i - 1] < cost:
                cost, how = above[j] + skip_left[i - 1], 0
            row[j], step[i][j] = cost, how
    return list(_walk_back(step, n, m))[::-1]


def _walk_back(step: list[list[int]], i: int, j: int) -> Iterator[tuple[int, int, int]]:
    while i or j:
        how = step[i][j]
        if how > 0:
            i, j = i - 1, j - how
            yield i, j, how
        elif how == 0:
            i -= 1
        else:
            j -= 1


def _side_by_side(sources: range, targets: range) -> list[Pair]:
    longest = max(len(sources), len(targets))
    return [
        (sources[k] if k < len(sources) else None, targets[k] if k < len(targets) else None) for k in range(longest)
    ]


def _complete(matched: list[tuple[int, int]], sources: range, targets: range) -> list[Pair]:
    """Matched offsets as pairs of indices, with what is unmatched in its place."""
    pairs: list[Pair] = []
    i = j = 0
    for at_left, at_right in [*matched, (len(sources), len(targets))]:
        pairs += [(sources[k], None) for k in range(i, at_left)]
        pairs += [(None, targets[k]) for k in range(j, at_right)]
        if at_left < len(sources):
            pairs.append((sources[at_left], targets[at_right]))
        i, j = at_left + 1, at_right + 1
    return pairs
