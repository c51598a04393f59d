"""Counts for reports, kept exact: fold what triggers wrote, compare with the rows, mend.

A count is what was folded and what was not yet, added up in one statement: so it is exact at any moment, however late
the folding. Workers only ever append, and wait for nobody. Whoever folds or mends holds one advisory lock; that is two
sweepers at most. Mending adds the difference, found in one snapshot: it is safe while everything goes on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from transcription.models import CountKind

_LOCK = 0x4C48 << 44 | 0xC0
FOLDED_AT_ONCE = 20_000

_ADD = """
INSERT INTO transcription_dailycount AS kept (collection_id, day, kind, key, value) {rows}
ON CONFLICT (kind, collection_id, day, key) DO UPDATE SET value = kept.value + excluded.value
"""
_FORGET_NOTHING = "DELETE FROM transcription_dailycount WHERE value = 0"
_TAKEN = "SELECT collection_id, day, kind, key, sum(value) FROM taken GROUP BY 1, 2, 3, 4 HAVING sum(value) <> 0"
_FOLD = """
WITH taken AS (
    DELETE FROM transcription_countchange WHERE id IN (
        SELECT id FROM transcription_countchange ORDER BY id LIMIT %s) RETURNING *
), folded AS (
    {add}
) SELECT count(*) FROM taken
"""
_DIFFERENCES = """
SELECT collection_id, day, kind, key, sum(value)::bigint AS value FROM (
    SELECT collection_id, day, kind, key, value FROM longhand_facts()
    UNION ALL SELECT collection_id, day, kind, key, -value FROM transcription_dailycount
    UNION ALL SELECT collection_id, day, kind, key, -value FROM transcription_countchange
) AS both_sides GROUP BY 1, 2, 3, 4 HAVING sum(value) <> 0
"""
_COUNTED = """
SELECT {columns}, sum(value)::bigint FROM (
    SELECT * FROM transcription_dailycount WHERE {where} UNION ALL SELECT * FROM transcription_countchange WHERE {where}
) AS counts GROUP BY {columns} HAVING sum(value) <> 0 ORDER BY {columns}
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """A count that is not what its rows come to: they come to ``value`` more."""

    collection_id: int
    day: dt.date
    kind: str
    key: str
    value: int

    def __str__(self) -> str:
        return (
            f"“{self.kind}” {self.key or '(all)'} of collection {self.collection_id} on {self.day} is off by "
            f"{-self.value:+}."
        )


def fold(*, most: int = FOLDED_AT_ONCE) -> int:
    """Fold up to ``most`` changes, the oldest first; how many. 0 also where somebody else is folding."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_FOLD.format(add=_ADD.format(rows=_TAKEN)), [most])
        taken = int(cursor.fetchone()[0])
        if taken:
            cursor.execute(_FORGET_NOTHING)
    return taken


def fold_all() -> int:
    """Fold until nothing is left; how many changes."""
    count = 0
    while folded := fold():
        count += folded
    return count


def differences() -> Iterator[Difference]:
    """Counts that are not what the rows come to; none when all is well."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_DIFFERENCES} ORDER BY 1, 3, 2, 4")
        for row in cursor.fetchall():
            yield Difference(*row)


def mend() -> int:
    """Count all rows anew and add what the counts lack; how many were wrong. May run while Longhand does."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Two who mended at once would add the same difference twice. The next statement sees a new snapshot.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(_ADD.format(rows=_DIFFERENCES))
        count = int(cursor.rowcount)
        cursor.execute(_FORGET_NOTHING)
        return count


@dataclass(frozen=True, slots=True)
class Scope:
    """Which counts: of some collections, from ``since`` on (UTC days, included); None: from the beginning."""

    collections: tuple[int, ...]
    since: dt.date | None = None

    def by_key(self, kind: CountKind) -> dict[str, int]:
        """Sums by key, in the order of keys; none of 0."""
        return {key: value for _, key, value in self.by_kind_and_key([kind])}

    def total(self, kind: CountKind) -> int:
        return sum(self.by_key(kind).values())

    def totals(self, kinds: Iterable[CountKind]) -> dict[str, int]:
        """Sums by kind; kinds of nothing are 0."""
        kinds = list(kinds)
        return {str(kind): 0 for kind in kinds} | dict(self._counted("kind", kinds))

    def by_kind_and_key(self, kinds: Iterable[CountKind]) -> list[tuple[str, str, int]]:
        return self._counted("kind, key", kinds)

    def by_day(self, kind: CountKind) -> dict[dt.date, int]:
        return dict(self._counted("day", [kind]))

    def by_day_and_key(self, kind: CountKind) -> list[tuple[dt.date, str, int]]:
        return self._counted("day, key", [kind])

    def by_collection_and_key(self, kinds: Iterable[CountKind]) -> list[tuple[int, str, str, int]]:
        return self._counted("collection_id, kind, key", kinds)

    def most(self, kind: CountKind, count: int) -> list[tuple[str, int]]:
        """The ``count`` keys with the largest sums, the largest first; of equals by key."""
        query = _COUNTED.format(columns="key", where=self._where)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT * FROM ({query}) AS counts (key, value) ORDER BY value DESC, key LIMIT %s",
                [*self._parameters([kind]) * 2, count],
            )
            found: list[tuple[str, int]] = cursor.fetchall()
        return found

    @property
    def _where(self) -> str:
        since = "" if self.since is None else " AND day >= %s"
        return f"kind = ANY(%s) AND collection_id = ANY(%s){since}"

    def _parameters(self, kinds: Iterable[CountKind]) -> list[Any]:
        since = [] if self.since is None else [self.since]
        return [[str(kind) for kind in kinds], list(self.collections), *since]

    def _counted(self, columns: str, kinds: Iterable[CountKind]) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(_COUNTED.format(columns=columns, where=self._where), self._parameters(kinds) * 2)
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
