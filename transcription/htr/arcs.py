"""The columns of a vote: several sequences aligned progressively, each to all that came before it.

A column holds one range (first, last) of tokens for each sequence; an empty range is a NULL arc. The ranges of one
sequence follow each other without gaps, so neighboring columns can be joined.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein

from transcription.htr.alignment import monotone, stretches, word_distance

Ranges = list[tuple[int, int]]

# "today" and "to day": letters so alike, spaces aside, are one word broken differently.
SAME_LETTERS = 0.75


class Network:
    """Columns of token sequences, the first being the pivot. Fiscus's word transition network."""

    def __init__(self, sequences: Sequence[Sequence[str]], *, by_spelling: bool = False) -> None:
        """``by_spelling`` pairs differing tokens by how alike they are, not by position."""
        self.sequences = sequences
        self.by_spelling = by_spelling
        self.columns: list[Ranges] = [[(k, k + 1)] for k in range(len(sequences[0]))]
        self._shown = list(sequences[0])  # each column's first token, by which others find it
        for row in range(1, len(sequences)):
            self._add(row)

    def _add(self, row: int) -> None:
        """Align one more sequence with the columns; what fits none gets columns of its own."""
        tokens = self.sequences[row]
        columns: list[Ranges] = []
        shown: list[str] = []
        for equal, sources, targets in stretches(self._shown, tokens):
            pairs = list(zip(sources, targets, strict=True)) if equal else self._pairs(sources, targets, tokens)
            at, reached = sources.start, targets.start
            for i, j in [*pairs, (sources.stop, targets.stop)]:
                while at < i:
                    columns.append([*self.columns[at], (reached, reached)])
                    shown.append(self._shown[at])
                    at += 1
                while reached < j:
                    columns.append([*self._nothing(columns, row), (reached, reached + 1)])
                    shown.append(tokens[reached])
                    reached += 1
                if i < sources.stop:
                    columns.append([*self.columns[i], (j, j + 1)])
                    shown.append(self._shown[i])
                    at, reached = i + 1, j + 1
        self.columns, self._shown = columns, shown

    def _pairs(self, sources: range, targets: range, tokens: Sequence[str]) -> list[tuple[int, int]]:
        if not sources or not targets:
            return []
        if not self.by_spelling or len(sources) == len(targets) == 1:
            return list(zip(sources, targets, strict=False))
        costs = np.array([[self._distance(i, tokens[j]) for j in targets] for i in sources])
        matched = monotone(costs, np.ones(len(sources)), np.ones(len(targets)))
        return [(sources[i], targets[j]) for i, j in matched]

    def _distance(self, column: int, token: str) -> float:
        """From the column's nearest token, so that a word finds its like whoever read it first."""
        found = {self.sequences[row][first] for row, (first, last) in enumerate(self.columns[column]) if last > first}
        return min(word_distance(other, token) for other in found)

    @staticmethod
    def _nothing(columns: list[Ranges], rows: int) -> Ranges:
        """Empty ranges for the sequences so far, standing where the last column left off."""
        return [(last, last) for _, last in columns[-1][:rows]] if columns else [(0, 0)] * rows


def word_network(sequences: Sequence[Sequence[str]]) -> list[Ranges]:
    """Columns of words; neighboring columns are one where readings break the same letters into words differently."""
    columns = Network(sequences, by_spelling=True).columns
    joined: list[Ranges] = []
    for column in columns:
        if joined and _one_word_broken(joined[-1], column, sequences):
            joined[-1] = [(first, last) for (first, _), (_, last) in zip(joined[-1], column, strict=True)]
        else:
            joined.append(column)
    return joined


def _one_word_broken(before: Ranges, column: Ranges, sequences: Sequence[Sequence[str]]) -> bool:
    """Whether a sequence with words in both columns spells, spaces aside, what another has in one of them alone."""
    single: list[tuple[str, bool]] = []  # a word that stands alone, and whether in the first column
    double: list[tuple[str, str]] = []
    for words, (first, middle), (_, last) in zip(sequences, before, column, strict=True):
        if first < middle < last:
            double.append(("".join(words[first:middle]), "".join(words[middle:last])))
        elif first < last:
            single.append(("".join(words[first:last]), middle > first))
    for word, in_first in single:
        for left, right in double:
            alike = Levenshtein.normalized_similarity(word, left + right)
            apart = Levenshtein.normalized_similarity(word, left if in_first else right)
            if alike >= SAME_LETTERS and alike > apart:
                return True
    return False
