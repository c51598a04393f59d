"""What the machines of a collection take for what, by what its people corrected, and where it still stands."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from review.models import Approval, WordDecision
from transcription.htr.confusions import Confusion, confusions
from transcription.models import Collection, Source
from transcription.steps.find_places import count_open

MOST_LINES = 20_000  # that people looked at last: enough to tell, and few enough to compare while somebody waits
SHOWN = 12

# A line was looked at where a person wrote its text, approved its page as a whole or ended it unchanged. What was
# only moved, nobody looked at in that place.
_LOOKED_AT = """
SELECT voted.text, current.text
FROM transcription_page page
JOIN transcription_layoutline place ON place.layout_id = page.layout_id
JOIN transcription_line line ON line.id = place.line_id
JOIN transcription_transcriptrevision current ON current.id = line.current_id
JOIN LATERAL (
    SELECT text FROM transcription_transcriptrevision
    WHERE line_id = line.id AND source = %(vote)s ORDER BY number DESC LIMIT 1
) voted ON true
WHERE page.collection_id = %(collection)s AND page.takedown_id IS NULL AND current.layout_id IS NULL
  AND current.source <> %(import)s AND (
    current.source = %(person)s
    OR (page.approved_at IS NOT NULL AND EXISTS (
        SELECT FROM review_approval approval WHERE approval.page_id = page.id
        AND approval.created_at = page.approved_at AND approval.mode = %(whole)s))
    OR EXISTS (SELECT FROM review_worddecision decision WHERE decision.line_id = line.id AND decision.kind = %(read)s))
ORDER BY current.id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A confusion, and in how many places of machine texts that nobody looked at it stands."""

    confusion: Confusion
    open_places: int


def suggestions(collection: Collection) -> list[Suggestion]:
    """Those that would change something, most helpful first."""
    found = confusions(looked_at(collection))[: 2 * SHOWN]
    counts = count_open(collection_id=collection.pk, patterns=[each.pattern for each in found])
    pairs = [Suggestion(each, count) for each, count in zip(found, counts, strict=True) if count]
    return sorted(pairs, key=lambda it: -it.open_places * it.confusion.precision)[:SHOWN]


def looked_at(collection: Collection) -> list[tuple[str, str]]:
    """(the machine's text, what stands now) of the lines that people looked at last."""
    parameters: dict[str, str | int] = {
        "collection": collection.pk,
        "vote": Source.VOTE,
        "import": Source.IMPORT,
        "person": Source.PERSON,
        "whole": Approval.Mode.WHOLE_PAGE,
        "read": WordDecision.Kind.READ,
        "limit": MOST_LINES,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOOKED_AT, parameters)
        return [(machine, person) for machine, person in cursor.fetchall()]
