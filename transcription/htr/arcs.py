"""The columns of a vote: several sequences aligned progressively, each to all that came before it.

A column holds one range (first, last) of tokens for each sequence; an empty range is a NULL arc. The ranges of one
sequence follow each other without gaps, so neighboring columns can be joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rapidfuzz.distance import Levenshtein

from transcription.htr.alignment import differences, monotone, stretches, word_distance

Ranges = list[tuple[int, int]]

# "today" and "to day": letters so alike, spaces aside, are one word broken differently.
SAME_LETTERS = 0.75


class Network:
    """Columns of token sequences, the first being the pivot. Fiscus's word transition network.

    ``rows`` holds each sequence's range (first, last) in each column.
    """

    def __init__(self, sequences: Sequence[Sequence[str]], *, by_spelling: bool = False) -> None:
        """``by_spelling`` pairs differing tokens by how alike they are, not by position."""
        self.sequences = sequences
        self.by_spelling = by_spelling
        self.rows: list[Ranges] = [_singles(range(len(sequences[0])))]
        self._shown = list(sequences[0])  # each column's first token, by which others find it
        for tokens in sequences[1:]:
            self._add(tokens)

    def _add(self, tokens: Sequence[str]) -> None:
        """Align one more sequence with the columns; what fits none gets columns of its own."""
        unlike = differences(self._shown, tokens)
        if unlike is not None and not (self.by_spelling and any(k - i == 1 for i, k in pairwise(unlike))):
            self.rows.append(_singles(range(len(tokens))))  # as all below would find
            return
        row: Ranges = []
        inserted: list[tuple[int, str]] = []  # (the column before which, token)
        for equal, sources, targets in stretches(self._shown, tokens):
            if equal:
                row += _singles(targets)
                continue
            at, reached = sources.start, targets.start
            for i, j in [*self._pairs(sources, targets, tokens), (sources.stop, targets.stop)]:
                row += [(reached, reached)] * (i - at)
                for k in range(reached, j):
                    inserted.append((i, tokens[k]))
                    row.append((k, k + 1))
                if i < sources.stop:
                    row.append((j, j + 1))
                at, reached = i + 1, j + 1
        for i, token in reversed(inserted):
            self._shown.insert(i, token)
            for earlier in self.rows:
                last = earlier[i - 1][1] if i else 0
                earlier.insert(i, (last, last))
        self.rows.append(row)

    def _known(self, column: int) -> set[str]:
        """Every word of a column: a word finds its like whoever read it first."""
        return {
            words[row[column][0]] for words, row in zip(self.sequences, self.rows, strict=False) if _holds(row[column])
        }

    def _pairs(self, sources: range, targets: range, tokens: Sequence[str]) -> list[tuple[int, int]]:
        if not sources or not targets:
            return []
        if not self.by_spelling or len(sources) == len(targets) == 1:
            return list(zip(sources, targets, strict=False))
        known = [self._known(i) for i in sources]
        if len(sources) == len(targets):
            # Whoever is not paired by position leaves one out on either side, which alone costs 2.
            apart = [min([word_distance(word, tokens[j]) for word in of]) for of, j in zip(known, targets, strict=True)]
            if sum(apart) < 2.0:
                return list(zip(sources, targets, strict=True))
        costs = [[min([word_distance(word, tokens[j]) for word in of]) for j in targets] for of in known]
        if len(sources) == 1:
            return [(sources.start, targets.start + _last_least(costs[0]))]
        if len(targets) == 1:
            return [(sources.start + _last_least([cost for [cost] in costs]), targets.start)]
        matched = monotone(costs, [1.0] * len(sources), [1.0] * len(targets))
        return [(sources[i], targets[j]) for i, j in matched]


def _singles(tokens: range) -> Ranges:
    return list(zip(tokens, range(tokens.start + 1, tokens.stop + 1), strict=True))


def _last_least(costs: list[float]) -> int:
    """What ``monotone`` finds for one against many: the last of the nearest."""
    return len(costs) - 1 - costs[::-1].index(min(costs))


def _holds(where: tuple[int, int]) -> bool:
    return where[1] > where[0]


def word_network(sequences: Sequence[Sequence[str]]) -> list[Ranges]:
    """Columns of words, each with the range of every sequence; neighboring columns are one where readings break the
    same letters into words differently."""
    joined: list[Ranges] = []
    gap_before = False
    for column in zip(*Network(sequences, by_spelling=True).rows, strict=True):
        gap = not all(map(_holds, column))
        if joined and (gap or gap_before) and _one_word_broken(joined[-1], column, sequences):
            joined[-1] = [(first, last) for (first, _), (_, last) in zip(joined[-1], column, strict=True)]
            gap_before = not all(map(_holds, joined[-1]))
        else:
            joined.append(list(column))
            gap_before = gap
    return joined


def _one_word_broken(before: Ranges, column: Sequence[tuple[int, int]], sequences: Sequence[Sequence[str]]) -> bool:
    """Whether a sequence with words in both columns spells, spaces aside, what another has in one of them alone."""
    single: set[tuple[str, bool]] = set()  # a word that stands alone, and whether in the first column
    double: set[tuple[str, str]] = set()
    for words, (first, middle), (_, last) in zip(sequences, before, column, strict=True):
        if first < middle < last:
            double.add(("".join(words[first:middle]), "".join(words[middle:last])))
        elif first < last:
            single.add(("".join(words[first:last]), middle > first))
    for word, in_first in single:
        for left, right in double:
            alike = Levenshtein.normalized_similarity(word, left + right)
            apart = Levenshtein.normalized_similarity(word, left if in_first else right)
            if alike >= SAME_LETTERS and alike > apart:
                return True
    return False
