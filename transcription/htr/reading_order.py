"""In which order a page's lines are read, and which of them belong together.

The page is levelled (lines may slant, or stand upright on a page that was photographed lying) and cut again and again
where no line crosses (Nagy and Seth, Hierarchical representation of optically scanned documents, ICPR 1984), a
storey being what stands between two lines that cross. Then, from the first side of the page to the other:

- columns one after the other; the left page of a spread wholly before the right one;
- tables row by row: three or more columns of short cells that stand in rows;
- marginalia, narrow columns at the page's edge: at the side where reading begins with the passage beside which they
  begin (before it, or behind it if that is in its lower half; what paper without writing sets apart is a passage), at
  the other side behind their column. So do most of the archives whose published pages were counted (HTR-United); where
  a note belongs within its passage only its words tell;
- insertions between two lines behind the lower one, into which they are written from above.

What stands alone is read at its height, a page number in the corner where reading ends last. Sums that stand far apart
beside a column belong to its rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from transcription.htr.geometry import angle, chain, clip_to_page, to_points
from transcription.htr.records import LineGeometry, RegionGeometry

_MOST_LINES = 1500  # more are read from top to bottom
_INSET = 0.08  # of a line: so far its ends may reach into the next column
_REACH = 0.7  # line spacings, likewise
_COLUMN = 2  # lines at least
_SIDE_BY_SIDE = 0.5  # of the lower of two columns: so much of its height they share
_TABLE_ROWS = 3  # at least, in three columns
_CELL = 0.34  # of a table's width: most that a cell is long
_IN_ROWS = 0.6  # share of a table's cells that stand in a row with others
_ROW = 0.45  # line spacings by which pieces of one row may be off
_LEVEL = 0.25  # line spacings by which a sum may be off its row
_MARGIN = 0.5  # of the column beside it: most that marginalia are wide
_APART = 1.9  # line spacings between passages
_INSERTION = 0.62  # line spacings: most that an insertion stands above its line
_CLOSED = 1.5  # line spacings between the two lines around an insertion
_SHORT = 0.6  # of its line: most that an insertion is long
_NUMBER = 0.12  # of the text's width: most that a page number is long
_HEADER = 0.5  # and most that a header is
_CLEAR = 0.9  # line spacings by which a page number stands apart from the text
_NEARLY_ALL = 0.85  # of the lines end before it

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Passage:
    """Lines that belong together, in reading order; ``kind`` is PAGE XML's."""

    kind: str
    lines: tuple[int, ...]


def reading_order(
    lines: Sequence[LineGeometry], *, gutter: int | None = None, right_to_left: bool = False
) -> list[int]:
    """Indexes into ``lines`` in reading order; every index once, whatever the geometry.

    ``gutter`` is the x at which a spread parts. Lines without a baseline come last.
    """
    return [i for passage in passages(lines, gutter=gutter, right_to_left=right_to_left) for i in passage.lines]


def text_regions(
    lines: Sequence[LineGeometry], size: tuple[int, int], *, gutter: int | None = None, right_to_left: bool = False
) -> tuple[tuple[RegionGeometry, ...], tuple[str, ...]]:
    """The regions of a page of ``size`` (width, height) in reading order, and for each line the id of its own.

    Kinds are paragraph, marginalia, header, page-number, and text for tables. A region's polygon is the convex hull of
    its lines.
    """
    regions, of_line = [], [""] * len(lines)
    for number, passage in enumerate(passages(lines, gutter=gutter, right_to_left=right_to_left, headed=True), 1):
        points = [point for i in passage.lines for point in lines[i].polygon + lines[i].baseline]
        hull = cv2.convexHull(np.array(points, np.int32).reshape(-1, 1, 2)) if points else np.zeros((0, 2))
        outline = clip_to_page(to_points(hull.reshape(-1, 2).astype(np.float64)), size) if points else ()
        regions.append(RegionGeometry(f"r{number}", passage.kind, outline if len(outline) > 2 else ()))
        for i in passage.lines:
            of_line[i] = f"r{number}"
    return tuple(regions), tuple(of_line)


