"""Keep the search index as the lines are: settle the marks that the database's triggers leave on changed pages.

A mark and the change it stands for are one transaction, and so are a page's rows and the end of its mark: a crash
loses neither, and settling twice changes nothing. A row is written only where it differs.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Q

from transcription.htr.search_words import tsvector, vectors, words_of_line
from transcription.htr.similar_words import skeleton
from transcription.models import LayoutLine, Page, SearchLine, SearchMark, SearchWord, Source, TranscriptRevision, Vote
from transcription.models.search import EVERY_LINE, RANK_IMPORT, RANK_PERSON, RANK_SURE, weight_of

logger = logging.getLogger(__name__)

# Counted up when lines are taken apart another way: rows of earlier versions then differ from what they should be.
VERSION = 1
_LOCK = 0x4C48 << 44  # beside which a collection's id makes the key of its advisory lock
_FIELDS = [field.name for field in SearchLine._meta.concrete_fields if not field.primary_key]
_MARK_ALL = """
INSERT INTO transcription_searchmark (page_id, marked_at)
SELECT id, now() FROM transcription_page WHERE layout_id IS NOT NULL
UNION SELECT page_id, now() FROM transcription_searchline ORDER BY 1
ON CONFLICT (page_id) DO UPDATE SET marked_at = excluded.marked_at
"""
_COUNT_WORDS = """
INSERT INTO transcription_searchword AS known (collection_id, word, skeleton, lines)
SELECT %s, word, skeleton, lines FROM unnest(%s::text[], %s::text[], %s::int[]) AS found (word, skeleton, lines)
ORDER BY word
ON CONFLICT (collection_id, word) DO UPDATE SET lines = known.lines + excluded.lines
"""
_LEXEMES = """
SELECT collection_id, tsvector_to_array(every) || %s::text FROM transcription_searchline WHERE line_id = ANY(%s)
"""
_WRONG_WORDS = """
SELECT coalesce(real.collection_id, kept.collection_id), coalesce(real.word, kept.word) FROM (
    SELECT collection_id, lexeme AS word, count(*) AS lines FROM transcription_searchline, unnest(every) GROUP BY 1, 2
    UNION ALL SELECT collection_id, '', count(*) FROM transcription_searchline GROUP BY 1) AS real
FULL JOIN transcription_searchword kept ON kept.collection_id = real.collection_id AND kept.word = real.word
WHERE real.lines IS DISTINCT FROM kept.lines LIMIT 100
"""


@dataclass(frozen=True, slots=True)
class LineText:
    """A line's text as search takes it: the voted words only where the text is the machine's."""

    revision: TranscriptRevision | None
    vote: Vote | None

    @property
    def text(self) -> str:
        return self.revision.text if self.revision is not None else ""

    @property
    def voted(self) -> Sequence[Mapping[str, Any]]:
        return self.vote.words if self.vote is not None else ()


def settle_marks(
    *, pages: Sequence[int] | None = None, most: int | None = None, seconds: float = float("inf")
) -> tuple[int, int]:
    """Index marked pages, oldest mark first: all of them, or ``most``, those of ``pages``, until ``seconds`` are over.

    Returns how many were settled and how many failed; these keep their mark and are logged.
    """
    end = time.monotonic() + seconds
    settled, failed = 0, set[int]()
    while time.monotonic() < end and (most is None or settled + len(failed) < most):
        page = None
        try:
            with transaction.atomic():
                page = _claimed(pages, failed)
                if page is None:
                    break
                write_page(page)
                SearchMark.objects.filter(pk=page).delete()
                settled += 1
        except (DatabaseError, KeyError, TypeError, ValueError) as error:
            if page is None:
                raise
            logger.warning("Page %s could not be indexed for search (%s); it is tried again.", page, error)
            failed.add(page)
    return settled, len(failed)


def _claimed(pages: Sequence[int] | None, failed: Iterable[int]) -> int | None:
    with connection.cursor() as cursor:
        # Shorter than deadlock_timeout: whoever changes texts never waits long for the index, nor fails by it.
        cursor.execute("SET LOCAL lock_timeout = '800ms'")
    marks = SearchMark.objects.select_for_update(skip_locked=True).exclude(pk__in=failed)
    if pages is not None:
        marks = marks.filter(pk__in=pages)
    return marks.order_by("marked_at", "pk").values_list("pk", flat=True).first()


def write_page(page_id: int) -> int:
    """Make the index's rows of a page what its lines are; how many were written or deleted. Holds the locks of the
    words of its collection until the transaction ends."""
    page = Page.objects.filter(pk=page_id).only("collection_id", "document_id", "layout_id", "run_id", "state").first()
    if page is not None:
        _lock(page.collection_id)
    wanted = {row.line_id: row for row in (rows_of(page) if page is not None else ())}
    there = SearchLine.objects.filter(Q(page=page_id) | Q(line__in=list(wanted)))
    digests = dict(there.values_list("line", "digest"))
    changed = [row for line, row in wanted.items() if digests.get(line) != row.digest]
    gone = [line for line in digests if line not in wanted]
    if not changed and not gone:
        return 0
    counts = defaultdict[int, Counter[str]](Counter)
    for collection, found in _lexemes([*gone, *(row.line_id for row in changed)]):
        counts[collection].subtract(found)
    for row in changed:
        counts[row.collection_id].update(row.lexemes)  # type: ignore[attr-defined]  # rows_of sets it
    SearchLine.objects.filter(line__in=gone).delete()
    SearchLine.objects.bulk_create(changed, update_conflicts=True, unique_fields=["line"], update_fields=_FIELDS)
    for collection in sorted(counts):
        _count_words(collection, counts[collection])
    return len(changed) + len(gone)


def _lock(collection: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK + collection])


def _lexemes(lines: Sequence[int]) -> Iterator[tuple[int, list[str]]]:
    """(collection, lexemes) of rows that are in the index."""
    with connection.cursor() as cursor:
        cursor.execute(_LEXEMES, [EVERY_LINE, list(lines)])
        yield from cursor.fetchall()


def _count_words(collection: int, counts: Counter[str]) -> None:
    words = {word: count for word, count in counts.items() if count}
    if not words:
        return
    _lock(collection)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_WORDS, [collection, list(words), [*map(skeleton, words)], list(words.values())])
    fewer = [word for word, count in words.items() if count < 0]
    SearchWord.objects.filter(collection_id=collection, word__in=fewer, lines__lte=0).delete()


def rows_of(page: Page) -> list[SearchLine]:
    """Unsaved rows for all lines of the page's layout, each with its distinct ``lexemes``; in reading order."""
    texts = texts_of(page)
    following = itertools.zip_longest(texts.items(), list(texts.values())[1:])
    return [_row(page, line, text, after) for (line, text), after in following]


