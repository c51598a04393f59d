"""A collection as large as a fonds: pages with voted lines, written with COPY; no images, no readings."""

from __future__ import annotations

import random
from typing import Any

from django.db import connection
from django.utils import timezone

from tests.factories import create_collection, create_document, create_original, create_profile_version
from transcription.models import Collection, PageState

TEXT = "the of and ſaid pariſh May John Mary daughter ſon Rector baptised married widow Smyth firſt day 1702 ye in"
WORDS = TEXT.split()


def create_large_collection(*, pages: int, lines: int, seed: int = 1) -> Collection:
    """``pages`` accepted pages of ``lines`` lines each, about six words a line."""
    chance = random.Random(seed)
    collection = create_collection(title=f"{pages} pages")
    document = create_document(collection=collection)
    original = create_original(document=document, frames=pages)
    version = create_profile_version()
    now = timezone.now()
    rest = (1200, 1600, "{}", 0, "", "", 0.9, now, now, False)
    count = pages * lines
    page, layout, run, line, vote, revision = (
        _reserve(name, number)
        for name, number in (
            ("page", pages),
            ("layout", pages),
            ("run", pages),
            ("line", count),
            ("vote", count),
            ("transcriptrevision", count),
        )
    )
    texts = [" ".join(chance.choices(WORDS, k=6)) for _ in range(count)]
    _copy(
        "page",
        "id, collection_id, document_id, original_id, frame, part, turn, turned_by, frame_turn, position, state, "
        "width, height, transform, image, pyramid, thumbnail, confidence, received_at, changed_at, approved_whole",
        (
            (page + k, collection.pk, document.pk, original.pk, k, 0, 0, "", 0, k + 1, PageState.ACCEPTED, *rest)
            for k in range(pages)
        ),
    )
    _copy(
        "layout",
        "id, page_id, version, source, note, regions, framing, change, created_at",
        ((layout + k, page + k, 1, "test", "", "[]", "{}", "", now) for k in range(pages)),
    )
    _copy(
        "run",
        "id, page_id, layout_id, profile_version_id, number, stage, vocabulary, created_at",
        ((run + k, page + k, layout + k, version.pk, 1, 0, 0, now) for k in range(pages)),
    )
    _copy("line", "id, page_id", ((line + k, page + k // lines) for k in range(count)))
    _copy(
        "layoutline",
        "layout_id, line_id, position, baseline, polygon, region, production",
        ((layout + k // lines, line + k, k % lines + 1, "[]", "[]", "text", "") for k in range(count)),
    )
    _copy(
        "vote",
        "id, run_id, line_id, stage, text, words, confidence, calibration, checks, created_at",
        ((vote + k, run + k // lines, line + k, 0, texts[k], "[]", 0.9, "", "{}", now) for k in range(count)),
    )
    _copy(
        "transcriptrevision",
        "id, line_id, number, text, source, vote_id, mixed, created_at",
        ((revision + k, line + k, 1, texts[k], "vote", vote + k, False, now) for k in range(count)),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE transcription_line SET current_id = r.id FROM transcription_transcriptrevision r "
            "WHERE r.line_id = transcription_line.id AND r.id >= %s",
            [revision],
        )
        cursor.execute(
            "UPDATE transcription_page p SET layout_id = u.layout_id, run_id = u.id FROM transcription_run u "
            "WHERE u.page_id = p.id AND p.collection_id = %s",
            [collection.pk],
        )
        cursor.execute("ANALYZE")
    return collection


def _reserve(name: str, count: int) -> int:
    """The first of ``count`` ids that nobody else will get."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT setval(s, nextval(s) + %s) FROM pg_get_serial_sequence('transcription_{name}', 'id') s", [count]
        )
        return int(cursor.fetchone()[0]) - count


def _copy(name: str, columns: str, rows: Any) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY transcription_{name} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
