"""Pages that were read and decided, and audits of them, for tests: rows only, many of them quickly."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import User

from tests.factories import create_layout, create_page, create_run, create_user, create_vote, word
from transcription.models import Audit, AuditLine, Collection, Page, PageState, ProfileVersion
from transcription.steps.route import decide
from transcription.steps.settle_audit import judge_line, type_line

TEXT = "baptised Mary daughter of John"


def decided_page(
    collection: Collection,
    version: ProfileVersion,
    *,
    confidence: float = 0.9,
    lines: int = 3,
    checks: Sequence[str] = (),
) -> Page:
    """A page of `TEXT` lines as `route` leaves it."""
    page = create_page(collection=collection, state=PageState.SCORED, confidence=confidence)
    layout = create_layout(page=page, lines=lines)
    run = create_run(page=page, profile_version=version)
    for place in layout.places.select_related("line"):
        create_vote(run=run, line=place.line, words=[word(each, confidence) for each in TEXT.split()])
    decide(page=page, run=run, checks=list(checks))
    page.refresh_from_db()
    return page


def settle(audit: Audit, *, truth: str = TEXT, typist: User | None = None, judge: User | None = None) -> None:
    """Type every line as ``truth``; where that is not what was read, the judge says that the typist is right."""
    typist, judge = typist or create_user(), judge or create_user()
    for line in audit.lines.all():
        typed = type_line(line, text=truth, unreadable=False, typist=typist)
        if not typed.verdict:
            judge_line(line, verdict=AuditLine.Verdict.TYPED, text="", judge=judge)
