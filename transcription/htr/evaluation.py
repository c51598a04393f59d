"""Scoring whole pages against ground truth that knows nothing of our lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from transcription.htr.alignment import match_lines
from transcription.htr.metrics import LineScore, score_line
from transcription.htr.text import normalised, strict

_COUNTS = tuple(f.name for f in fields(LineScore) if f.name not in ("document", "lines"))
_EDITS = ("edits", "edits_normalised", "word_edits", "word_edits_normalised")


def score_page(document: str, reference_lines: Sequence[str], hypothesis_lines: Sequence[str]) -> LineScore:
    """Count a page's edits, lines matched by text and order; ``lines`` is the number of reference lines with text.

    Two counts bound from above what a corrector would have to type, and the smaller (by normalised character edits)
    is taken, all four figures from the same one. *By lines*: the edits of matched lines, every character of a missed
    line, every character of an invented one; a wrong order of lines costs nothing, as a search or a reader finds the
    line all the same. *As one text*: the page's lines joined by spaces; a line broken elsewhere than in the ground
    truth costs nothing. Reference lengths are the sum of the lines' in both cases, so that rates compare.
    """
    # Blank lines say nothing on either side; a page of them alone is an empty page.
    reference = [line for line in map(strict, reference_lines) if line]
    hypothesis = [line for line in map(strict, hypothesis_lines) if line]
    by_lines = _by_lines(document, reference, hypothesis)
    as_text = _as_text(document, reference, hypothesis)
    counts = {name: sum(getattr(score, name) for score in by_lines) for name in _COUNTS}
    if as_text.edits_normalised < counts["edits_normalised"]:
        counts |= {name: getattr(as_text, name) for name in _EDITS}
    return LineScore(document=document, lines=len(reference), **counts)


def _by_lines(document: str, reference: list[str], hypothesis: list[str]) -> list[LineScore]:
    found: dict[int, list[str]] = {i: [] for i in range(len(reference))}
    invented: list[str] = []
    for i, j in match_lines([normalised(line) for line in reference], [normalised(line) for line in hypothesis]):
        if j is not None:
            (invented if i is None else found[i]).append(hypothesis[j])
    scores = [score_line(document, reference[i], " ".join(pieces)) for i, pieces in found.items()]
    return scores + [score_line(document, "", line) for line in invented]


def _as_text(document: str, reference: list[str], hypothesis: list[str]) -> LineScore:
    exact = score_line(document, " ".join(reference), " ".join(hypothesis))
    # Folded line by line before joining: a hyphen at a line's end goes wherever the line stands on the page.
    loose = score_line(document, " ".join(map(normalised, reference)), " ".join(map(normalised, hypothesis)))
    return replace(exact, edits_normalised=loose.edits_normalised, word_edits_normalised=loose.word_edits_normalised)
