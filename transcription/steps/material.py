"""What a page is like, in numbers that cost nothing: kept with its decision, to notice when other material comes."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean, median

from transcription.htr.risk import line_size
from transcription.models import Run

CHARACTERS = "characters"  # the page's size, by which it is drawn for audits
WORDS = "words"
WATCHED = ("confidence", "lines", "line-length", "ink", "line-height")


def material_of(run: Run, confidence: float | None) -> dict[str, float]:
    """Features of a page as `run` read it; empty for a page without lines, and without those that nobody measured."""
    votes = run.votes.latest_by_line().values()
    if run.layout is None or not votes:
        return {}
    places = list(run.layout.places.values_list("ink", "polygon"))
    inks = [ink for ink, _ in places if ink is not None]
    found = {
        CHARACTERS: sum(line_size(vote.text) for vote in votes),
        WORDS: sum(len(vote.words) for vote in votes),
        "lines": len(votes),
        "line-length": fmean(len(vote.text) for vote in votes),
        "line-height": median(_height(polygon) for _, polygon in places),
    }
    if confidence is not None:
        found["confidence"] = confidence
    if inks:
        found["ink"] = fmean(inks)
    return {name: round(float(value), 4) for name, value in found.items()}


def watched(pages: Iterable[dict[str, float]]) -> dict[str, list[float]]:
    """The features of many pages, each as a list of what is known of it."""
    rows = list(pages)
    return {name: [row[name] for row in rows if name in row] for name in WATCHED}


def _height(polygon: list[list[int]]) -> int:
    heights = [y for _, y in polygon]
    return max(heights) - min(heights) if heights else 0
