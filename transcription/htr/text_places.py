"""Where the characters of a text stand when another reading of the same line says where its own do."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein

from transcription.htr.ctc import Span, extents

_LEAST_ROOM = 0.4  # of the mean width of a character; a word with less was put there by somebody
_COLUMNS = 10_000  # of a line's image, to say where its characters stand


def spans_of(text: str, seen: str, columns: Sequence[int], width: int) -> list[Span]:
    """One span (start, end; shares of ``width``) for each character of ``text``; none where nothing can be told.

    ``seen`` are characters with their ``columns``, ascending. What both hold, or hold in each other's place, stands
    alike; the rest is put evenly between. Spans reach half-way to the neighbours.
    """
    assert len(seen) == len(columns)
    anchors: dict[int, int] = {}
    for step in Levenshtein.opcodes(seen, text):
        if step.tag in ("equal", "replace"):
            length = step.src_end - step.src_start
            anchors |= {step.dest_start + number: columns[step.src_start + number] for number in range(length)}
    if not anchors or not width:
        return []
    places = np.interp(np.arange(len(text)), list(anchors), list(anchors.values())).round().astype(np.intp)
    return extents(places, places, np.ones_like(places), width)


def spans_of_characters(text: str, voted: Sequence[Mapping[str, Any]]) -> list[Span]:
    """Where each character of ``text`` stands, as shares of the line's image: by the places of the words that were
    read (a Vote's), else evenly."""
    seen, columns = "", list[int]()
    for word in voted:
        if word.get("span") and word["text"]:
            start, end = word["span"]
            letters = len(word["text"])
            seen += word["text"]
            columns += [round(_COLUMNS * (start + (end - start) * (k + 0.5) / letters)) for k in range(letters)]
    steady = all(before <= after for before, after in itertools.pairwise(columns))
    spans = spans_of(text, seen, columns, _COLUMNS) if steady else []
    return spans or [(k / len(text), (k + 1) / len(text)) for k in range(len(text))]


def spans_of_words(text: str, voted: Sequence[Mapping[str, Any]]) -> list[Span]:
    """Where each word of ``text`` (split at white space) stands, when the line was read as ``voted``; none where the
    reading does not say where anything stands."""
    if not any(word.get("span") and word["text"] for word in voted):
        return []
    spans = spans_of_characters(text, voted)
    found = [(spans[word.start()][0], spans[word.end() - 1][1]) for word in re.finditer(r"\S+", text)]
    return _given_room([len(word) for word in text.split()], found)


def _given_room(letters: Sequence[int], spans: Sequence[Span]) -> list[Span]:
    """The spans, each with room for its word: what was put between two words that were read shares their room."""
    if not spans:
        return []
    least = _LEAST_ROOM * (spans[-1][1] - spans[0][0]) / sum(letters)
    groups: list[list[int]] = []
    for index in range(len(spans)):
        groups.append([index])
        while len(groups) > 1 and not (
            _has_room(groups[-1], letters, spans, least) and _has_room(groups[-2], letters, spans, least)
        ):
            groups[-2:] = [groups[-2] + groups[-1]]
    shared: list[Span] = []
    for group in groups:
        if len(group) == 1:
            shared.append(spans[group[0]])
            continue
        start, end = spans[group[0]][0], max(spans[group[-1]][1], spans[group[0]][0])
        total, at = sum(letters[index] + 1 for index in group) - 1, 0
        for index in group:
            shared.append((start + (end - start) * at / total, start + (end - start) * (at + letters[index]) / total))
            at += letters[index] + 1
    return shared


def _has_room(group: Sequence[int], letters: Sequence[int], spans: Sequence[Span], least: float) -> bool:
    wide = spans[group[-1]][1] - spans[group[0]][0]
    return wide >= least * sum(letters[index] for index in group)
