"""Where the texts of an earlier layout go when the lines of a page are found anew. Pure: it decides, a step writes.

Text that outranks the machine's is *kept*: every word of it stands afterwards on exactly one line or is displaced,
never on two, never on none. By geometry first:

- a line found again is the same line, and all that hangs on it stays;
- of a line found in pieces, each piece takes the words that stood above its stretch of the baseline;
- a line found from several takes their words in reading order, the machine's among them where somebody wrote only
  some of them, unless they stood over one another: then the machine read what somebody wrote;
- a line no longer found stays where it was if nothing much was found there, else its words are displaced.

By text once the new lines are read: ``divide_by_readings`` says where the words of a line in pieces really part.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import Levenshtein

from transcription.htr.geometry import Chain, chain
from transcription.htr.line_matching import DERIVED, Overlaps, overlaps
from transcription.htr.records import LineGeometry

_STAYS = 0.25  # share of the smaller outline up to which a line and new ones do not contend for a place
_LEAST_PIECE = 0.02  # of a baseline; less of it is no piece of the line
_SAME_STRETCH = 0.5  # of the shorter of two stretches: more in common, and they stand over one another
_CLEARLY = 2  # edits by which the readings must prefer another division to move a word


@dataclass(frozen=True, slots=True)
class OldLine:
    """A line of the earlier layout. ``kept`` says that its text outranks what a machine reads."""

    geometry: LineGeometry
    words: tuple[str, ...]
    kept: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """Words ``first`` to ``end`` (exclusive) of the old line ``old``."""

    old: int
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """A line of the new layout: the new geometry ``new``, or None for a line that stays at its old place.

    ``same`` is the old line that it is; otherwise it is a line of its own, ``derived`` from old ones, whose text is
    that of ``pieces``, or is to be read where there are none.
    """

    new: int | None
    same: int | None
    derived: tuple[int, ...] = ()
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Displaced:
    """An old line whose words found no line; ``near`` is the new geometry that overlaps it most."""

    old: int
    near: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The lines in reading order, each new geometry once, and what has no place among them."""

    lines: tuple[PlannedLine, ...]
    displaced: tuple[Displaced, ...]


def plan_layout(old: Sequence[OldLine], new: Sequence[LineGeometry]) -> Plan:
    """Move the texts of ``old``, in reading order, to ``new``, in reading order. Doing it again changes nothing."""
    found = overlaps([line.geometry for line in old], new)
    same = found.same()
    pieces: dict[int, list[Piece]] = {j: [] for j in range(len(new))}
    homeless = []
    for i, line in enumerate(old):
        if line.words:
            stretches = _stretches(line.geometry, new, _candidates(found, same, i))
            for j, piece in _shared_out(i, line.words, stretches):
                pieces[j].append(piece)
            if not stretches and line.kept:
                homeless.append(i)
    pieces = {j: _without_doubles(old, new[j], each) for j, each in pieces.items()}
    same = _identities(old, same, pieces)
    lines = [_planned(old, found, same, j, pieces[j]) for j in range(len(new))]
    displaced = []
    for i in homeless:
        near = int(found.smaller[:, i].argmax()) if len(new) else 0
        if not len(new) or found.smaller[near, i] < _STAYS:
            lines.insert(_place(lines, i), PlannedLine(None, i))
        else:
            displaced.append(Displaced(i, near))
    return Plan(tuple(lines), tuple(displaced))


def _candidates(found: Overlaps, same: dict[int, int], i: int) -> list[int]:
    """New lines that may have come from the old one, the one that it is first, then the most alike."""
    related = [j for j in range(len(found.smaller)) if found.smaller[j, i] >= DERIVED]
    return sorted(related, key=lambda j: (same.get(j) != i, -found.union[j, i], j))


def _stretches(
    line: LineGeometry, new: Sequence[LineGeometry], candidates: Sequence[int]
) -> list[tuple[int, float, float]]:
    """The candidates that stand beside one another on the line, with their stretches of it, (new, start, end)."""
    taken: list[tuple[int, float, float]] = []
    for j in candidates:
        start, end = _stretch(line, new[j])
        if end - start < _LEAST_PIECE and taken:
            continue
        if all(not _over_one_another((start, end), (a, b)) for _, a, b in taken):
            taken.append((j, start, end))
    return taken


def _stretch(line: LineGeometry, other: LineGeometry) -> tuple[float, float]:
    """Which part of ``line`` lies under ``other``, as shares of its length from its left end (or its first point,
    where it is steep)."""
    points = _along(line)
    way = points[-1] - points[0]
    if abs(way[0]) >= abs(way[1]) and way[0] < 0:
        points, way = points[::-1], -way
    length = float(way @ way)
    if not length:
        return 0.0, 1.0
    shares = np.clip((_along(other) - points[0]) @ way / length, 0.0, 1.0)
    return float(shares.min()), float(shares.max())


def _along(line: LineGeometry) -> Chain:
    """The baseline, or the ends of the outline at half its height where there is none; one point at least."""
    if len(line.baseline) > 1 or not line.polygon:
        return chain(line.baseline or ((0, 0),))
    points = chain(line.polygon)
    return np.array([[points[:, 0].min(), points[:, 1].mean()], [points[:, 0].max(), points[:, 1].mean()]])