def texts_of(page: Page) -> dict[int, LineText]:
    """What search knows of the lines of the page's layout, by their ids, in reading order."""
    places = LayoutLine.objects.filter(layout=page.layout_id).select_related("line__current").order_by("position")
    current = {place.line_id: place.line.current for place in places}
    latest = Vote.objects.filter(run=page.run_id).latest_by_line()
    elder = [
        revision.vote_id
        for line, revision in current.items()
        if revision is not None and revision.vote_id and not _is_of(revision, latest.get(line))
    ]
    made = Vote.objects.in_bulk(elder)
    texts = {}
    for line, revision in current.items():
        vote = None
        if revision is not None and revision.source in (Source.VOTE, Source.BULK):
            vote = latest.get(line)
            if not _is_of(revision, vote):
                vote = made.get(revision.vote_id or 0, vote)
        texts[line] = LineText(revision, vote)
    return texts


def _is_of(revision: TranscriptRevision, vote: Vote | None) -> bool:
    return vote is not None and vote.text == revision.text


def _row(page: Page, line: int, text: LineText, following: LineText | None) -> SearchLine:
    after = (following.text, following.voted) if following is not None else None
    found = vectors(words_of_line(text.text, text.voted, after))
    revision, vote = text.revision, text.vote
    row = SearchLine(
        line_id=line,
        page_id=page.pk,
        collection_id=page.collection_id,
        document_id=page.document_id,
        revision_id=revision.pk if revision is not None else None,
        vote_id=vote.pk if vote is not None else None,
        state=page.state,
        weight=weight_of(_rank(revision, vote), line),
        confidence=vote.confidence if vote is not None else None,
        written_at=revision.created_at if revision is not None else None,
        said=tsvector(found.said),
        other=tsvector(found.other),
        every=tsvector(found.every),
    )
    facts = [VERSION, page.pk, *(getattr(row, name) for name in _FIELDS if name not in ("page", "digest"))]
    row.digest = hashlib.md5(repr(facts).encode(), usedforsecurity=False).hexdigest()
    row.lexemes = [*found.every, EVERY_LINE]  # type: ignore[attr-defined]  # counted, not stored
    return row


def _rank(revision: TranscriptRevision | None, vote: Vote | None) -> int:
    if revision is not None and revision.source == Source.PERSON:
        return RANK_PERSON
    if revision is not None and revision.source == Source.IMPORT:
        return RANK_IMPORT
    return round(RANK_SURE * ((vote.confidence if vote is not None else None) or 0.0))


def forget_collection(collection: int) -> None:
    """Take all of a collection out of the index, in the transaction that deletes it."""
    _lock(collection)
    SearchLine.objects.filter(collection_id=collection).delete()
    SearchWord.objects.filter(collection_id=collection).delete()


def mark_all_pages() -> int:
    """Have every page indexed anew, by whoever settles marks; how many."""
    with connection.cursor() as cursor:
        cursor.execute(_MARK_ALL)
        return int(cursor.rowcount)


def differences(*, batch: int = 200) -> Iterator[str]:
    """Where the index is not what it should be, a sentence each. Pages with a mark are left out: they wait."""
    last = 0
    while True:
        pages = list(Page.objects.filter(pk__gt=last, layout__isnull=False).order_by("pk")[:batch])
        if not pages:
            break
        last = pages[-1].pk
        marked = set(SearchMark.objects.filter(pk__in=[page.pk for page in pages]).values_list("pk", flat=True))
        for page in pages:
            if page.pk not in marked:
                yield from _differences_of(page)
    shown = Page.objects.filter(layout__isnull=False)
    marks = SearchMark.objects.values("pk")
    for page_id in (
        SearchLine.objects.exclude(page__in=shown).exclude(page__in=marks).values_list("page", flat=True).distinct()
    ):
        yield f"Page {page_id} has rows in the index, and no lines."
    with connection.cursor() as cursor:
        cursor.execute(_WRONG_WORDS)
        for collection, word in cursor.fetchall():
            yield f"The lines with “{word}” of collection {collection} are miscounted."


def _differences_of(page: Page) -> Iterator[str]:
    wanted = {row.line_id: row.digest for row in rows_of(page)}
    there = dict(SearchLine.objects.filter(page=page.pk).values_list("line", "digest"))
    for line in sorted({**wanted, **there}):
        if wanted.get(line) != there.get(line):
            yield f"Line {line} of page {page.pk} is not in the index as it is."
