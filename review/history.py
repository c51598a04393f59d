"""How a line's text came about: its revisions and what each pass read, with what differs from the text before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from review.editor import revision_origin, revision_title
from transcription.htr.difference import Piece, difference
from transcription.models import Line, Reading


@dataclass(frozen=True, slots=True)
class PastText:
    """One revision as the history shows it; ``author``, or the file that was brought, is empty for the machine."""

    number: int
    source: str
    author: str
    title: str
    created_at: datetime
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class PassText:
    """What one pass read, compared with the current text."""

    name: str
    pieces: list[Piece]


def past_texts(line: Line) -> list[PastText]:
    """The line's revisions, newest first, each against the one before it."""
    past: list[PastText] = []
    before = ""
    revisions = line.revisions.select_related("author", "transcript").defer("transcript__data")
    for revision in revisions.order_by("number"):
        pieces = difference(before, revision.text) if past else [Piece("same", revision.text)]
        past.append(
            PastText(
                revision.number,
                str(revision.get_source_display()),
                revision_origin(revision),
                revision_title(revision),
                revision.created_at,
                pieces,
            )
        )
        before = revision.text
    return past[::-1]


def pass_texts(line: Line) -> list[PassText]:
    """What every pass of the page's run read in this line, against its current text."""
    current = line.current.text if line.current is not None else ""
    readings = Reading.objects.filter(line=line, run=line.page.run_id).select_related("pass_version").order_by("pk")
    return [PassText(reading.pass_version.name, difference(current, reading.text)) for reading in readings]
