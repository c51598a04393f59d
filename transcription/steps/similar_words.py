"""Words of the collections that are spelt like a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from transcription.htr.search_query import Query
from transcription.htr.similar_words import distance, most_edits, skeleton

MOST_WORDS = 24  # that one word is looked for as
_MOST_CANDIDATES = 300
# Of pg_trgm: of a short word, one letter read otherwise leaves few trigrams.
_LIKENESS_OF_SHORT, _LIKENESS, _SHORT = 0.2, 0.3, 6

_ALIKE = """
SELECT word, sum(lines) FROM (
    SELECT word, lines, collection_id, 1 AS likeness FROM transcription_searchword WHERE skeleton = %(skeleton)s
    UNION ALL
    SELECT word, lines, collection_id, similarity(word, %(word)s) FROM transcription_searchword
    WHERE word %% %(word)s AND skeleton <> %(skeleton)s
) AS alike
WHERE length(word) BETWEEN %(least)s AND %(most)s
AND (%(collections)s::bigint[] IS NULL OR collection_id = ANY(%(collections)s))
GROUP BY word ORDER BY max(likeness) DESC, 2 DESC, word LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class SimilarWord:
    """A folded word, how many edits away it is, and in how many lines that are searched it stands."""

    word: str
    distance: int
    lines: int


def similar_words(word: str, collections: Sequence[int] | None) -> list[SimilarWord]:
    """Words of ``collections`` (None: of all) that may be spellings of ``word`` (folded), nearest first. The caller is
    in a transaction."""
    edits = most_edits(word)
    if not edits:
        return []
    found = [SimilarWord(other, distance(word, other), lines) for other, lines in _alike(word, collections, edits + 1)]
    near = [each for each in found if 0 < each.distance <= edits]
    return sorted(near, key=lambda each: (each.distance, -each.lines, each.word))[:MOST_WORDS]


def spellings_in(query: Query, collection: int) -> dict[str, list[str]]:
    """Spellings of a collection that are similar to the words of ``query``, by the word."""
    with transaction.atomic():
        plain = {word.whole for word in query.words if not word.prefix}
        found = {word: [each.word for each in similar_words(word, [collection])] for word in plain}
    return {word: others for word, others in found.items() if others}


def suggestions(word: str, collections: Sequence[int] | None, limit: int) -> list[SimilarWord]:
    """Words that are most like ``word``, near or not, to offer where nothing was found."""
    found = _alike(word, collections, max(3, len(word)))
    return [SimilarWord(other, distance(word, other), lines) for other, lines in found if other != word][:limit]


def _alike(word: str, collections: Sequence[int] | None, reach: int) -> list[tuple[str, int]]:
    """Words that share trigrams with ``word`` and are at most ``reach`` letters shorter or longer, likest first."""
    likeness = _LIKENESS_OF_SHORT if len(word) < _SHORT else _LIKENESS
    parameters: dict[str, str | int | list[int] | None] = {
        "word": word,
        "skeleton": skeleton(word),
        "least": max(1, len(word) - reach),
        "most": len(word) + reach,
        "collections": list(collections) if collections is not None else None,
        "limit": _MOST_CANDIDATES,
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pg_trgm.similarity_threshold', %s, true)", [str(likeness)])
        cursor.execute(_ALIKE, parameters)
        return [(str(other), int(lines)) for other, lines in cursor.fetchall()]
