"""How a line's text came about: its revisions and what each pass read, with what differs from the text before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from review.editor import revision_origin, revision_title
from transcription.htr.difference import Piece, difference
from transcription.models import Line, Reading, TranscriptRevision


@dataclass(frozen=True, slots=True)
class PastText:
    """One revision as the history shows it; ``author``, or the file that was brought, is empty for the machine.
    ``note`` says which replacement made it or was taken back by it."""

    number: int
    source: str
    author: str
    title: str
    created_at: datetime
    pieces: list[Piece]
    note: str


@dataclass(frozen=True, slots=True)
class PassText:
    """What one pass read, compared with the current text."""

    name: str
    pieces: list[Piece]


def past_texts(line: Line) -> list[PastText]:
    """The line's revisions, newest first, each against the one before it."""
    past: list[PastText] = []
    before = ""
    related = ("author", "transcript", "replaced__replacement", "restores__replacement")
    revisions = line.revisions.select_related(*related).defer("transcript__data")
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
                _note(revision),
            )
        )
        before = revision.text
    return past[::-1]


def _note(revision: TranscriptRevision) -> str:
    made, taken_back = getattr(revision, "replaced", None), getattr(revision, "restores", None)
    if made is not None:
        return _("%(replacement)s in many lines") % {"replacement": made.replacement}
    if taken_back is not None:
        return _("%(replacement)s taken back") % {"replacement": taken_back.replacement}
    return ""


def pass_texts(line: Line) -> list[PassText]:
    """What every pass of the page's run read in this line, against its current text."""
    current = line.current.text if line.current is not None else ""
    readings = Reading.objects.filter(line=line, run=line.page.run_id).select_related("pass_version").order_by("pk")
    return [PassText(reading.pass_version.name, difference(current, reading.text)) for reading in readings]
