"""How long a search takes among a million lines: in a database of its own, made for it and thrown away.

The words are made up and stand as often as words do (Zipf–Mandelbrot); of the machine's words one in eight is misread,
as one wrong letter, and mostly kept in what another pass read. Rows are made by the functions that make the index.
"""

from __future__ import annotations

import itertools
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from transcription.htr.search_words import tsvector, vectors, words_of_line
from transcription.htr.similar_words import skeleton
from transcription.management.bench_rows import copy_into
from transcription.management.throwaway import throwaway_database
from transcription.models import (
    Collection,
    Document,
    Layout,
    Membership,
    Original,
    Page,
    PageState,
    Role,
    SearchLine,
    SearchWord,
)
from transcription.models.search import EVERY_LINE, RANK_PERSON, weight_of
from transcription.steps.search import Filters, SearchTooLong, Sure, search
from transcription.steps.search_hits import line_hits

LINES_A_PAGE = 40
WORDS_A_LINE = 8
PAGES_A_DOCUMENT = 60
MOST_COLLECTIONS = 20
TYPES = 120_000  # different words
MISREAD, KEPT = 0.12, 0.75  # share of the machine's words; share of them of which another pass had the right one
TYPED = 0.1  # share of pages that people typed
BATCH = 250  # pages that are copied at once
_SYLLABLES = [a + b + c for a in "bcdfghlmnprstvw" for b in "aeiou" for c in ("", "l", "n", "r", "s")]
_INDEXED = (SearchLine, SearchWord)


@dataclass(slots=True)
class Made:
    """What was put into the database, to ask for it."""

    ranked: list[str]
    misread: list[str] = field(default_factory=list)  # right words that only an alternative has
    phrases: list[str] = field(default_factory=list)
    words: int = 0
    seconds: float = 0.0


def measure_search(*, lines: int, queries: int, say: Callable[[str], object]) -> dict[str, Any]:
    """Milliseconds of whole answers (search and what is shown of its first 20 lines), by the kind of query."""
    with throwaway_database(say):
        made = _fill(lines, say)
        say("measuring")
        return {
            "lines": lines,
            "words": made.words,
            "filled_in_seconds": round(made.seconds),
            "megabytes": _megabytes(),
            "milliseconds": _measured(made, queries, say),
        }


def _vocabulary(chance: random.Random) -> list[str]:
    words: dict[str, None] = {}
    while len(words) < TYPES:
        # Short words first: as in a language, the frequent ones are short.
        count = 1 if len(words) < 60 else 2 if len(words) < 4000 else chance.choice([2, 3, 3])
        words["".join(chance.choices(_SYLLABLES, k=count))] = None
    return list(words)


def _weights() -> list[float]:
    """How often the words stand, the most frequent first."""
    return [1 / (rank + 2.7) for rank in range(1, TYPES + 1)]


def _misread(word: str, chance: random.Random) -> str:
    at = chance.randrange(len(word))
    letter = chance.choice("aeioulnrstmchd")
    return word[:at] + letter + word[at + chance.choice([0, 1]) :]


