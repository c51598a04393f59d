"""Read again what has changed on a page whose lines were repaired, and only that.

The page gets a new run over its present layout, with the profile version and the vocabulary of the one before. What
was read of lines that stand where they stood is carried over into it; the others are queued. Vote, score and decision
follow for the page as a whole.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db import connection

from transcription.models import Lane, Layout, Page, PageState, Run, Step
from transcription.models.page import FINISHED_STATES
from transcription.steps import flow
from transcription.steps.profiles import profile_version_of
from transcription.steps.workers import held_engine_digests

# All columns but the row's own id and its run: a carried row says when, and by what, it was read.
_READING = (
    "line_id, pass_version_id, text, chars, spans, nbest_texts, nbest_shares, milliseconds, tokens_in, tokens_out, "
    "created_at"
)
_VOTE = "line_id, stage, text, words, confidence, expected_edits, good, calibration, checks, created_at"
_CARRY = """
INSERT INTO transcription_{table} (run_id, {columns})
SELECT %(to)s, {columns} FROM transcription_{table} WHERE run_id = %(from)s AND line_id = ANY(%(lines)s)
"""

# For each line of the layout, the last run that read it at this very place: as the page's present run reads. A run
# counts once it has come to a decision, so that whatever it read has been voted on.
_READ_BEFORE = """
SELECT DISTINCT ON (now.line_id) now.line_id, u.id
FROM transcription_layoutline now
JOIN transcription_layoutline was
    ON was.line_id = now.line_id AND was.baseline = now.baseline AND was.polygon = now.polygon
JOIN transcription_run u ON u.layout_id = was.layout_id
JOIN transcription_routedecision d ON d.run_id = u.id
JOIN transcription_vote v ON v.run_id = u.id AND v.line_id = now.line_id AND v.stage = 0
WHERE now.layout_id = %(layout)s AND u.page_id = %(page)s
  AND u.profile_version_id = %(profile_version)s AND u.vocabulary = %(vocabulary)s
ORDER BY now.line_id, u.number DESC
"""


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed on a page since it was read: ``lines`` wait to be read; ``stale``: the run knows another layout,
    so that the page's confidence is that of other lines."""

    lines: tuple[int, ...] = ()
    stale: bool = False


def changes_since_reading(page: Page) -> Changes:
    """Lines of the page's layout that its run's profile has not read where they stand, in reading order.

    Nothing waits on a page that is still being read, or that was never read.
    """
    run = page.run
    if run is None or page.layout is None or page.layout_id == run.layout_id or page.state not in FINISHED_STATES:
        return Changes()
    known = _read_before(run, page.layout)
    places = page.layout.places.order_by("position").values_list("line", flat=True)
    return Changes(tuple(line for line in places if line not in known), stale=True)


def reread(*, page: Page, lane: int = Lane.INTERACTIVE) -> Run | None:
    """Begin a run that reads what has changed; None where nothing has. The caller holds the page lock.

    Where no worker could read with the passes of the page's run any more, because an engine has changed, the whole page
    is read with the present ones: votes never mix versions.
    """
    before, layout = page.run, page.layout
    changes = changes_since_reading(page)
    if before is None or layout is None or not changes.stale:
        return None
    if changes.lines and not _is_readable(before):
        present = profile_version_of(page.collection)
        return flow.start_run(page=page, profile_version=present, layout=layout, lane=lane)
    carried: dict[int, list[int]] = defaultdict(list)
    for line, run_id in _read_before(before, layout).items():
        carried[run_id].append(line)
    run = flow.replace_run(
        page=page, profile_version=before.profile_version, layout=layout, vocabulary=before.vocabulary
    )
    for run_id, lines in carried.items():
        _carry(run_id, run.pk, lines)
    if changes.lines:
        flow.begin_stage(page=page, run=run, stage=0, lines=changes.lines, lane=lane)
    else:
        flow.move(page, PageState.VOTED)
        flow.follow(Step.SCORE, page=page, run=run, stage=0, lane=lane)
    return run


def _read_before(run: Run, layout: Layout) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            _READ_BEFORE,
            {
                "layout": layout.pk,
                "page": run.page_id,
                "profile_version": run.profile_version_id,
                "vocabulary": run.vocabulary,
            },
        )
        return dict(cursor.fetchall())


def _carry(source: int, target: int, lines: list[int]) -> None:
    """Copy readings and votes of ``lines`` from one run into another."""
    with connection.cursor() as cursor:
        for table, columns in (("reading", _READING), ("vote", _VOTE)):
            cursor.execute(_CARRY.format(table=table, columns=columns), {"from": source, "to": target, "lines": lines})


def _is_readable(run: Run) -> bool:
    """Whether the engines of this installation are still those that the run's passes name."""
    wanted = run.profile_version.stage_passes.values_list("pass_version__engine_digest", flat=True)
    return set(wanted) <= set(held_engine_digests())
