"""Which line of a page reader's answer stands on which line of the layout, by text and order alone.

Other passes have read the layout's lines; what they read need not be right, only alike. An order-keeping matching by
edits comes first, in which one line of the answer may cover up to three neighbouring lines of the layout (the reader
joined them, the segmenter cut them) or be one of up to three that stand on one. Lines that nobody has read are matched
by how long their text would be at their width. What hardly resembles each other is let go; between two placed lines
(or the ends of the page) as many lines as texts left over are paired in their order. The rest finds no place.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rapidfuzz.distance import Levenshtein

from transcription.htr.text import normalised

MOST_TOGETHER = 3  # lines of either side that may stand on one of the other
ALIKE = 0.4  # share of the longer text that must agree; below it two texts are not thought to be the same line
_UNREAD = 0.5  # of its length: what a text costs on a line that nobody has read, beside what its length is off
_TOGETHER = 1.0  # edits that each further line of a group costs: of equals, one line on one
_CHARACTERS_A_HEIGHT = 1.6  # of a line's width in its heights: what a line holds where nothing tells


@dataclass(frozen=True, slots=True)
class LayoutText:
    """A line of the layout: what was read there best so far ("" where nothing was), and its width in its heights."""

    text: str
    width: float = 0.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Characters ``start`` to ``end`` (exclusive) of line ``row`` of the answer."""

    row: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PlacedText:
    """What stands on line ``line`` of the layout: stretches of the answer, to be joined by spaces. ``cost`` in [0, 1]
    is the share of the longer text that differs from what was read there; 1 where only order or length decided."""

    line: int
    stretches: tuple[Stretch, ...]
    cost: float


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A line ``row`` of the answer without a place; ``near`` is the layout's line that the text before it stands on,
    None at the top of the page."""

    row: int
    near: int | None


@dataclass(frozen=True, slots=True)
class PageAlignment:
    placed: tuple[PlacedText, ...]  # in the layout's order
    unplaced: tuple[Unplaced, ...]  # in the answer's order


@dataclass(frozen=True, slots=True)
class _Match:
    """Lines ``lines`` of the layout and ``rows`` of the answer; one of the ranges has one member."""

    lines: range
    rows: range
    certain: bool


def align_page(layout: Sequence[LayoutText], answer: Sequence[str]) -> PageAlignment:
    """Place the lines of ``answer`` on those of ``layout``, both in reading order; blank ones count for nothing.

    Costs time in proportion to the product of their numbers.
    """
    written = [row for row, text in enumerate(answer) if text.strip()]
    if len(written) < len(answer):
        return _renumbered(align_page(layout, [answer[row] for row in written]), written)
    known = [normalised(line.text) for line in layout]
    rows = [normalised(row) for row in answer]
    lengths = _expected_lengths(layout, known, rows)
    matches = _by_order(_matched(known, rows, lengths), len(layout), len(rows))
    placed = [each for match in matches for each in _placed(match, known, answer)]
    taken = {row: match.lines[-1] for match in matches for row in match.rows}
    unplaced = []
    near: int | None = None
    for row in range(len(rows)):
        if row in taken:
            near = taken[row]
        else:
            unplaced.append(Unplaced(row, near))
    return PageAlignment(tuple(sorted(placed, key=lambda each: each.line)), tuple(unplaced))


def _renumbered(alignment: PageAlignment, rows: Sequence[int]) -> PageAlignment:
    """With row k as row ``rows[k]``."""
    placed = (
        replace(each, stretches=tuple(replace(piece, row=rows[piece.row]) for piece in each.stretches))
        for each in alignment.placed
    )
    return PageAlignment(tuple(placed), tuple(replace(each, row=rows[each.row]) for each in alignment.unplaced))


def _expected_lengths(layout: Sequence[LayoutText], known: Sequence[str], rows: Sequence[str]) -> list[float]:
    """Characters that each line of the layout may hold, by its width and how densely this page is written."""
    read = [(len(text), line.width) for text, line in zip(known, layout, strict=True) if text and line.width]
    width = sum(line.width for line in layout)
    if read:
        density = sum(length for length, _ in read) / sum(each for _, each in read)
    elif width:
        density = sum(map(len, rows)) / width
    else:
        density = _CHARACTERS_A_HEIGHT
    usual = sum(map(len, rows)) / max(1, len(rows))
    return [
        float(len(text)) if text else (density * line.width if line.width else usual)
        for text, line in zip(known, layout, strict=True)
    ]


def _matched(known: Sequence[str], rows: Sequence[str], lengths: Sequence[float]) -> list[_Match]:
    """The cheapest order-keeping matching; a line or a row without a partner costs its length."""
    n, m = len(known), len(rows)
    best = [[math.inf] * (m + 1) for _ in range(n + 1)]
    steps: list[list[tuple[int, int]]] = [[(0, 0)] * (m + 1) for _ in range(n + 1)]
    best[0][0] = 0.0
    for i in range(n + 1):
        for j in range(m + 1):
            if i == j == 0:
                continue
            for down, right in _MOVES:
                if down > i or right > j:
                    continue
                cost = best[i - down][j - right] + _cost(
                    known[i - down : i], rows[j - right : j], lengths[i - down : i]
                )
                if cost < best[i][j]:
                    best[i][j], steps[i][j] = cost, (down, right)
    return list(_walked_back(steps, known))[::-1]


_MOVES = (
    [(1, 1)]
    + [(1, k) for k in range(2, MOST_TOGETHER + 1)]
    + [(k, 1) for k in range(2, MOST_TOGETHER + 1)]
    + [(1, 0), (0, 1)]
)


def _cost(lines: Sequence[str], rows: Sequence[str], lengths: Sequence[float]) -> float:
    """Edits between lines of the layout and rows of the answer, either side joined; infinity where they may not go
    together."""
    if not rows:
        return sum(lengths)
    if not lines:
        return float(sum(map(len, rows)))
    row = " ".join(rows)
    together = len(lines) + len(rows) - 2
    if not all(lines):
        return math.inf if together else _UNREAD * len(row) + (1 - _UNREAD) * abs(len(row) - sum(lengths))
    line = " ".join(lines)
    most = int((1 - ALIKE) * max(len(line), len(row)))
    edits = Levenshtein.distance(line, row, score_cutoff=most)
    return edits + _TOGETHER * together if edits <= most else math.inf


def _walked_back(steps: Sequence[Sequence[tuple[int, int]]], known: Sequence[str]) -> Iterator[_Match]:
    i, j = len(steps) - 1, len(steps[0]) - 1
    while i or j:
        down, right = steps[i][j]
        i, j = i - down, j - right
        if down and right:
            yield _Match(range(i, i + down), range(j, j + right), certain=all(known[i : i + down]))


def _by_order(matches: Sequence[_Match], lines: int, rows: int) -> list[_Match]:
    """The matches and, between two of them, lines and rows left over that are equal in number, in their order."""
    found = list(matches)
    top, bottom = _Match(range(0), range(0), True), _Match(range(lines, lines), range(rows, rows), True)
    edges = [top, *matches, bottom]
    for before, after in itertools.pairwise(edges):
        free_lines = range(before.lines.stop, after.lines.start)
        free_rows = range(before.rows.stop, after.rows.start)
        if len(free_lines) == len(free_rows):
            pairs = zip(free_lines, free_rows, strict=True)
            found += [_Match(range(i, i + 1), range(j, j + 1), certain=False) for i, j in pairs]
    return sorted(found, key=lambda match: match.rows.start)


def _placed(match: _Match, known: Sequence[str], answer: Sequence[str]) -> list[PlacedText]:
    if len(match.lines) == 1:
        line = match.lines[0]
        text = normalised(" ".join(answer[row] for row in match.rows))
        stretches = tuple(Stretch(row, 0, len(answer[row])) for row in match.rows)
        return [PlacedText(line, stretches, _difference(known[line], text) if match.certain else 1.0)]
    row = match.rows[0]
    parts = _divided(answer[row], [known[line] for line in match.lines])
    return [
        PlacedText(line, (Stretch(row, start, end),), _difference(known[line], normalised(answer[row][start:end])))
        for line, (start, end) in zip(match.lines, parts, strict=True)
        if end > start
    ]


def _divided(text: str, lines: Sequence[str]) -> list[tuple[int, int]]:
    """Where ``text`` is cut, between words, so that its parts fit ``lines`` with the fewest edits; ties go to the
    earlier cut."""
    words = [(start, start + len(word)) for start, word in _words(text)]
    if len(words) < 2:
        return [(0, len(text))] + [(len(text), len(text))] * (len(lines) - 1)

    def span(first: int, end: int) -> tuple[int, int]:
        return (words[first][0], words[end - 1][1]) if end > first else (len(text), len(text))

    def edits(cuts: Sequence[int]) -> int:
        parts = [text[slice(*span(a, b))] for a, b in itertools.pairwise([0, *cuts, len(words)])]
        return sum(Levenshtein.distance(line, normalised(part)) for line, part in zip(lines, parts, strict=True))

    cuts = min(itertools.combinations_with_replacement(range(len(words) + 1), len(lines) - 1), key=edits)
    return [span(a, b) for a, b in itertools.pairwise([0, *cuts, len(words)])]


def _words(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for word in text.split():
        start = text.index(word, start)
        yield start, word
        start += len(word)


def _difference(line: str, text: str) -> float:
    return round(float(Levenshtein.normalized_distance(line, text)), 4)
