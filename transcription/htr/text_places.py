"""Where the characters of a text stand when another reading of the same line says where its own do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein

from transcription.htr.ctc import Span, extents


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
