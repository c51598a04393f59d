"""Take the texts of lines along to other lines, with all of their history: who wrote what, and when."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connection

from transcription.models import Line, TranscriptRevision

# A vote is of its own line and run, and stays there; what it made of the text is carried like any other revision.
_COPY = """
INSERT INTO transcription_transcriptrevision
    (line_id, number, text, source, author_id, transcript_id, layout_id, mixed, created_at)
SELECT pair.target, r.number, r.text, r.source, r.author_id, r.transcript_id, r.layout_id, r.mixed, r.created_at
FROM transcription_transcriptrevision r
JOIN unnest(%s::bigint[], %s::bigint[], %s::int[]) AS pair (source, target, beyond) ON pair.source = r.line_id
WHERE r.number > pair.beyond
"""
_MAKE_CURRENT = """
UPDATE transcription_line l SET current_id = r.id FROM transcription_transcriptrevision r
WHERE r.line_id = l.id AND l.id = ANY(%s)
AND r.number = (SELECT max(number) FROM transcription_transcriptrevision WHERE line_id = l.id)
"""


def carry_texts(pairs: Mapping[int, int]) -> None:
    """Copy the revisions of each line to another (ids, from → to) that has none, or an equal beginning of them.

    The caller holds the locks of both pages, and has made sure of that beginning (``continues``).
    """
    if not pairs:
        return
    sources, targets = list(pairs), list(pairs.values())
    known = dict(Line.objects.filter(pk__in=targets, current__isnull=False).values_list("pk", "current__number"))
    with connection.cursor() as cursor:
        cursor.execute(_COPY, [sources, targets, [known.get(target, 0) for target in targets]])
        cursor.execute(_MAKE_CURRENT, [targets])


def continues(later: int, earlier: int) -> bool:
    """Whether the history of the line ``later`` begins with all that of the line ``earlier``."""
    fields = ("number", "text", "source", "author", "transcript", "created_at")
    histories = [
        list(TranscriptRevision.objects.filter(line=line).order_by("number").values_list(*fields))
        for line in (later, earlier)
    ]
    return histories[0][: len(histories[1])] == histories[1]
