"""Where a pattern stands in the current texts of a collection, and what of it may be changed in one step.

Lines are those that pages show, in the order of documents, pages and lines. The database leaves out what cannot match;
what does is decided by `htr.replacing`, since no database knows where a character ends as people see it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection as Container
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Max, Q
from django.utils.translation import gettext as _

from transcription.errors import BadInput
from transcription.htr.replacing import Pattern, database_pattern, places, replaced, spoils_characters
from transcription.htr.text import clean
from transcription.models import Page, Source, TranscriptRevision
from transcription.models.page import FINISHED_STATES

LONGEST = 200  # characters of what is looked for, and of what is put there
_FEW_PAGES = 40  # that are looked through first to fill a part of the preview


class Standing(StrEnum):
    """Whether a line may be changed, and if not why: the first that applies."""

    APPROVED = "approved"
    UNFINISHED = "unfinished"  # machines are at work on its page: what they read next would not be what was seen
    HELD = "held"
    TYPED = "typed"
    FREE = "free"


class Key(NamedTuple):
    """A line's place in the collection's order."""

    document: int
    page_position: int
    page: int
    position: int


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line in which the pattern stands, as it may be changed."""

    key: Key
    line: int
    revision: int
    text: str


@dataclass(slots=True)
class Count:
    places: int = 0
    lines: int = 0
    pages: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Census:
    """How often the pattern stands where it may be changed (``free``), and where not."""

    counts: Mapping[Standing, Count]

    @property
    def free(self) -> Count:
        return self.counts[Standing.FREE]

    @property
    def is_empty(self) -> bool:
        return not any(count.places for count in self.counts.values())


# What is looked at comes first: in a collection of many pages the plan must not begin with all revisions there are.
_STANDING = f"""
CASE WHEN page.approved_at IS NOT NULL OR page.id = ANY(%(looked_at)s) THEN '{Standing.APPROVED}'
     WHEN page.state <> ALL(%(finished)s) THEN '{Standing.UNFINISHED}'
     WHEN page.id = ANY(%(held)s) THEN '{Standing.HELD}'
     WHEN revision.source = ANY(%(typed)s) THEN '{Standing.TYPED}'
     ELSE '{Standing.FREE}' END
"""
_LINES = """
FROM transcription_page page
JOIN transcription_layoutline place ON place.layout_id = page.layout_id
JOIN transcription_line line ON line.id = place.line_id
JOIN transcription_transcriptrevision revision ON revision.id = line.current_id
WHERE page.collection_id = %(collection)s AND revision.text {operator} {right} AND revision.id <= %(as_of)s
"""
_KEY = "page.document_id, page.position, page.id, place.position"


def checked_pattern(pattern: Pattern) -> Pattern:
    """The pattern as texts are stored. Raises BadInput, saying what of it cannot be used."""
    made = Pattern(clean(pattern.find), clean(pattern.put), pattern.whole_words, pattern.match_case)
    if not made.find:
        raise BadInput(_("Write what is to be found."), code="nothing-to-find")
    if max(len(made.find), len(made.put)) > LONGEST:
        said = _("That is too long: at most %(count)d characters on either side.") % {"count": LONGEST}
        raise BadInput(said, code="pattern-too-long")
    if made.find == made.put:
        raise BadInput(_("Both sides are the same: nothing would change."), code="pattern-changes-nothing")
    if spoils_characters(made.find) or spoils_characters(made.put):
        said = _("A mark such as ̄ belongs to the letter before it: write both sides with that letter.")
        raise BadInput(said, code="pattern-spoils-characters")
    return made


def present_revision() -> int:
    """The last revision that there is: what is written from here on was not seen."""
    return TranscriptRevision.objects.aggregate(last=Max("pk"))["last"] or 0


def held_pages(collection_id: int) -> list[int]:
    """Pages of the collection that somebody has open in the editor."""
    return list(Page.objects.filter(collection=collection_id).held().order_by("pk").values_list("pk", flat=True))


def census(
    *, collection_id: int, pattern: Pattern, typed: bool, as_of: int, leave: Mapping[int, Container[int]] | None = None
) -> Census:
    """Count the places in texts up to the revision ``as_of``; those in ``leave`` (by line) do not count."""
    counts: defaultdict[Standing, Count] = defaultdict(Count)
    parameters = _parameters(collection_id, pattern, typed, as_of)
    sql = f"SELECT {_STANDING}, page.id, line.id, revision.text {_lines(pattern)}"
    for standing, page, line, text in _rows(sql, parameters):
        number = replaced(text, pattern, leave[line])[1] if leave and line in leave else len(places(text, pattern))
        if number:
            count = counts[Standing(standing)]
            count.places += number
            count.lines += 1
            count.pages.add(page)
    return Census(counts)