def passages(
    lines: Sequence[LineGeometry],
    *,
    gutter: int | None = None,
    right_to_left: bool = False,
    headed: bool = False,
) -> list[Passage]:
    """The page's passages in reading order; ``headed`` tells headers and page numbers apart. The order is the same."""
    sides: dict[bool, list[int]] = {False: [], True: []}
    for i, line in enumerate(lines):
        if line.baseline:
            middle = sum(x for x, _ in line.baseline) / len(line.baseline)
            sides[gutter is not None and (middle >= gutter) != right_to_left].append(i)
    found: list[Passage] = []
    for side in sides.values():
        if side:
            page = _Page.of([lines[i] for i in side], right_to_left)
            read = _headed(page) if headed else page.passages()
            found += [Passage(each.kind, tuple(side[i] for i in each.lines)) for each in read]
    nowhere = tuple(i for i, line in enumerate(lines) if not line.baseline)
    return found + ([Passage("text", nowhere)] if nowhere else [])


def _headed(page: _Page) -> list[Passage]:
    """With a page number or a header taken out of the passage that it begins."""
    read: list[Passage] = []
    for passage in page.passages():
        first, *rest = passage.lines
        kind = page.edge_kind(first) if rest and passage.kind == "paragraph" else ""
        read += [Passage(kind, (first,)), Passage(passage.kind, tuple(rest))] if kind else [passage]
    return read