def _over_one_another(a: tuple[float, float], b: tuple[float, float]) -> bool:
    shared = min(a[1], b[1]) - max(a[0], b[0])
    return shared > _SAME_STRETCH * min(a[1] - a[0], b[1] - b[0])


def _shared_out(i: int, words: Sequence[str], stretches: Sequence[tuple[int, float, float]]) -> list[tuple[int, Piece]]:
    """The words that stand on each stretch, by their middles, all letters equally wide; none is left out."""
    if not stretches:
        return []
    if _right_to_left(words):
        stretches = [(j, 1 - end, 1 - start) for j, start, end in stretches]
    ordered = sorted(stretches, key=lambda each: (each[1] + each[2], each[0]))
    cuts = [(before[2] + after[1]) / 2 for before, after in itertools.pairwise(ordered)]
    total = sum(map(len, words)) + len(words) - 1
    shared, first, done, k = [], 0, 0, 0
    for (j, _, _), cut in zip(ordered, [*cuts, np.inf], strict=True):
        while k < len(words) and (done + len(words[k]) / 2) / total < cut:
            done += len(words[k]) + 1
            k += 1
        if k > first:
            shared.append((j, Piece(i, first, k)))
        first = k
    return shared


def _right_to_left(words: Sequence[str]) -> bool:
    """By the first letter that has a direction."""
    directions = (unicodedata.bidirectional(letter) for word in words for letter in word)
    return next((way in ("R", "AL") for way in directions if way in ("L", "R", "AL")), False)


def _without_doubles(old: Sequence[OldLine], line: LineGeometry, pieces: list[Piece]) -> list[Piece]:
    """Without the machine's words where somebody's stand in the same stretch of the new line."""
    kept = [_stretch(line, old[piece.old].geometry) for piece in pieces if old[piece.old].kept]
    return [
        piece
        for piece in pieces
        if old[piece.old].kept
        or not any(_over_one_another(_stretch(line, old[piece.old].geometry), stretch) for stretch in kept)
    ]


def _identities(old: Sequence[OldLine], same: dict[int, int], pieces: dict[int, list[Piece]]) -> dict[int, int]:
    """Which old line each new one is, text and all: never one whose words, or others beside them, are elsewhere."""
    alone = {
        j: each[0].old
        for j, each in pieces.items()
        if len(each) == 1 and old[each[0].old].kept and each[0].end - each[0].first == len(old[each[0].old].words)
    }
    settled = dict(alone)
    for j, i in same.items():
        if j in settled or i in alone.values():
            continue
        kept = any(old[piece.old].kept for piece in pieces[j])
        if not kept and (not old[i].kept or not (old[i].words or pieces[j])):
            settled[j] = i
    return settled


def _planned(
    old: Sequence[OldLine], found: Overlaps, same: dict[int, int], j: int, pieces: Sequence[Piece]
) -> PlannedLine:
    taken = {i for k, i in same.items() if k != j}
    if j in same:
        taken.add(same[j])
    related = {i for i in range(len(old)) if found.smaller[j, i] >= DERIVED and i not in taken}
    if j in same:
        return PlannedLine(j, same[j], tuple(sorted(related)))
    kept = any(old[piece.old].kept for piece in pieces)
    derived = related | ({piece.old for piece in pieces} if kept else set())
    return PlannedLine(j, None, tuple(sorted(derived)), tuple(pieces) if kept else ())


def _place(lines: Sequence[PlannedLine], i: int) -> int:
    """Behind the last line that is, or comes from, one that was read before the old line ``i``."""
    places = [n for n, line in enumerate(lines, 1) if _earliest(line, i)]
    return max(places, default=0)


def _earliest(line: PlannedLine, i: int) -> bool:
    return line.same < i if line.same is not None else any(parent < i for parent in line.derived)


def divide_by_readings(words: Sequence[str], readings: Sequence[str], ends: Sequence[int]) -> list[int]:
    """Where each line's words end, so that they are most like what was read on the lines, by edits.

    ``ends`` is the division by geometry, ascending, the last being the number of words; it stands unless another one
    saves two edits at least.
    """
    count = len(words)
    texts = {(a, b): " ".join(words[a:b]) for a in range(count + 1) for b in range(a, count + 1)}

    def cost(line: int, a: int, b: int) -> int:
        return int(Levenshtein.distance(texts[a, b], readings[line]))

    best: list[dict[int, tuple[int, list[int]]]] = [{0: (0, [])}]
    for line in range(len(readings)):
        row: dict[int, tuple[int, list[int]]] = {}
        for b in [count] if line == len(readings) - 1 else range(count + 1):
            options = [(total + cost(line, a, b), [*cuts, b]) for a, (total, cuts) in best[-1].items() if a <= b]
            row[b] = min(options, key=lambda option: (option[0], _moved(option[1], ends)))
        best.append(row)
    total, cuts = best[-1][count]
    starts = [0, *ends[:-1]]
    now = sum(cost(line, a, b) for line, (a, b) in enumerate(zip(starts, ends, strict=True)))
    return cuts if now - total >= _CLEARLY else list(ends)


def _moved(cuts: Sequence[int], ends: Sequence[int]) -> int:
    return sum(abs(cut - end) for cut, end in zip(cuts, ends, strict=False))
