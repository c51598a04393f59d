"""Search the lines of the collections that a person may see. For the screen and for whatever else asks.

Four levels follow each other: lines whose text has the words; lines of which another reading has them; lines with
spellings one edit away, and with those further off. Within a level lines stand by weight: typed, brought, read, these
by confidence. A page of results starts after a (level, weight), never after a count.

``search_plan`` says how the lines of a level are reached.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import IntEnum

from django.contrib.auth.models import AnonymousUser, User
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from transcription.errors import TransientError
from transcription.htr.search_query import Query, parse
from transcription.htr.search_words import quoted
from transcription.models import Collection, Page, PageState, SearchLine, SearchMark
from transcription.models.search import RANK_IMPORT, RANK_PERSON, RANK_SURE, weight_of
from transcription.steps.search_plan import Way, expected_lines, lines_of_word, lines_with, reached
from transcription.steps.similar_words import SimilarWord, similar_words, suggestions

PAGE_SIZE = 20
MOST_COUNTED = 1000
MOST_SUGGESTIONS = 6
_FEW = 20_000  # lines, of a million, whose entries are sooner read than passed over
_PATIENCE_SECONDS = 5
_CANCELLED = "57014"  # SQLSTATE


class SearchTooLong(TransientError):
    """The database gave a search up."""

    code = "search-too-long"


class Level(IntEnum):
    """Why a line was found, best first."""

    TEXT = 0
    OTHER = 1
    NEAR = 2
    FAR = 3


class Sure(IntEnum):
    """How sure a text must be; each is a range of ranks."""

    ANY = 0
    PERSON = 1
    HIGH = 2
    LOW = 3


_RANKS = {
    Sure.PERSON: (RANK_IMPORT, RANK_PERSON),
    Sure.HIGH: (round(0.9 * RANK_SURE), RANK_PERSON),
    Sure.LOW: (0, round(0.7 * RANK_SURE) - 1),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What lines are searched; dates are the days on which the text became what it is, both included."""

    collection: int | None = None
    document: int | None = None
    states: tuple[PageState, ...] = ()
    sure: Sure = Sure.ANY
    since: date | None = None
    until: date | None = None

    @property
    def loose(self) -> bool:
        """Whether lines are left out that stand anywhere in the order of lines."""
        return bool(self.states or self.since or self.until)

    @property
    def only_collection(self) -> bool:
        """Whether all lines of a collection are searched, or of all collections."""
        return self == Filters(collection=self.collection)


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A row of the index and why it was found."""

    row: SearchLine
    level: Level


@dataclass(frozen=True, slots=True)
class Found:
    """A page of results. ``count``: lines that have the words, in text or readings, said on the first page only; all
    that there are, or one more than MOST_COUNTED where no more were counted. ``similar``: the spellings that were
    looked for besides, by word. ``after``: the key of the next page, empty on the last. ``waiting``: pages that are
    just being indexed."""

    query: Query
    lines: list[FoundLine]
    after: str = ""
    count: int | None = None
    similar: Mapping[str, list[SimilarWord]] = field(default_factory=dict)
    suggested: list[SimilarWord] = field(default_factory=list)
    similar_left_out: bool = False
    waiting: int = 0


@dataclass(slots=True)
class _Search:
    user: User | AnonymousUser
    query: Query
    rows: QuerySet[SearchLine]
    collections: list[int] | None  # None: all there are
    filters: Filters
    similar: dict[str, list[SimilarWord]] | None = None

    def similar_words(self) -> dict[str, list[SimilarWord]]:
        if self.similar is None:
            plain = {word.whole for word in self.query.words if not word.prefix}
            found = {word: similar_words(word, self.collections) for word in sorted(plain)}
            self.similar = {word: words for word, words in found.items() if words}
        return self.similar


def search(
    *,
    user: User | AnonymousUser,
    text: str,
    filters: Filters | None = None,
    similar: bool | None = None,
    after: str = "",
    size: int = PAGE_SIZE,
    within: QuerySet[Collection] | None = None,
) -> Found:
    """Lines of collections visible to ``user``, or of those ``within``, in which what they typed is found.

    ``similar`` spellings follow where ``text`` itself fills no page (None), always (True) or never (False). Any text
    is a query. Raises SearchTooLong.
    """
    query = parse(text)
    filters = filters or Filters()
    if query.too_short:
        return Found(query, [])
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                # Compiling a query would take longer than any of these runs.
                cursor.execute(
                    "SELECT set_config('statement_timeout', %s, true), set_config('jit', 'off', true)",
                    [f"{_PATIENCE_SECONDS}s"],
                )
            return _search(_prepared(user, query, filters, within), similar=similar, key=_read_key(after), size=size)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != _CANCELLED:
            raise
        raise SearchTooLong(
            _("This search takes too long. Add a word, or choose a collection or a document to look in.")
        ) from error


def _prepared(
    user: User | AnonymousUser, query: Query, filters: Filters, within: QuerySet[Collection] | None
) -> _Search:
    visible = within if within is not None else Collection.objects.visible_to(user)
    if filters.collection is not None:
        visible = visible.filter(pk=filters.collection)
    rows = SearchLine.objects.all()
    collections = None
    if filters.collection is not None or within is not None or not user.is_superuser:
        collections = list(visible.values_list("pk", flat=True))
        rows = (
            rows.filter(collection_id=collections[0])
            if len(collections) == 1
            else rows.filter(collection_id__in=collections)
        )
    if filters.document is not None:
        rows = rows.filter(document_id=filters.document)
    if filters.states:
        rows = rows.filter(state__in=filters.states)
    if filters.sure in _RANKS:
        least, most = _RANKS[filters.sure]
        rows = rows.filter(weight__gte=weight_of(least), weight__lt=weight_of(most + 1))
    if filters.since is not None:
        rows = rows.filter(written_at__gte=_midnight(filters.since))
    if filters.until is not None and filters.until < date.max:
        rows = rows.filter(written_at__lt=_midnight(filters.until + timedelta(days=1)))
    forbidden = query.forbidden()
    if forbidden:
        rows = rows.exclude(said__matches=forbidden)
    return _Search(user, query, rows, collections, filters)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _search(this: _Search, *, similar: bool | None, key: tuple[int, int] | None, size: int) -> Found:
    found: list[FoundLine] = []
    level, weight = key if key is not None else (int(Level.TEXT), None)
    left_out = False
    while len(found) <= size and level <= Level.FAR:
        if level == Level.NEAR and similar is not True and (similar is False or key is not None):
            left_out = similar is None  # an earlier page was full: nobody has asked for more of another kind
            break
        if level == Level.NEAR and similar is None and len(found) >= size:
            left_out = True
            break
        found += _of_level(this, Level(level), weight, size + 1 - len(found))
        level, weight = level + 1, None
    rows, more = found[:size], len(found) > size
    nothing = not rows and key is None
    return Found(
        query=this.query,
        lines=rows,
        after=_write_key(rows[-1]) if more else "",
        count=_count(this, found, size) if key is None else None,
        similar=this.similar or {},
        suggested=_suggested(this) if nothing else [],
        similar_left_out=left_out and not more,
        waiting=_waiting(this) if nothing else 0,
    )


def _of_level(this: _Search, level: Level, below: int | None, limit: int) -> list[FoundLine]:
    """The heaviest lines of a level, or of those ``below`` a weight."""
    rows = _rows(this, level)
    if rows is None:
        return []
    if below is not None:
        rows = rows.filter(weight__lt=below)
    with reached(_way(this, level, limit)):
        window = rows.defer("said", "other", "every").order_by("-weight")[:limit]
        return [FoundLine(row, level) for row in window]


def _rows(this: _Search, level: Level) -> QuerySet[SearchLine] | None:
    """All lines of a level, each line in one level only; None where there can be none."""
    query = this.query
    whole = query.tsquery()
    if level == Level.TEXT:
        return this.rows.filter(said__matches=whole)
    if level == Level.OTHER:
        return this.rows.filter(other__matches=query.any_word(), every__matches=whole).exclude(said__matches=whole)
    new, spellings, earlier = _spellings(this, level)
    if not new:
        return None
    similar = this.rows
    if len(query.words) > 1:
        similar = similar.filter(every__matches=query.tsquery(spellings))
    if len(query.words) == 1 or sum(new.values()) <= _FEW:  # else implied, and no help
        similar = similar.filter(every__matches=" | ".join(quoted(word) for word in new))
    return similar.exclude(every__matches=query.tsquery(earlier))


def _spellings(this: _Search, level: Level) -> tuple[dict[str, int], dict[str, list[str]], dict[str, list[str]]]:
    """Spellings that make the level, with how many lines have them; those that its lines may have, by the word; and
    those with which a line is of an earlier level."""
    reach = {Level.NEAR: 1, Level.FAR: 99}[level]
    new: dict[str, int] = {}
    spellings: dict[str, list[str]] = {}
    earlier: dict[str, list[str]] = {}
    for word, others in this.similar_words().items():
        spellings[word] = [other.word for other in others if other.distance <= reach]
        earlier[word] = [other.word for other in others if level == Level.FAR and other.distance <= 1]
        reached = {*spellings[word]} - {*earlier[word]}
        new |= {each.word: each.lines for each in others if each.word in reached}
    return new, spellings, earlier


def _way(this: _Search, level: Level, wanted: int) -> Way:
    """How the first ``wanted`` lines of a level are best reached."""
    if level == Level.OTHER:
        return Way.LOOKED_UP  # other readings of a frequent word are rare
    if this.filters.document is not None:
        return Way.WALKED  # it has an order of its own, and not many lines
    if level == Level.TEXT:
        expected = expected_lines(this.query, this.collections)
    else:
        lines = {word: sum(each.lines for each in others) for word, others in this.similar_words().items()}
        expected = expected_lines(this.query, this.collections, lines)
        # Each has at least one of the spellings that make the level.
        new = sum(_spellings(this, level)[0].values())
        expected = replace(expected, fetched=min(new, expected.fetched), found=min(new, expected.found))
    way = expected.way(wanted)
    # How rare states and days make what is met in walking, the planner knows better.
    return Way.AS_PLANNED if way == Way.WALKED and this.filters.loose else way


def _count(this: _Search, found: Sequence[FoundLine], size: int) -> int:
    """Lines that have the words, in their text or in other readings. Those with one word are known; of others no more
    than MOST_COUNTED are counted, and one."""
    if len(found) <= size or found[-1].level > Level.OTHER:
        return sum(each.level <= Level.OTHER for each in found)
    if _is_one_lexeme(this.query) and this.filters.only_collection:
        return lines_with(this.query.words[0].whole, this.collections)
    counted = 0
    for level in (Level.TEXT, Level.OTHER):
        rows = _rows(this, level)
        if rows is not None and counted <= MOST_COUNTED:
            # Not in their order, so their words lead to them, however many there are: it ends at the last counted.
            with reached(Way.LOOKED_UP):
                counted += rows.order_by().values("pk")[: MOST_COUNTED + 1 - counted].count()
    return counted


def _is_one_lexeme(query: Query) -> bool:
    (word, *more) = query.words
    return not more and not query.without and not word.prefix and len(word.lexemes) == 1


def _suggested(this: _Search) -> list[SimilarWord]:
    """Words that are there, most like the one that is not; of several that are not, like the longest."""
    missing = [word for word in this.query.words if not lines_of_word(word, this.collections)]
    if not missing:
        return []
    return suggestions(max(missing, key=lambda word: len(word.whole)).whole, this.collections, MOST_SUGGESTIONS)


def _waiting(this: _Search) -> int:
    return SearchMark.objects.filter(pk__in=Page.objects.visible_to(this.user).values("pk")).count()


def _write_key(last: FoundLine) -> str:
    return base64.urlsafe_b64encode(json.dumps([int(last.level), last.row.weight]).encode()).decode().rstrip("=")


def _read_key(key: str) -> tuple[int, int] | None:
    """A key that cannot be read gives the first page: links outlive changes."""
    try:
        values = json.loads(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)))
    except (binascii.Error, ValueError):
        return None
    if not (isinstance(values, list) and len(values) == 2 and all(type(value) is int for value in values)):
        return None
    level, weight = values
    return (level, weight) if level in set(Level) and abs(weight) < 1 << 62 else None