@dataclass(slots=True)
class _Page:
    """Lines of one page, levelled: ``left`` to ``right`` in the direction of reading, ``y`` downwards, (n,) each."""

    left: Floats
    right: Floats
    y: Floats
    spacing: float

    @classmethod
    def of(cls, lines: Sequence[LineGeometry], right_to_left: bool) -> _Page:
        chains = [chain(line.baseline) for line in lines]
        spans = np.array([np.ptp(points, axis=0).max() if len(points) > 1 else 0.0 for points in chains])
        turns = np.array([angle(points) for points in chains])
        turn = _weighted_median(turns, spans)
        way, down = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
        along = [points @ way * (-1 if right_to_left else 1) for points in chains]
        y = np.array([float(np.median(points @ down)) for points in chains])
        left, right = (np.array([float(end(each)) for each in along]) for end in (np.min, np.max))
        return cls(left, right, y, _spacing(left, right, y))

    def passages(self) -> list[Passage]:
        every = np.lexsort((self.left, self.y))
        if len(every) > _MOST_LINES:
            return [Passage("paragraph", tuple(map(int, every)))]
        corner = self._corner(every)
        rest = every[~np.isin(every, corner)]
        numbers = [Passage("page-number", tuple(self._rows(corner)))] if len(corner) else []
        return self._read(rest, "paragraph") + numbers

    def _corner(self, lines: NDArray[np.intp]) -> NDArray[np.intp]:
        """One short line or two in the upper corner where reading ends, beyond the ends of the others: page numbers."""
        ends = np.sort(self.right[lines])
        for count in (2, 1):
            if len(lines) <= count + 1:
                continue
            others = ends[:-count]  # but for a few that reach far
            end = min(float(others[-1]) - _ROW * self.spacing, float(np.quantile(others, _NEARLY_ALL)))
            beyond = lines[self.left[lines] >= end]
            rest = lines[~np.isin(lines, beyond)]
            if len(beyond) != count:
                continue
            short = _NUMBER * float(self.right[rest].max() - self.left[rest].min())
            if (self.right[beyond] - self.left[beyond] <= short).all() and (
                self.y[beyond] <= self.y[rest].min() + count * self.spacing
            ).all():
                return beyond
        return lines[:0]

    def _read(self, lines: NDArray[np.intp], kind: str) -> list[Passage]:
        """``lines`` come from top to bottom."""
        storey = self._storey(lines) if len(lines) >= 2 * _COLUMN else None
        if storey is None:
            return list(self._column(lines, kind))
        first, end, columns = storey
        above, below = lines[:first], lines[end:]
        read = self._read(above, kind) if len(above) else []
        read += self._side_by_side(columns, lines[first:end], kind)
        return read + (self._read(below, kind) if len(below) else [])

    def _storey(self, lines: NDArray[np.intp]) -> tuple[int, int, list[NDArray[np.intp]]] | None:
        """The stretch of lines that stands in columns and is best divided by them, (first, end, columns)."""
        left, right = self._insets(lines)
        best, chosen = (0, 0), (0, 0)
        for x in np.unique(right)[:-1] + 0.5:  # a cut just behind some line's end is as good as any other one
            crossing = np.flatnonzero((left < x) & (right > x))
            edges = [-1, *map(int, crossing), len(lines)]
            before = right <= x
            for a, b in itertools.pairwise(edges):
                count = int(before[a + 1 : b].sum())
                fewer = min(count, b - a - 1 - count)
                better = fewer >= _COLUMN and (fewer, b - a) > best
                if better and len(self._columns(lines[a + 1 : b])) > 1:
                    best, chosen = (fewer, b - a), (a + 1, b)
        return (*chosen, self._columns(lines[slice(*chosen)])) if chosen[1] else None

    def _insets(self, lines: NDArray[np.intp]) -> tuple[Floats, Floats]:
        inset = np.minimum(_INSET * (self.right[lines] - self.left[lines]), _REACH * self.spacing)
        return self.left[lines] + inset, self.right[lines] - inset

    def _columns(self, lines: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        """The lines parted wherever none crosses, in the direction of reading. What is no column, being of one line or
        wholly above or below the one before it, is read with that."""
        left, right = self._insets(lines)
        order = np.argsort(left, kind="stable")
        reach = np.maximum.accumulate(right[order])
        starts = np.flatnonzero(np.append(True, left[order][1:] > reach[:-1]))
        parts = [np.sort(part) for part in np.split(order, starts[1:])]
        columns: list[NDArray[np.intp]] = []
        for part in parts:
            if columns and not (min(len(part), len(columns[-1])) >= _COLUMN and self._beside(lines, columns[-1], part)):
                columns[-1] = np.sort(np.concatenate([columns[-1], part]))
            else:
                columns.append(part)
        return [lines[column] for column in columns]

    def _beside(self, lines: NDArray[np.intp], a: NDArray[np.intp], b: NDArray[np.intp]) -> bool:
        (top_a, bottom_a), (top_b, bottom_b) = ((self.y[lines[c]].min(), self.y[lines[c]].max()) for c in (a, b))
        shared = min(bottom_a, bottom_b) - max(top_a, top_b)
        return bool(shared >= _SIDE_BY_SIDE * max(1.0, min(bottom_a - top_a, bottom_b - top_b)))

    def _without_sums(self, columns: list[NDArray[np.intp]]) -> list[NDArray[np.intp]]:
        """Columns whose lines belong to rows of the one before or behind them are read with that."""
        merged: list[NDArray[np.intp]] = []
        for column in columns:
            if merged and (self._in_rows_of(column, merged[-1]) or self._in_rows_of(merged[-1], column)):
                both = np.concatenate([merged[-1], column])
                merged[-1] = both[np.lexsort((self.left[both], self.y[both]))]
            else:
                merged.append(column)
        return merged

    def _in_rows_of(self, cells: NDArray[np.intp], lines: NDArray[np.intp]) -> bool:
        """Whether lines that stand far apart, such as sums, belong to rows of the column beside them."""
        sparse = np.median(np.diff(np.sort(self.y[cells]))) >= _APART * self.spacing
        off = np.abs(self.y[cells][:, None] - self.y[lines][None, :]).min(axis=1)
        return bool(sparse and np.mean(off <= _LEVEL * self.spacing) >= 0.8)

    def _side_by_side(self, columns: list[NDArray[np.intp]], lines: NDArray[np.intp], kind: str) -> list[Passage]:
        if self._is_table(columns, lines):
            return [Passage("text", tuple(self._rows(lines)))]
        columns = self._without_sums(columns)
        if len(columns) == 1:
            return list(self._column(columns[0], kind))
        widths = [float(self.right[c].max() - self.left[c].min()) for c in columns]
        main = int(np.argmax(widths))
        notes = [
            n
            for n in {0, len(columns) - 1}
            if n != main and kind == "paragraph" and widths[n] <= _MARGIN * widths[main] and len(columns) <= 3
        ]
        text = [each for n, column in enumerate(columns) if n not in notes for each in self._read(column, kind)]
        for n in sorted(notes):
            for note in self._read(columns[n], "marginalia"):
                text.insert(self._place(text, note) if n == 0 else len(text), note)
        return text

    def _place(self, text: list[Passage], note: Passage) -> int:
        """Where a note at the side where reading begins goes: before the passage beside which it begins, behind it if
        that is in its lower half; after the notes that are there."""
        top = float(self.y[list(note.lines)].min())
        for n, each in enumerate(text):
            heights = self.y[list(each.lines)]
            if each.kind == "paragraph" and heights.max() >= top - _ROW * self.spacing:
                return n if top <= (heights.min() + heights.max()) / 2 else n + 1
        return len(text)

    def _is_table(self, columns: list[NDArray[np.intp]], lines: NDArray[np.intp]) -> bool:
        if sum(len(column) >= _TABLE_ROWS for column in columns) < 3:
            return False
        width = float(self.right[lines].max() - self.left[lines].min())
        narrow = [c for c in columns if np.median(self.right[c] - self.left[c]) <= _CELL * width]
        if len(narrow) < len(columns) - 1:
            return False
        cells = np.concatenate(narrow)
        others = [lines[~np.isin(lines, column)] for column in narrow for _ in column]
        near = [np.abs(self.y[other] - self.y[cell]).min() for cell, other in zip(cells, others, strict=True)]
        return bool(np.mean(np.array(near) <= _ROW * self.spacing) >= _IN_ROWS)

    def _column(self, lines: NDArray[np.intp], kind: str) -> Iterator[Passage]:
        """From top to bottom, parted where more paper than usual lies between two lines."""
        passage: list[int] = []
        for i in self._rows(lines):
            if passage and self.y[i] - self.y[passage].max() > _APART * self.spacing:
                yield Passage(kind, tuple(passage))
                passage = []
            passage.append(i)
        if passage:
            yield Passage(kind, tuple(passage))

    def _rows(self, lines: NDArray[np.intp]) -> list[int]:
        """From top to bottom; pieces of one row in the direction of reading, insertions behind their line."""
        inserted = {i: into for i in map(int, lines) if (into := self._inserted_into(i, lines)) is not None}
        rows: list[list[int]] = []
        for i in map(int, lines):
            if i in inserted:
                continue
            row = rows[-1] if rows else []
            level = row and abs(self.y[i] - float(np.mean(self.y[row]))) <= _ROW * self.spacing
            if level and all(self._apart(i, j) for j in row):
                row.append(i)
            else:
                rows.append([i])
        order = [i for row in rows for i in sorted(row, key=lambda i: self.left[i])]
        for i in sorted(inserted, key=lambda i: -self.left[i]):
            line = inserted[i]
            while line in inserted:  # one insertion above the other: each lies lower than the one before
                line = inserted[line]
            order.insert(order.index(line) + 1, i)
        return order

    def _apart(self, i: int, j: int) -> bool:
        """Whether the two lines have nearly no x in common."""
        shared = min(self.right[i], self.right[j]) - max(self.left[i], self.left[j])
        return bool(shared <= _INSET * 2 * min(self.right[i] - self.left[i], self.right[j] - self.left[j]))

    def _inserted_into(self, i: int, lines: NDArray[np.intp]) -> int | None:
        """The line below, if line ``i`` stands close above it, within its ends, and no other line would fit."""
        middle = (self.left[i] + self.right[i]) / 2
        over = lines[(self.left[lines] <= middle) & (self.right[lines] >= middle) & (lines != i)]
        below = over[self.y[over] > self.y[i]]
        if not len(below):
            return None
        line = int(below[self.y[below].argmin()])
        above = over[(self.y[over] <= self.y[i]) & (self.right[over] - self.left[over] > self.right[i] - self.left[i])]
        fits = (
            self.y[line] - self.y[i] <= _INSERTION * self.spacing
            and self.right[i] - self.left[i] <= _SHORT * (self.right[line] - self.left[line])
            and self.left[i] >= self.left[line] - 0.5 * self.spacing
            and self.right[i] <= self.right[line] + 0.5 * self.spacing
            and len(above) > 0
            and self.y[line] - self.y[above].max() <= _CLOSED * self.spacing
        )
        return line if fits else None

    def edge_kind(self, i: int) -> str:
        """What a line above all others is that stands apart from them: header, page-number or nothing."""
        others = np.delete(np.arange(len(self.y)), i)
        apart = float(self.y[others].min() - self.y[i]) / self.spacing
        share = float(self.right[i] - self.left[i]) / max(1.0, float(self.right.max() - self.left.min()))
        if share <= _NUMBER and apart >= _CLEAR:
            return "page-number"
        return "header" if share <= _HEADER and apart >= _CLOSED else ""


def _spacing(left: Floats, right: Floats, y: Floats) -> float:
    """The median distance to the next line below, over lines that have one; insertions hardly count, being few."""
    shared = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    narrower = np.minimum((right - left)[:, None], right - left)
    below = y[None, :] - y[:, None]
    gaps = np.where((shared > 0.3 * np.maximum(narrower, 1)) & (below > 1), below, np.inf).min(axis=1, initial=np.inf)
    known = gaps[np.isfinite(gaps)]
    usual = float(np.median(known)) if len(known) else float(np.median(right - left)) / 10
    return max(usual, 1.0)


def _weighted_median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values)
    total = np.cumsum(np.maximum(weights[order], 1e-6))
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