def _fill(lines: int, say: Callable[[str], object]) -> Made:
    chance = random.Random(9)
    made = Made(_vocabulary(chance))
    weights = list(itertools.accumulate(_weights()))
    began = time.perf_counter()
    pages = _pages(-(-lines // LINES_A_PAGE))
    with connection.schema_editor() as editor:
        for model in _INDEXED:
            for index in model._meta.indexes:
                editor.remove_index(model, index)
    with connection.cursor() as cursor:
        for table in ("page", "line", "vote"):
            cursor.execute(f"ALTER TABLE transcription_{table} DISABLE TRIGGER USER")
    counts: dict[int, Counter[str]] = {}
    for start in range(0, len(pages), BATCH):
        _copy(pages[start : start + BATCH], made, weights, chance, counts)
        if start % (20 * BATCH) == 0:
            say(f"{start * LINES_A_PAGE:,} of {lines:,} lines")
    say("indexing")
    rows = ((collection, word, skeleton(word), n) for collection, words in counts.items() for word, n in words.items())
    copy_into("searchword", ["collection_id", "word", "skeleton", "lines"], rows)
    made.words = sum(map(len, counts.values()))
    with connection.schema_editor() as editor:
        for model in _INDEXED:
            for index in model._meta.indexes:
                editor.add_index(model, index)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    made.seconds = time.perf_counter() - began
    return made


def _pages(count: int) -> list[Page]:
    """Collections, documents and pages with layouts, by way of the models."""
    collections = Collection.objects.bulk_create(Collection(title=f"Collection {k}") for k in range(MOST_COLLECTIONS))
    numbers = range(-(-count // PAGES_A_DOCUMENT))
    documents = Document.objects.bulk_create(
        Document(collection=collections[k % MOST_COLLECTIONS], title=f"Volume {k}") for k in numbers
    )
    originals = Original.objects.bulk_create(
        Original(
            collection=document.collection,
            document=document,
            name=f"{k}.jpg",
            file=f"bench/{k}",
            sha256=f"{k:064}",
            size=1,
            frames=1,
        )
        for k in range(count)
        for document in [documents[k // PAGES_A_DOCUMENT]]
    )
    states = [PageState.ACCEPTED, PageState.IN_REVIEW, PageState.ACCEPTED, PageState.REVIEWED]
    pages = Page.objects.bulk_create(
        Page(
            collection=original.collection,
            document=original.document,
            original=original,
            position=k % PAGES_A_DOCUMENT + 1,
            state=states[k % len(states)],
        )
        for k, original in enumerate(originals)
    )
    layouts = Layout.objects.bulk_create(Layout(page=page, version=1, source="bench") for page in pages)
    for page, layout in zip(pages, layouts, strict=True):
        page.layout = layout
    Page.objects.bulk_update(pages, ["layout"], batch_size=1000)
    return pages


def _copy(
    pages: Sequence[Page], made: Made, weights: list[float], chance: random.Random, counts: dict[int, Counter[str]]
) -> None:
    """Lines, places, revisions and rows of the index of some pages."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval('transcription_line_id_seq'), nextval('transcription_transcriptrevision_id_seq') "
            "FROM generate_series(1, %s)",
            [len(pages) * LINES_A_PAGE],
        )
        numbers = iter(cursor.fetchall())
    lines, places, revisions, rows, current = [], [], [], [], []
    for page in pages:
        typed = chance.random() < TYPED
        count = counts.setdefault(page.collection_id, Counter())
        for position in range(1, LINES_A_PAGE + 1):
            line, revision = next(numbers)
            right = chance.choices(made.ranked, cum_weights=weights, k=WORDS_A_LINE)
            voted = [_voted(word, typed, made, chance) for word in right]
            text = " ".join(str(word["text"]) for word in voted)
            if chance.random() < 0.0005:
                made.phrases.append(" ".join(str(word["text"]) for word in voted[2:4]))
            found = vectors(words_of_line(text, voted))
            count.update([*found.every, EVERY_LINE])
            rank = RANK_PERSON if typed else chance.randrange(300, 1000)
            confidence = None if typed else rank / 1000
            source = "person" if typed else "vote"
            bottom = 60 * position
            lines.append((line, page.pk))
            current.append((line, revision))
            places.append((page.layout_id, line, position, json.dumps([[0, bottom], [900, bottom]]), "[]", "text", ""))
            revisions.append((revision, line, 1, text, source, False, now))
            vector = [tsvector(each) for each in (found.said, found.other, found.every)]
            rows.append(
                (line, page.pk, page.collection_id, page.document_id, revision, page.state, weight_of(rank, line),
                 confidence, now, *vector, "")
            )  # fmt: skip
    copy_into("line", ["id", "page_id"], lines)
    copy_into("layoutline", ["layout_id", "line_id", "position", "baseline", "polygon", "region", "production"], places)
    copy_into("transcriptrevision", ["id", "line_id", "number", "text", "source", "mixed", "created_at"], revisions)
    copy_into(
        "searchline",
        ["line_id", "page_id", "collection_id", "document_id", "revision_id", "state", "weight", "confidence",
         "written_at", "said", "other", "every", "digest"],
        rows,
    )  # fmt: skip
    with connection.cursor() as cursor:
        first, last = zip(*current, strict=True)
        cursor.execute(
            "UPDATE transcription_line SET current_id = new.revision FROM unnest(%s::bigint[], %s::bigint[]) "
            "AS new (line, revision) WHERE id = new.line",
            [list(first), list(last)],
        )


def _voted(word: str, typed: bool, made: Made, chance: random.Random) -> dict[str, Any]:
    if typed or chance.random() >= MISREAD:
        return {"text": word}
    if chance.random() >= KEPT:
        return {"text": _misread(word, chance)}
    if chance.random() < 0.002:
        made.misread.append(word)
    return {"text": _misread(word, chance), "alternatives": [{"text": word, "support": 0.4, "passes": ["b"]}]}


def _megabytes() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_table_size('transcription_searchline'), pg_indexes_size('transcription_searchline'), "
            "pg_total_relation_size('transcription_searchword'), pg_relation_size('search_words')"
        )
        sizes = cursor.fetchone()
    names = ("lines", "indexes_of_lines", "words_with_indexes", "index_of_words_in_lines")
    return {name: round(size / 1e6) for name, size in zip(names, sizes, strict=True)}


def _measured(made: Made, queries: int, say: Callable[[str], object]) -> dict[str, dict[str, float]]:
    chance = random.Random(5)
    everybody = User.objects.create_superuser("bench-all")
    member = User.objects.create_user("bench-member")
    collections = list(Collection.objects.order_by("pk"))
    Membership.objects.bulk_create(
        Membership(user=member, collection=collection, role=Role.STAFF) for collection in collections[:3]
    )
    document = Document.objects.order_by("pk")[0]
    common = made.ranked[:50]
    middling = chance.sample(made.ranked[200:5000], queries)
    rare = chance.sample(made.ranked[20_000:60_000], queries)
    misread = chance.sample(made.misread, min(queries, len(made.misread)))
    phrases = chance.sample(made.phrases, min(queries, len(made.phrases)))
    slips = [_misread(word, chance) for word in chance.sample(made.ranked[300:30_000], queries)]
    kinds: dict[str, tuple[Sequence[str], dict[str, Any]]] = {
        "word, frequent": (common, {}),
        "word, middling": (middling, {}),
        "word, rare": (rare, {}),
        "word, of all lines' words": (
            chance.choices(made.ranked, [1 / (k + 3.7) for k in range(TYPES)], k=queries),
            {},
        ),
        "word, misread": (misread, {"similar": False}),
        "two words, frequent": ([f"{a} {b}" for a, b in itertools.pairwise(common)], {}),
        "two words": ([f"{a} {b}" for a, b in zip(common, middling, strict=False)], {}),
        "phrase": ([f'"{each}"' for each in phrases], {}),
        "phrase, frequent": ([f'"{a} {b}"' for a, b in itertools.pairwise(common)], {}),
        "prefix": ([f"{each[:4]}*" for each in middling], {}),
        "prefix, short": ([f"{each[:2]}*" for each in middling], {}),
        "without": ([f"{a} -{b}" for a, b in zip(middling, common, strict=False)], {}),
        "fuzzy": (slips, {"similar": True}),
        "fuzzy, word that is there": (middling, {"similar": True}),
        "fuzzy, two words": ([f"{a} {b}" for a, b in zip(slips, common, strict=False)], {"similar": True}),
        "nothing": ([f"qq{each}xx" for each in rare], {}),
        "in a collection": ([*common, *middling], {"filters": Filters(collection=collections[4].pk)}),
        "in a document": ([*common, *middling], {"filters": Filters(document=document.pk)}),
        "in review": ([*common, *middling], {"filters": Filters(states=(PageState.IN_REVIEW,))}),
        "less sure": ([*common, *middling], {"filters": Filters(sure=Sure.LOW)}),
        "member of three": ([*common, *middling], {"user": member}),
        "fuzzy, member of three": (slips, {"user": member, "similar": True}),
    }
    kinds = {name: (texts, options) for name, (texts, options) in kinds.items() if texts}
    for texts, options in kinds.values():
        _seconds(texts[0], {"user": everybody} | options)
    answer = {}
    for name, (texts, options) in kinds.items():
        answer[name] = _summary([_seconds(text, {"user": everybody} | options) for text in texts])
        say(f"{name}: {answer[name]}")
    answer["tenth page"] = _summary([_seconds_of_tenth_page(text, everybody) for text in common[:20]])
    return answer


def _seconds(text: str, options: dict[str, Any]) -> tuple[float, float]:
    """Seconds that passed, and seconds of processors: ours and the server's. On a busy machine only these compare."""
    began, used = time.perf_counter(), _processor_seconds()
    with suppress(SearchTooLong):  # which takes as long as people wait for it
        line_hits(search(text=text, **options), options["user"])
    return time.perf_counter() - began, _processor_seconds() - used


def _processor_seconds() -> float:
    """Of this process and of the server's process for it, where that runs on this machine; else of this one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        server = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")
    of_server = int(server.read_text().split()[0]) / 1e9 if settings.EMBEDDED_DATABASE and server.exists() else 0.0
    return time.process_time() + of_server


def _seconds_of_tenth_page(text: str, user: User) -> tuple[float, float]:
    after = ""
    for _ in range(9):
        after = search(text=text, user=user, after=after).after or after
    return _seconds(text, {"user": user, "after": after})


def _summary(seconds: Sequence[tuple[float, float]]) -> dict[str, float]:
    passed, used = (sorted(1000 * each for each in times) for times in zip(*seconds, strict=True))
    last = min(len(passed) - 1, int(0.95 * len(passed)))
    return {
        "queries": len(passed),
        "p50": round(statistics.median(passed), 1),
        "p95": round(passed[last], 1),
        "processor_p50": round(statistics.median(used), 1),
        "processor_p95": round(used[last], 1),
    }