def found_lines(
    *, collection_id: int, pattern: Pattern, typed: bool, as_of: int, after: Key | None, size: int
) -> tuple[list[FoundLine], bool]:
    """The next ``size`` lines that may be changed behind the key ``after``, and whether there are more."""
    found: list[FoundLine] = []
    parameters = _parameters(collection_id, pattern, typed, as_of)
    sql = (
        f"SELECT {_KEY}, line.id, revision.id, revision.text {_lines(pattern)} "
        f"AND page.id = ANY(%(pages)s) AND {_STANDING} = '{Standing.FREE}' ORDER BY {_KEY}"
    )
    for pages in _pages_in_order(collection_id, after):
        for row in _rows(sql, parameters | {"pages": pages}):
            key = Key(*row[:4])
            if (after is None or key > after) and places(row[6], pattern):
                if len(found) == size:
                    return found, True
                found.append(FoundLine(key, *row[4:]))
    return found, False


def _pages_in_order(collection_id: int, after: Key | None) -> Iterator[list[int]]:
    """Pages of the collection from that of ``after`` on, a few first and then more and more at once: what stands
    everywhere is found on the first of them, and what is rare takes a handful of queries."""
    order = ("document", "position", "pk")
    pages = Page.objects.filter(collection=collection_id).order_by(*order)
    if after is not None:
        here = Q(document=after.document, position=after.page_position)
        later = Q(document=after.document, position__gt=after.page_position)
        pages = pages.filter(Q(document__gt=after.document) | later | (here & Q(pk__gte=after.page)))
    ids = list(pages.values_list("pk", flat=True))
    first, count = 0, _FEW_PAGES
    while first < len(ids):
        yield ids[first : first + count]
        first, count = first + count, 4 * count


def count_open(*, collection_id: int, patterns: Sequence[Pattern]) -> list[int]:
    """How many places each of ``patterns``, case matched, has in machine texts that may be changed; in one reading."""
    counts = [0] * len(patterns)
    if not patterns:
        return counts
    parameters = _parameters(collection_id, patterns[0], typed=False, as_of=present_revision())
    parameters["pattern"] = [database_pattern(pattern)[1] for pattern in patterns]
    sql = f"SELECT revision.text {_LINES.format(operator='LIKE', right='ANY(%(pattern)s)')} AND {_STANDING} = 'free'"
    for (text,) in _rows(sql, parameters):
        for number, pattern in enumerate(patterns):
            if pattern.find in text:
                counts[number] += len(places(text, pattern))
    return counts


def pages_with_places(
    *, collection_id: int, pattern: Pattern, typed: bool, as_of: int, after: int, limit: int
) -> list[int]:
    """The next ``limit`` pages, by id, behind ``after`` in which the pattern may stand where it may be changed."""
    sql = (
        f"SELECT DISTINCT page.id {_lines(pattern)} AND page.id > %(after)s "
        f"AND {_STANDING} IN ('{Standing.FREE}', '{Standing.HELD}') ORDER BY page.id LIMIT %(limit)s"
    )
    parameters = _parameters(collection_id, pattern, typed, as_of) | {"after": after, "limit": limit}
    return [row[0] for row in _rows(sql, parameters)]


def is_typed(source: str) -> bool:
    """Whether people wrote a text, here or elsewhere."""
    return source in (Source.PERSON, Source.IMPORT)


def _lines(pattern: Pattern) -> str:
    return _LINES.format(operator=database_pattern(pattern)[0], right="%(pattern)s")


def _parameters(collection_id: int, pattern: Pattern, typed: bool, as_of: int) -> dict[str, Any]:
    return {
        "collection": collection_id,
        "pattern": database_pattern(pattern)[1],
        "as_of": as_of,
        "finished": list(FINISHED_STATES),
        "held": held_pages(collection_id),
        "looked_at": list(Page.objects.filter(collection=collection_id).looked_at_once().values_list("pk", flat=True)),
        "typed": [] if typed else [Source.PERSON, Source.IMPORT],
    }


def _rows(sql: str, parameters: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        yield from cursor.fetchall()
