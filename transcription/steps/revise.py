"""Append a revision to a line's transcript: the only way text changes."""

from __future__ import annotations

from django.contrib.auth.models import User

from transcription.htr.text import clean
from transcription.models import ImportedTranscript, Layout, Line, Source, TranscriptRevision, Vote
from transcription.models.transcript import PRECEDENCE


def outranked_by(source: Source, current: TranscriptRevision) -> bool:
    """True when ``current`` comes from something that outranks ``source``: person > import > bulk fix > vote."""
    return PRECEDENCE.index(Source(current.source)) > PRECEDENCE.index(source)


def revise(
    *,
    line: Line,
    text: str,
    source: Source,
    author: User | None = None,
    vote: Vote | None = None,
    transcript: ImportedTranscript | None = None,
    layout: Layout | None = None,
    mixed: bool = False,
) -> TranscriptRevision:
    """Append the next revision and make it current. The caller holds the page lock, so numbers have no gaps.

    ``layout`` is given where the text was only moved, ``mixed`` where the machine's words were moved along with it.
    """
    number = line.current.number + 1 if line.current is not None else 1
    revision = TranscriptRevision.objects.create(
        line=line,
        number=number,
        text=clean(text),
        source=source,
        author=author,
        vote=vote,
        transcript=transcript,
        layout=layout,
        mixed=mixed,
    )
    line.current = revision
    line.save(update_fields=["current"])
    return revision
