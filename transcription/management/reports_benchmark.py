"""How long reports take to open on a million pages: in a database of its own, made for it and thrown away.

Rows are made up within the database; what they come to is counted by the functions that count them in earnest. A tenth
of the pages was reviewed, a hundredth audited.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, reset_queries
from django.test import Client, override_settings
from django.urls import reverse

from transcription.management.throwaway import throwaway_database
from transcription.models import (
    Collection,
    DailyCount,
    Document,
    JudgedPage,
    Membership,
    PassVersion,
    Profile,
    ProfileVersion,
    Role,
    StagePass,
)
from transcription.steps import rollups

MOST_COLLECTIONS = 20
PAGES_AN_ORIGINAL = 100
REVIEWERS = 8
DAYS = 365
SECTIONS = ("progress", "quality", "passes", "review", "costs", "health")
BOUND_MS = 300
_PLAIN_FILES = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
_PASSES = ("plain+starter", "clahe+starter", "adaptive+starter-tall")
_WITHOUT_INDEXES = 100_000  # pages
_ROWS = {
    "originals": """
        INSERT INTO transcription_original (id, collection_id, document_id, name, sha256, size, kind, file, frames,
            received_at)
        SELECT gen_random_uuid(), d.collection_id, d.id, k || '.pdf', lpad(k::text, 64, '0'), 1, 'pdf', 'bench/' || k,
            %(frames)s, now()
        FROM generate_series(1, %(pages)s / %(frames)s + 1) k
        JOIN transcription_document d ON d.title = 'Volume ' || (k %% %(collections)s)""",
    # Older pages are further on: of the last tenth of the year, a part is still in the queue.
    "pages": """
        INSERT INTO transcription_page (id, collection_id, document_id, original_id, frame, part, turn, turned_by,
            frame_turn, position, state, transform, image, pyramid, thumbnail, confidence, received_at, finished_at,
            approved_at, approved_whole, changed_at)
        SELECT k, o.collection_id, o.document_id, o.id, k %% %(frames)s, 0, 0, '', 0, k, state, '{}', 0, '', '',
            CASE WHEN done THEN 1 - power(random(), 3) END, came, CASE WHEN done THEN came + interval '40 minutes' END,
            CASE WHEN state = 'reviewed' THEN least(came + random() * interval '20 days', now()) END,
            state = 'reviewed' AND k %% 2 = 0, now()
        FROM (SELECT k, now() - interval '1 minute' - (%(days)s * power(random(), 1.3)) * interval '1 day' AS came,
                random() AS a FROM generate_series(0, %(pages)s - 1) k) AS drawn
        CROSS JOIN LATERAL (SELECT CASE WHEN came > now() - interval '6 hours' THEN
                (ARRAY['received', 'prepared', 'segmented', 'read'])[1 + (a * 4)::int %% 4]
            WHEN a < 0.10 THEN 'reviewed' WHEN a < 0.18 THEN 'in_review' ELSE 'accepted' END AS state) AS s
        CROSS JOIN LATERAL (SELECT state IN ('reviewed', 'in_review', 'accepted') AS done) AS f
        JOIN (SELECT *, row_number() OVER (ORDER BY name) AS number FROM transcription_original) o
            ON o.number = k / %(frames)s + 1""",
    "work": """
        INSERT INTO transcription_work (collection_id, page_id, pass_version_id, step, queue, stage, lane, rank, state,
            input_hash, attempts, interruptions, alone, company, worker, waiting_for, created_at, started_at, ended_at,
            milliseconds)
        SELECT p.collection_id, p.id, v.id, s.step, s.queue, 0, 1, 0, 'done', p.id || s.step || coalesce(v.id, 0), 0,
            (random() < 0.0005)::int, false, 8, (ARRAY['reader-1:11', 'reader-2:12'])[1 + p.id %% 2], '',
            p.finished_at - interval '30 minutes', p.finished_at - interval '30 minutes' + w.wait,
            p.finished_at - interval '30 minutes' + w.wait + interval '9 seconds', s.ms * (0.5 + random())
        FROM transcription_page p
        CROSS JOIN (VALUES ('prepare', 'cpu', 900), ('segment', 'engine', 2100), ('recognize', 'engine', 5200),
            ('vote', 'cpu', 340)) AS s (step, queue, ms)
        CROSS JOIN LATERAL (SELECT power(random(), 4) * interval '25 minutes' + p.id * interval '0') AS w (wait)
        LEFT JOIN transcription_passversion v ON s.step = 'recognize' AND v.id %% %(passes)s <> p.id %% 7
        WHERE p.finished_at IS NOT NULL AND (s.step <> 'recognize' OR v.id IS NOT NULL)""",
    "approvals": """
        INSERT INTO review_approval (page_id, run_id, reviewer_id, mode, active_seconds, created_at)
        SELECT p.id, NULL, u.id, CASE WHEN approved_whole THEN 'whole_page' ELSE 'doubtful_words' END,
            exp(CASE WHEN approved_whole THEN 4.6 ELSE 3.7 END + 0.3 * (p.id %% 7 - 3) + random()), approved_at
        FROM transcription_page p JOIN (SELECT id, row_number() OVER (ORDER BY id) AS number FROM auth_user
            WHERE username LIKE 'reviewer%%') u ON u.number = 1 + p.id %% %(reviewers)s
        WHERE approved_at IS NOT NULL""",
    "failures": """
        INSERT INTO transcription_failure (collection_id, work_id, page_id, step, code, message, detail, created_at,
            resolved_at)
        SELECT collection_id, id, page_id, step, (ARRAY['damaged', 'too-large', 'engine-failure', 'worker-killer',
            'wrong-answer', 'no-lines'])[1 + floor(6 * random() * random())::int], 'x', '', ended_at,
            CASE WHEN random() < 0.8 THEN ended_at END
        FROM transcription_work WHERE id %% 600 = 0""",
    "charges": """
        INSERT INTO transcription_charge (endpoint, collection_id, page_id, state, reserved_in, reserved_out, tokens,
            money, created_at)
        SELECT (ARRAY['big', 'small'])[1 + id %% 2], collection_id, id, 'settled', 4000, 1000, 2000 + id %% 700,
            900 + id %% 400, finished_at
        FROM transcription_page WHERE id %% 20 = 0 AND finished_at IS NOT NULL""",
    # What a person's work on a page says, as judge_pages writes it; corrections from many thousands of pairs.
    "judged pages": """
        INSERT INTO transcription_judgedpage (page_id, collection_id, day, facts)
        SELECT p.id, p.collection_id, (approved_at AT TIME ZONE 'UTC')::date, f.facts
        FROM transcription_page p CROSS JOIN LATERAL (
            SELECT jsonb_agg(jsonb_build_array(kind, key, value)) AS facts FROM (
                VALUES ('typed', '', 6), ('changed', '', 5), ('before-chars', '', 240), ('before-edits', '', 11),
                    ('voted-words', '', 180), ('trusted-lines', (1 + p.id %% 2)::text, 25),
                    ('trusted-chars', (1 + p.id %% 2)::text, 1000), ('trusted-edits', (1 + p.id %% 2)::text, 60)
                UNION ALL SELECT kind, v.id::text, n + v.id * m + p.id %% 3 FROM transcription_passversion v,
                    (VALUES ('pass-lines', 25, 0), ('pass-chars', 1000, 0), ('pass-edits', 70, 9), ('pass-best', 15,
                    -2), ('pass-words', 150, -8), ('pass-right', 140, -9), ('pass-alone', 6, 1),
                    ('pass-alone-right', 3, 0)) AS counts (kind, n, m)
                UNION ALL SELECT kind, 'c' || '|' || bin, n FROM generate_series(3, 29) bin, LATERAL (VALUES
                    ('bin-words', bin * bin / 40 + 2), ('bin-right', (bin * bin / 40 + 2) * (bin + 2) / 32),
                    ('bin-sum', (bin * bin / 40 + 2) * (bin * 33333 + 16000))) AS b (kind, n)
                UNION ALL SELECT 'change', 'word' || floor(40000 * power(random(), 5) + p.id * 0)::int || E'\\x1f'
                    || 'ward' || floor(3 * random() + c * 0)::int, 1 FROM generate_series(1, 5) c
            ) AS facts (kind, key, value)) AS f
        WHERE approved_at IS NOT NULL""",
    "runs": """
        INSERT INTO transcription_run (id, page_id, profile_version_id, number, stage, vocabulary, created_at)
        SELECT id, id, 1 + id %% 2, 1, 0, 0, finished_at FROM transcription_page
        WHERE id %% 100 = 0 AND finished_at IS NOT NULL""",
    "decisions": """
        INSERT INTO transcription_routedecision (page_id, run_id, outcome, confidence, threshold, reasons, counts,
            features, created_at)
        SELECT id, id, 'accept', 0.9, 0.5, '[]', '{}', '{}', created_at FROM transcription_run""",
    "audits": """
        INSERT INTO transcription_audit (id, collection_id, page_id, run_id, kind, state, seed, confidence, size,
            weight, created_at, settled_at)
        SELECT p.id, p.collection_id, p.id, p.id, CASE WHEN p.state = 'reviewed' THEN 'approved' ELSE 'machine' END,
            'settled', 1, 0.9, 1000, 1, r.created_at, r.created_at
        FROM transcription_run r JOIN transcription_page p ON p.id = r.page_id""",
    "lines": """
        INSERT INTO transcription_line (id, page_id)
        SELECT 4 * id + k, id FROM transcription_audit, generate_series(0, 3) k""",
    "audited lines": """
        INSERT INTO transcription_auditline (audit_id, line_id, position, hits, size, text, unreadable, swapped,
            verdict, edits, characters, read_edits, settled_at)
        SELECT a.id, l.id, l.id %% 4 + 1, 1, 40, '', false, false, 'typed', (8 * power(random(), 6))::int, 40,
            (14 * power(random(), 4))::int, a.settled_at
        FROM transcription_audit a JOIN transcription_line l ON l.page_id = a.page_id""",
}


def measure_reports(*, pages: int, runs: int, say: Callable[[str], object]) -> dict[str, Any]:
    """Milliseconds until a report screen is answered, medians, by section; what it took to count."""
    with throwaway_database(say):
        filled = fill(pages, say)
        began = time.perf_counter()
        wrong = rollups.mend()
        mended = time.perf_counter() - began
        say(f"{wrong:,} counts")
        folded = _folded_a_second()
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        say("measuring")
        # Files of the screens need not be collected for it.
        with override_settings(STORAGES=settings.STORAGES | {"staticfiles": _PLAIN_FILES}, ALLOWED_HOSTS=["*"]):
            sections, slowest = _measured(runs, say)
        return {
            "pages": pages,
            "rows": filled,
            "counts": DailyCount.objects.count(),
            "judged_pages": JudgedPage.objects.count(),
            "seconds_to_count_all_rows": round(mended, 1),
            "changes_folded_a_second": folded,
            "microseconds_a_page_update": _updates(),
            "milliseconds": sections,
            "slowest": round(slowest, 1),
            "bar": f"<= {BOUND_MS}",
        }


def fill(pages: int, say: Callable[[str], object]) -> dict[str, int]:
    """Rows for ``pages`` pages, their counts missing; how many of each. For an empty database."""
    collections = Collection.objects.bulk_create(
        Collection(title=f"Collection {k:02}") for k in range(min(MOST_COLLECTIONS, max(1, pages // 50)))
    )
    Document.objects.bulk_create(
        Document(collection=collection, title=f"Volume {k}") for k, collection in enumerate(collections)
    )
    people = [User(username=f"reviewer{k}", first_name="Reviewer", last_name=str(k)) for k in range(REVIEWERS)]
    User.objects.bulk_create(people)
    passes = PassVersion.objects.bulk_create(
        PassVersion(id=k, digest=f"{k}", name=name, recipe=name.partition("+")[0], engine=name.partition("+")[2],
                    engine_digest=f"{name[-4:]}a91c0{k}")
        for k, name in enumerate(_PASSES, 1)
    )  # fmt: skip
    profile = Profile.objects.create(name="bench")
    for number in (1, 2):
        version = ProfileVersion.objects.create(
            id=number, profile=profile, number=number, digest=f"{number}", segmenter="classical", segmenter_digest="s"
        )
        StagePass.objects.bulk_create(
            StagePass(profile_version=version, pass_version=each) for each in passes[: number + 1]
        )
    parameters = {
        "pages": pages,
        "frames": PAGES_AN_ORIGINAL,
        "collections": len(collections),
        "passes": len(passes),
        "reviewers": REVIEWERS,
        "days": DAYS,
    }
    counts: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.9)")
        cursor.execute("SET session_replication_role = replica")  # no trigger fires, none that checks keys either
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # no table may wait for a check while it is altered
        _set_defaults(cursor)
        if pages >= _WITHOUT_INDEXES:
            _drop_indexes(cursor)
        for name, statement in _ROWS.items():
            cursor.execute(statement, parameters)
            counts[name] = cursor.rowcount
            say(f"{cursor.rowcount:,} {name}")
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("ANALYZE")
    return counts


def _set_defaults(cursor: Any) -> None:
    """Columns that later migrations add are empty: Django keeps no defaults in the database."""
    cursor.execute(
        "SELECT format('ALTER TABLE %%I ALTER %%I SET DEFAULT %%L', table_name, column_name, CASE "
        "WHEN data_type IN ('text', 'character varying') THEN '' WHEN data_type = 'boolean' THEN 'false' "
        "WHEN data_type LIKE 'timestamp%%' THEN 'now' "
        "WHEN data_type = 'jsonb' THEN '{}' WHEN data_type = 'ARRAY' THEN '{}' ELSE '0' END) "
        "FROM information_schema.columns WHERE table_schema = 'public' AND is_nullable = 'NO' "
        "AND column_default IS NULL AND is_identity = 'NO' AND table_name LIKE ANY(%s) AND data_type IN "
        "('text', 'character varying', 'boolean', 'jsonb', 'ARRAY', 'integer', 'smallint', 'double precision', "
        "'timestamp with time zone')",
        [["transcription_%", "review_%"]],
    )
    for (statement,) in cursor.fetchall():
        cursor.execute(statement)


def _drop_indexes(cursor: Any) -> None:
    """Those of work, a dozen, which reports never use: to keep them would take most of the filling."""
    cursor.execute(
        "SELECT indexrelid::regclass::text FROM pg_index i WHERE indrelid = 'transcription_work'::regclass "
        "AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)"
    )
    for (name,) in cursor.fetchall():
        cursor.execute(f"DROP INDEX {name}")


def _measured(runs: int, say: Callable[[str], object]) -> tuple[dict[str, Any], float]:
    lead = User.objects.create_user("lead")
    for collection in Collection.objects.all():
        Membership.objects.create(user=lead, collection=collection, role=Role.LEAD)
    client = Client()
    client.force_login(lead)
    one = str(Collection.objects.values_list("pk", flat=True)[0])
    found: dict[str, Any] = {}
    slowest = 0.0
    for section in SECTIONS:
        for period in ("30", "all"):
            for chosen in ("", one):
                took = []
                for number in range(runs + 1):
                    reset_queries()
                    began = time.perf_counter()
                    answer = client.get(
                        reverse("reports:section", args=[section]), {"period": period, "collection": chosen}
                    )
                    assert answer.status_code == 200, answer.status_code
                    if number:  # the first loads what every process loads once
                        took.append(1000 * (time.perf_counter() - began))
                median = statistics.median(took)
                slowest = max(slowest, median)
                name = f"{period} days" if period != "all" else "all time"
                of = "one collection" if chosen else "all collections"
                say(f"{section}, {name}, {of}: {median:.0f} ms")
                found.setdefault(section, {})[f"{name}, {of}"] = round(median, 1)
    return found, slowest


def _folded_a_second(changes: int = 60_000) -> int:
    """Of changes as work makes them: many of few counts."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO transcription_countchange (collection_id, day, kind, key, value) "
            "SELECT c.id, current_date, 'bench', 'key ' || k %% 40, (k %% 2) * 2 - 1 "
            "FROM generate_series(1, %s) k JOIN transcription_collection c ON c.title = 'Collection 0' || k %% 4",
            [changes],
        )
        count = int(cursor.rowcount)
    began = time.perf_counter()
    rollups.fold_all()
    return round(count / (time.perf_counter() - began))


def _updates(rounds: int = 200) -> dict[str, float]:
    """What a change of a page's state takes in the database, with the triggers that count it and without."""
    took = {}
    with connection.cursor() as cursor:
        for name, switch in (("without counting", "DISABLE"), ("with counting", "ENABLE")):
            for trigger in ("count_page_changed", "judge_page_changed"):
                cursor.execute(f"ALTER TABLE transcription_page {switch} TRIGGER {trigger}")
            times = []
            for number in range(rounds):
                began = time.perf_counter()
                state = ("accepted", "in_review")[number % 2]
                cursor.execute("UPDATE transcription_page SET state = %s WHERE id = 7", [state])
                times.append(1e6 * (time.perf_counter() - began))
            took[name] = round(statistics.median(times), 1)
    return took
