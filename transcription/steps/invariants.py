"""What must hold whenever nothing is in motion: each a query that returns the offending rows, none when all is well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection


@dataclass(frozen=True, slots=True)
class Violation:
    """One invariant that does not hold, with up to a hundred of the rows that break it."""

    name: str
    rows: list[dict[str, Any]]


INVARIANTS: dict[str, str] = {
    "an opened original has all of its pages": """
        SELECT o.id, o.name, o.frames, count(DISTINCT p.frame) AS pages FROM transcription_original o
        LEFT JOIN transcription_page p ON p.original_id = o.id
        WHERE o.frames IS NOT NULL GROUP BY o.id HAVING count(DISTINCT p.frame) <> o.frames""",
    "a frame is one whole page, or a left and a right one": """
        SELECT original_id, frame, array_agg(part ORDER BY part) AS parts FROM transcription_page
        GROUP BY original_id, frame HAVING array_agg(part ORDER BY part) NOT IN ('{0}', '{1,2}')""",
    "an original that is not opened has open work or an open failure": """
        SELECT o.id, o.name FROM transcription_original o WHERE o.frames IS NULL
        AND NOT EXISTS (SELECT FROM transcription_work w JOIN transcription_collection c ON c.id = w.collection_id
            WHERE w.original_id = o.id
            AND (w.state IN ('queued', 'running') OR (w.state = 'cancelled' AND c.state = 'cancelled')))
        AND NOT EXISTS (SELECT FROM transcription_failure f WHERE f.original_id = o.id AND f.resolved_at IS NULL)""",
    "a page that is not finished has open work or an open failure": """
        SELECT p.id, p.state FROM transcription_page p JOIN transcription_collection c ON c.id = p.collection_id
        WHERE p.state NOT IN ('accepted', 'in_review', 'reviewed')
        AND NOT EXISTS (SELECT FROM transcription_work w WHERE w.page_id = p.id
            AND (w.run_id IS NULL OR w.run_id = p.run_id)
            AND (w.state IN ('queued', 'running') OR (w.state = 'cancelled' AND c.state = 'cancelled')))
        AND NOT EXISTS (SELECT FROM transcription_failure f WHERE f.page_id = p.id AND f.resolved_at IS NULL)""",
    "no lease has been over for long": """
        SELECT id, step, worker, lease_until FROM transcription_work
        WHERE state = 'running' AND lease_until < now() - make_interval(secs => %(patience)s)""",
    "no due work of an active collection has waited for a day": """
        SELECT w.id, w.step, w.created_at FROM transcription_work w
        JOIN transcription_collection c ON c.id = w.collection_id
        WHERE w.state = 'queued' AND c.state = 'active'
        AND coalesce(w.not_before, w.created_at) < now() - interval '1 day'""",
    "a done pass has read something of what it was given": """
        SELECT w.id, w.run_id, w.pass_version_id, count(l.line_id) AS lines, count(r.id) AS readings
        FROM transcription_work w JOIN transcription_run u ON u.id = w.run_id
        JOIN transcription_layoutline l ON l.layout_id = u.layout_id AND (w.lines IS NULL OR l.line_id = ANY(w.lines))
        LEFT JOIN transcription_reading r
            ON r.run_id = w.run_id AND r.line_id = l.line_id AND r.pass_version_id = w.pass_version_id
        WHERE w.step = 'recognize' AND w.state = 'done'
        GROUP BY w.id HAVING count(r.id) = 0 AND count(l.line_id) > 0""",
    "a reading stems from a done pass of its run, or of an earlier one whose line has not moved": """
        SELECT r.id, r.run_id, r.line_id, r.pass_version_id FROM transcription_reading r
        JOIN transcription_run u ON u.id = r.run_id
        WHERE NOT EXISTS (SELECT FROM transcription_work w WHERE w.run_id = r.run_id AND w.step = 'recognize'
            AND w.pass_version_id = r.pass_version_id AND w.state = 'done'
            AND (w.lines IS NULL OR r.line_id = ANY(w.lines)))
        AND NOT EXISTS (SELECT FROM transcription_reading first
            JOIN transcription_run v ON v.id = first.run_id AND v.page_id = u.page_id AND v.number < u.number
                AND v.profile_version_id = u.profile_version_id AND v.vocabulary = u.vocabulary
            JOIN transcription_layoutline was ON was.layout_id = v.layout_id AND was.line_id = r.line_id
            JOIN transcription_layoutline now ON now.layout_id = u.layout_id AND now.line_id = r.line_id
                AND now.baseline = was.baseline AND now.polygon = was.polygon
            JOIN transcription_work w ON w.run_id = v.id AND w.step = 'recognize' AND w.state = 'done'
                AND w.pass_version_id = r.pass_version_id AND (w.lines IS NULL OR r.line_id = ANY(w.lines))
            WHERE first.line_id = r.line_id AND first.pass_version_id = r.pass_version_id
                AND first.text = r.text AND first.chars = r.chars AND first.created_at = r.created_at)""",
    "a finished run has one vote for each line of its layout": """
        SELECT d.run_id, count(l.id) AS lines, count(v.id) AS votes FROM transcription_routedecision d
        JOIN transcription_run u ON u.id = d.run_id JOIN transcription_layoutline l ON l.layout_id = u.layout_id
        LEFT JOIN transcription_vote v ON v.run_id = u.id AND v.line_id = l.line_id AND v.stage = 0
        GROUP BY d.run_id HAVING count(l.id) <> count(v.id)""",
    "a text that failed a check is not sure of its words": """
        SELECT id, run_id, line_id, confidence FROM transcription_vote
        WHERE jsonb_array_length(coalesce(checks->'failed', '[]')) > 0 AND confidence > 0.3001""",
    "a finished page has a decision for its run": """
        SELECT p.id, p.state, p.run_id FROM transcription_page p
        WHERE p.state IN ('accepted', 'in_review', 'reviewed') AND NOT EXISTS (
            SELECT FROM transcription_routedecision d WHERE d.page_id = p.id AND d.run_id = p.run_id)""",
    "readings and votes are of lines of their run's page": """
        SELECT x.kind, x.id, x.run_id, x.line_id FROM (
            SELECT 'reading' AS kind, id, run_id, line_id FROM transcription_reading
            UNION ALL SELECT 'vote', id, run_id, line_id FROM transcription_vote) x
        JOIN transcription_run u ON u.id = x.run_id JOIN transcription_line l ON l.id = x.line_id
        WHERE l.page_id <> u.page_id""",
    "a page's run and layout are its own": """
        SELECT p.id, p.run_id, p.layout_id FROM transcription_page p
        LEFT JOIN transcription_run u ON u.id = p.run_id LEFT JOIN transcription_layout l ON l.id = p.layout_id
        WHERE u.page_id <> p.id OR l.page_id <> p.id""",
    "a trial's run is no page's own, decides nothing and is nobody's text": """
        SELECT u.id, u.trial_id, u.page_id FROM transcription_run u WHERE u.trial_id IS NOT NULL
        AND (EXISTS (SELECT FROM transcription_page p WHERE p.run_id = u.id)
            OR EXISTS (SELECT FROM transcription_routedecision d WHERE d.run_id = u.id)
            OR EXISTS (SELECT FROM transcription_transcriptrevision r JOIN transcription_vote v ON v.id = r.vote_id
                WHERE v.run_id = u.id)
            OR EXISTS (SELECT FROM transcription_failure f JOIN transcription_work w ON w.id = f.work_id
                WHERE w.run_id = u.id AND f.resolved_at IS NULL))""",
    "a done export has a file": """
        SELECT id FROM transcription_export WHERE state = 'done' AND file = ''""",
    "attempts and interruptions are bounded": """
        SELECT id, attempts, interruptions FROM transcription_work WHERE attempts > 3 OR interruptions > 3""",
    "failed work has an open failure, open failures are of failed work": """
        SELECT w.id, w.state FROM transcription_work w
        LEFT JOIN transcription_failure f ON f.work_id = w.id AND f.resolved_at IS NULL
        LEFT JOIN transcription_page p ON p.id = w.page_id
        WHERE (w.state = 'failed' AND f.id IS NULL AND (w.run_id IS NULL OR w.run_id = p.run_id))
           OR (f.id IS NOT NULL AND w.state NOT IN ('failed', 'cancelled'))""",
    "revisions of a line are numbered without gaps": """
        SELECT line_id, max(number), count(*) FROM transcription_transcriptrevision
        GROUP BY line_id HAVING max(number) <> count(*) OR min(number) <> 1""",
    "a line's current text is its last revision": """
        SELECT l.id, c.number, max(r.number) AS last FROM transcription_line l
        JOIN transcription_transcriptrevision r ON r.line_id = l.id
        LEFT JOIN transcription_transcriptrevision c ON c.id = l.current_id
        GROUP BY l.id, c.number HAVING c.number IS DISTINCT FROM max(r.number)""",
    "a vote never follows a person's text": """
        SELECT r.line_id, r.number FROM transcription_transcriptrevision r
        JOIN transcription_transcriptrevision last ON last.line_id = r.line_id AND last.number = r.number - 1
        LEFT JOIN transcription_importedtranscript brought ON brought.id = last.transcript_id
        WHERE r.source = 'vote' AND last.source IN ('person', 'import', 'bulk') AND brought.withdrawn_at IS NULL""",
}


def violations() -> list[Violation]:
    """Run every invariant; an empty list means that nothing is stuck, lost or double."""
    found = []
    with connection.cursor() as cursor:
        for name, query in INVARIANTS.items():
            cursor.execute(f"SELECT * FROM ({query}) AS broken LIMIT 100", {"patience": 3 * settings.LEASE_SECONDS})
            columns = [column.name for column in cursor.description or ()]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
            if rows:
                found.append(Violation(name, rows))
    return found
