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
    "a page is accepted unseen from its threshold on": """
        SELECT id, run_id, confidence, threshold, reasons FROM transcription_routedecision
        WHERE outcome = 'accept' AND confidence < threshold AND NOT reasons @> '["blank-page"]'""",
    "an audit is of its run's page and collection": """
        SELECT a.id, a.page_id, u.page_id AS run_page, a.collection_id FROM transcription_audit a
        JOIN transcription_run u ON u.id = a.run_id JOIN transcription_page p ON p.id = a.page_id
        WHERE u.page_id <> a.page_id OR p.collection_id <> a.collection_id""",
    "an audit is settled when all of its lines are": """
        SELECT a.id, a.state, count(l.id) AS lines, count(l.settled_at) AS settled FROM transcription_audit a
        LEFT JOIN transcription_auditline l ON l.audit_id = a.id WHERE a.state <> 'overtaken'
        GROUP BY a.id HAVING count(l.id) = 0 OR (a.state = 'settled') <> (count(l.id) = count(l.settled_at))""",
    "a promise stands on audits of its profile version": """
        SELECT r.id, r.pages, count(a.id) AS audits FROM transcription_promise r LEFT JOIN (transcription_audit a
            JOIN transcription_run u ON u.id = a.run_id)
            ON a.collection_id = r.collection_id AND u.profile_version_id = r.profile_version_id
            AND a.kind = 'machine' AND a.state = 'settled' AND a.confidence >= r.threshold AND a.id > r.audits_after
        WHERE r.state = 'standing' GROUP BY r.id HAVING r.pages < 30 OR count(a.id) < r.pages""",
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
    "lines of present layouts are in the search index as they are, no others are": """
        SELECT coalesce(l.id, s.line_id) AS line_id, coalesce(p.id, s.page_id) AS page_id,
            l.current_id, s.revision_id, s.state
        FROM transcription_page p JOIN transcription_layoutline a ON a.layout_id = p.layout_id
        JOIN transcription_line l ON l.id = a.line_id
        FULL JOIN transcription_searchline s ON s.line_id = l.id
        WHERE (p.id, p.collection_id, p.document_id, p.state, l.current_id)
            IS DISTINCT FROM (s.page_id, s.collection_id, s.document_id, s.state, s.revision_id)
        AND NOT EXISTS (SELECT FROM transcription_searchmark m WHERE m.page_id IN (p.id, s.page_id))""",
    "no changed page waits for long to be made searchable": """
        SELECT page_id, marked_at FROM transcription_searchmark
        WHERE marked_at < now() - make_interval(secs => 3600 + %(patience)s)""",
    "the counts of reports are what the rows come to": """
        SELECT collection_id, day, kind, key, sum(value) AS lacking FROM (
            SELECT collection_id, day, kind, key, value FROM longhand_facts()
            UNION ALL SELECT collection_id, day, kind, key, -value FROM transcription_dailycount
            UNION ALL SELECT collection_id, day, kind, key, -value FROM transcription_countchange) both_sides
        GROUP BY 1, 2, 3, 4 HAVING sum(value) <> 0""",
    "no page that people worked on waits for long to be judged": """
        SELECT page_id, marked_at FROM transcription_judgementmark
        WHERE marked_at < now() - make_interval(secs => 3600 + %(patience)s)""",
    "a vote never follows a person's text": """
        SELECT r.line_id, r.number FROM transcription_transcriptrevision r
        JOIN transcription_transcriptrevision last ON last.line_id = r.line_id AND last.number = r.number - 1
        LEFT JOIN transcription_importedtranscript brought ON brought.id = last.transcript_id
        WHERE r.source = 'vote' AND last.source IN ('person', 'import', 'bulk') AND brought.withdrawn_at IS NULL
        AND NOT (last.source = 'bulk' AND EXISTS (SELECT FROM transcription_replacedline back
            JOIN transcription_transcriptrevision restored ON restored.id = back.restored_id
            WHERE restored.created_at = r.created_at AND restored.text = r.text))""",
    "a replacement counts the lines and places that it changed, and those taken back": """
        SELECT p.id, p.lines, p.places, p.restored, count(c.id) AS changed FROM transcription_replacement p
        LEFT JOIN transcription_replacedline c ON c.replacement_id = p.id
        GROUP BY p.id HAVING p.lines <> count(c.id) OR p.places <> coalesce(sum(c.places), 0)
            OR p.restored <> count(c.restored_id)""",
    "what a replacement wrote stands between what was there before and what took it back": """
        SELECT c.id, c.replacement_id, c.line_id FROM transcription_replacedline c
        JOIN transcription_transcriptrevision before ON before.id = c.before_id
        JOIN transcription_transcriptrevision after ON after.id = c.after_id
        LEFT JOIN transcription_transcriptrevision back ON back.id = c.restored_id
        WHERE before.line_id <> c.line_id OR after.line_id <> c.line_id OR after.number <> before.number + 1
           OR after.source NOT IN ('bulk', 'person')
           OR back.line_id <> c.line_id OR back.number <> after.number + 1 OR back.text <> before.text
           OR back.source <> before.source""",
    "a replacement in motion has open work or an open failure": """
        SELECT p.id, p.state FROM transcription_replacement p JOIN transcription_collection c ON c.id = p.collection_id
        WHERE p.state IN ('applying', 'undoing') AND NOT EXISTS (SELECT FROM transcription_work w
            LEFT JOIN transcription_failure f ON f.work_id = w.id AND f.resolved_at IS NULL
            WHERE w.replacement_id = p.id AND (w.state IN ('queued', 'running') OR f.id IS NOT NULL
                OR (w.state = 'cancelled' AND c.state = 'cancelled')))""",
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
