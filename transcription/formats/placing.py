"""Where things stand that a format must give a place: measured where it is known, else estimated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from transcription.formats.records import TranscribedLine, TranscribedWord
from transcription.htr.records import LineGeometry, Point

Box = tuple[int, int, int, int]  # left, top, right, bottom
_LEAST_HEIGHT = 8  # pixels of a line of which only the baseline is known
_LINES_A_PAGE = 60


def corners(around: Sequence[Point]) -> tuple[Point, Point, Point, Point]:
    """The four corners of the box round the points, clockwise from the top left."""
    left, top, right, bottom = box(around)
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def box(around: Sequence[Point]) -> Box:
    """(left, top, right, bottom) of the points."""
    xs, ys = [x for x, _ in around], [y for _, y in around]
    return min(xs), min(ys), max(xs), max(ys)


def box_within(around: Sequence[Point], size: tuple[int, int]) -> Box:
    """The box of the points, moved onto the page where it lies outside of it; it is at least one pixel wide and
    high."""
    left, top, right, bottom = box(around)
    width, height = (max(1, side) for side in size)
    left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    return left, top, min(max(right, left + 1), width), min(max(bottom, top + 1), height)


def outline_of(geometry: LineGeometry | None, size: tuple[int, int]) -> tuple[Point, ...]:
    """The line's polygon; without one the box over its baseline, without any place the whole page."""
    width, height = size
    if geometry is not None and len(geometry.polygon) >= 3:
        return geometry.polygon
    if geometry is not None and (known := geometry.baseline + geometry.polygon):
        left, top = known[0]
        letters = max(_LEAST_HEIGHT, height // _LINES_A_PAGE)
        return corners((*known, (left, top - letters)))  # letters stand above their baseline
    return ((0, 0), (width, 0), (width, height), (0, height))


def slices(words: Sequence[TranscribedWord], outline: Sequence[Point]) -> Iterator[tuple[Point, ...]]:
    """Where each word would stand if all characters of the line were equally wide."""
    left, top, right, bottom = box(outline)
    total = max(1, sum(len(word.text) + 1 for word in words) - 1)
    done = 0
    for word in words:
        start = left + (right - left) * done // total
        end = left + (right - left) * (done + len(word.text)) // total
        yield (start, top), (end, top), (end, bottom), (start, bottom)
        done += len(word.text) + 1


def words_of(line: TranscribedLine) -> tuple[TranscribedWord, ...]:
    """The line's words, those its text has where nobody told them apart."""
    return line.words or tuple(TranscribedWord(text) for text in line.text.split())


def word_boxes(line: TranscribedLine, size: tuple[int, int]) -> list[tuple[TranscribedWord, Box]]:
    """Each word of the line with its box on the page, estimated where it was not measured."""
    words = words_of(line)
    estimates = slices(words, outline_of(line.geometry, size))
    return [
        (word, box_within(word.polygon if word.polygon else estimate, size))
        for word, estimate in zip(words, estimates, strict=True)
    ]
