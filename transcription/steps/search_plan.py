"""How the lines of a search are reached: walked in their order until enough are met, or looked up by their words.

PostgreSQL's planner knows how often only the most frequent words stand, and now and then walks a million lines for
three hits. The index counts its words exactly, so search decides for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from math import prod

from django.db import connection
from django.db.models import Sum

from transcription.htr.search_query import Query, QueryWord
from transcription.models import SearchWord
from transcription.models.search import EVERY_LINE

# Words that stand on one line stand side by side in so many: of eight words, seven pairs of 28, half in this order.
_SIDE_BY_SIDE = 1 / 8
_MOST_PREFIXED = 2000  # words that begin alike and are counted; more make a frequent prefix in any case
_PLANS = ["enable_bitmapscan", "enable_indexscan", "enable_seqscan"]
_SET = """
SELECT set_config(name, CASE WHEN name = ANY(%s::text[]) THEN 'off' ELSE 'on' END, true)
FROM unnest(%s::text[]) AS plans (name)
"""


class Way(Enum):
    """How lines are reached; the values are the plans that are not to be made."""

    WALKED = ("enable_bitmapscan", "enable_seqscan")
    LOOKED_UP = ("enable_indexscan", "enable_seqscan")
    AS_PLANNED = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """Lines that are expected to be ``fetched`` when words are looked up, and of them ``found``; ``walked`` over are
    all that there are."""

    fetched: float
    found: float
    walked: int

    def way(self, wanted: int) -> Way:
        """What costs less to get the first ``wanted`` of the found."""
        walked = self.walked if self.found <= 0 else min(self.walked, wanted * self.walked / self.found)
        return Way.WALKED if walked < self.fetched else Way.LOOKED_UP


def expected_lines(
    query: Query, collections: Sequence[int] | None, similar: Mapping[str, int] | None = None
) -> Expected:
    """What is to be expected of ``query``, as if its words knew nothing of each other. ``similar``: how many lines more
    have a word in other spellings that will do, by the word."""
    there = max(1, lines_with(EVERY_LINE, collections))
    counts = [lines_of_word(word, collections) + (similar or {}).get(word.whole, 0) for word in query.words]
    fetched = there * prod(min(1.0, count / there) for count in counts)
    pairs = sum(len(term.words) - 1 for term in query.terms)
    return Expected(fetched, fetched * _SIDE_BY_SIDE**pairs, walked_over(collections, there))


def walked_over(collections: Sequence[int] | None, there: int) -> int:
    """Lines between which those of ``collections`` stand: one has an order of its own, several share that of all."""
    return there if collections is None or len(collections) == 1 else lines_with(EVERY_LINE, None)


def lines_with(word: str, collections: Sequence[int] | None) -> int:
    """How many lines of ``collections`` (None: of all) have a lexeme, in their text or in other readings."""
    known = SearchWord.objects.filter(word=word)
    if collections is not None:
        known = known.filter(collection_id__in=collections)
    return int(known.aggregate(lines=Sum("lines"))["lines"] or 0)


def lines_of_word(word: QueryWord, collections: Sequence[int] | None) -> int:
    """About how many lines have a word of a query; exactly, where it is one lexeme."""
    if word.prefix:
        known = SearchWord.objects.filter(word__startswith=word.whole)
        if collections is not None:
            known = known.filter(collection_id__in=collections)
        return int(known[:_MOST_PREFIXED].aggregate(lines=Sum("lines"))["lines"] or 0)
    parts = [lines_with(part, collections) for part in word.lexemes[1:]]
    return lines_with(word.whole, collections) + (min(parts) if parts else 0)


@contextmanager
def reached(way: Way) -> Iterator[None]:
    """Queries made inside go this way. The caller is in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_SET, [list(way.value), _PLANS])
        yield
        cursor.execute(_SET, [[], _PLANS])
