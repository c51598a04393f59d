from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from tests.factories import (
    create_failure,
    create_original,
    create_page,
    create_trial,
    create_upload,
    create_user,
    create_work,
)
from tests.steps.journey import current_run, prepared_page, work_until_nothing_is_due
from transcription.htr.replacing import Pattern
from transcription.models import (
    Audit,
    AuditLine,
    CountChange,
    Export,
    IncomingFile,
    IncomingState,
    JudgementMark,
    Line,
    Original,
    Page,
    PageState,
    Part,
    Promise,
    Reading,
    ReplacedLine,
    Replacement,
    RouteDecision,
    SearchLine,
    SearchMark,
    Step,
    TranscriptRevision,
    Vote,
    Work,
    WorkState,
)
from transcription.steps.correct import save_line
from transcription.steps.export import request_export
from transcription.steps.invariants import INVARIANTS, violations
from transcription.steps.replace import request_replacement, request_undo
from transcription.steps.search_index import settle_marks

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(media_root: Path, scribe: Callable[..., None]) -> Page:
    """A page that went the whole way, one line corrected, and exported."""
    made = prepared_page(media_root)
    work_until_nothing_is_due()
    save_line(line=made.lines.order_by("pk")[0], text="a person's", base_revision=1, author=create_user())
    request_export(collection=made.collection, format="txt", scope=Export.Scope.ALL, requester=None)
    work_until_nothing_is_due()
    made.refresh_from_db()
    return made


def test_a_page_that_went_the_whole_way_breaks_nothing(page: Page) -> None:
    assert violations() == []
    assert settle_marks() == (1, 0)
    assert SearchLine.objects.filter(page=page).count() == page.lines.count()
    assert violations() == []


def tampered(sql: str, *parameters: int) -> None:
    """What a defect could do: past the triggers that keep tables append-only."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL longhand.purge = 'on'")
        cursor.execute(sql, parameters)
        cursor.execute("SET LOCAL longhand.purge = 'off'")


def lose_a_page(page: Page) -> None:
    Original.objects.update(frames=2)


def lose_the_other_half(page: Page) -> None:
    Page.objects.filter(pk=page.pk).update(part=Part.LEFT)


def forget_an_original(page: Page) -> None:
    Original.objects.filter(pk=page.original_id).update(frames=None)


def strand_a_page(page: Page) -> None:
    Page.objects.filter(pk=page.pk).update(state=PageState.SEGMENTED)


def strand_a_page_with_cancelled_work(page: Page) -> None:
    Page.objects.filter(pk=page.pk).update(state=PageState.SEGMENTED)
    create_work(collection=page.collection, page=page, run=page.run, step=Step.VOTE, state=WorkState.CANCELLED)


def leave_a_lease(page: Page) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    token = "0" * 32
    create_work(collection=page.collection, state=WorkState.RUNNING, token=token, lease_until=long_ago)


def forget_due_work(page: Page) -> None:
    work = create_work(collection=page.collection)
    Work.objects.filter(pk=work.pk).update(created_at=timezone.now() - timedelta(days=2))


def lose_a_passes_readings(page: Page) -> None:
    passes = current_run(page).profile_version.passes.all()
    tampered("DELETE FROM transcription_reading WHERE pass_version_id = %s", passes[0].pk)


def read_without_work(page: Page) -> None:
    Work.objects.filter(step=Step.RECOGNIZE, run=page.run).first().delete()  # type: ignore[union-attr]


def lose_a_vote(page: Page) -> None:
    Vote.objects.filter(line__current__source="vote").first().delete()  # type: ignore[union-attr]


def vote_on_another_pages_line(page: Page) -> None:
    Vote.objects.create(run=current_run(page), line=Line.objects.create(page=create_page()), stage=1)


def lose_a_decision(page: Page) -> None:
    current_run(page).route_decision.delete()


def borrow_a_layout(page: Page) -> None:
    other = create_page(collection=page.collection, state=PageState.PREPARED)
    create_failure(collection=page.collection, page=other)
    Page.objects.filter(pk=other.pk).update(layout=page.layout)


def try_for_ever(page: Page) -> None:
    Work.objects.filter(step=Step.VOTE).update(attempts=9)


def fail_in_silence(page: Page) -> None:
    create_work(collection=page.collection, state=WorkState.FAILED)


def leave_a_failure_of_done_work(page: Page) -> None:
    create_failure(collection=page.collection, work=Work.objects.filter(state=WorkState.DONE)[0])


def skip_a_revision_number(page: Page) -> None:
    tampered("UPDATE transcription_transcriptrevision SET number = 7 WHERE number = 2")


def hide_the_last_revision(page: Page) -> None:
    line = page.lines.order_by("pk")[0]
    line.current = line.revisions.get(number=1)
    line.save()


def overrule_a_person(page: Page) -> None:
    from tests.factories import create_revision

    create_revision(line=page.lines.order_by("pk")[0], text="machine text", source="vote")  # type: ignore[arg-type]


def lose_an_exports_file(page: Page) -> None:
    Export.objects.update(file="")


def keep_an_old_row_in_the_index(page: Page) -> None:
    settle_marks()
    SearchLine.objects.filter(page=page).update(revision_id=0)


def lose_a_row_of_the_index(page: Page) -> None:
    settle_marks()
    SearchLine.objects.filter(page=page)[0].delete()


def keep_a_row_of_no_line(page: Page) -> None:
    settle_marks()
    SearchLine.objects.filter(page=page).update(page_id=0)


def leave_a_mark(page: Page) -> None:
    SearchMark.objects.update(marked_at=timezone.now() - timedelta(hours=2))


def miscount(page: Page) -> None:
    CountChange.objects.create(collection_id=page.collection_id, day="2026-01-01", kind="pages", key="read", value=1)


def leave_a_page_unjudged(page: Page) -> None:
    JudgementMark.objects.create(page_id=page.pk, marked_at=timezone.now() - timedelta(hours=2))


def trust_a_text_that_failed(page: Page) -> None:
    failed = {"failed": [{"code": "repetition", "detail": "and the"}]}
    Vote.objects.filter(run=page.run).update(checks=failed, confidence=0.9)


def audit_of(page: Page, *, settled: bool = False, **fields: Any) -> Audit:
    """An audit of one line of the page's run."""
    values = {"collection": page.collection, "run": page.run, "kind": Audit.Kind.MACHINE, "confidence": 0.9}
    drawn = Audit.objects.create(**{"page": page, "seed": 1, "size": 20} | values | fields)
    verdict = {"verdict": "same", "edits": 0, "characters": 9, "settled_at": timezone.now()} if settled else {}
    AuditLine.objects.create(audit=drawn, line=page.lines.order_by("pk")[0], position=1, size=20, **verdict)
    return drawn


def accept_below_the_threshold(page: Page) -> None:
    RouteDecision.objects.update(outcome="accept", confidence=0.2, threshold=0.5, reasons=[])


def audit_another_page(page: Page) -> None:
    audit = audit_of(page)
    audit.page = create_page(collection=page.collection, state=PageState.PREPARED)
    audit.save()


def settle_an_audit_too_soon(page: Page) -> None:
    audit_of(page, state=Audit.State.SETTLED)


def leave_an_audit_open(page: Page) -> None:
    audit_of(page, settled=True)


def promise_on_nothing(page: Page) -> None:
    version = current_run(page).profile_version
    made = {"state": Promise.State.STANDING, "threshold": 0.5, "made_at": timezone.now(), "pages": 40}
    Promise.objects.create(collection=page.collection, profile_version=version, error=0.1, **made)


def replaced_text(page: Page) -> Replacement:
    """A replacement that was made on the page and taken back."""
    seen = TranscriptRevision.objects.latest("pk").pk
    pattern, author = Pattern("rector", "Rector"), create_user()
    made = request_replacement(
        collection=page.collection, pattern=pattern, typed=False, as_of=seen, left_out={}, author=author
    )
    work_until_nothing_is_due()
    made.refresh_from_db()
    request_undo(made, by=author)
    work_until_nothing_is_due()
    assert violations() == []
    return made


def forget_a_replaced_line(page: Page) -> None:
    replaced_text(page).changed.earliest("pk").delete()


def mix_up_a_replaced_line(page: Page) -> None:
    first = replaced_text(page).changed.earliest("pk")
    ReplacedLine.objects.filter(pk=first.pk).update(before=first.after_id)


def lose_a_replacements_work(page: Page) -> None:
    made = replaced_text(page)
    Replacement.objects.filter(pk=made.pk).update(state=Replacement.State.UNDOING)


def take_a_trials_run_for_the_pages_own(page: Page) -> None:
    assert page.run is not None
    page.run.trial = create_trial(collection=page.collection)
    page.run.save()


def replace_a_scan_and_leave_its_page(page: Page) -> None:
    create_original(document=page.document, replaces=page.original)


def say_that_other_bytes_were_stored(page: Page) -> None:
    upload = create_upload(collection=page.collection)
    IncomingFile.objects.create(
        upload=upload,
        collection=page.collection,
        path="a.jpg",
        size=3,
        offset=3,
        fingerprint="f" * 64,
        sha256="0" * 64,
        state=IncomingState.STORED,
        original=page.original,
    )


PLANTED: list[tuple[Callable[[Page], None], str]] = [
    (lose_a_page, "an opened original has all of its pages"),
    (replace_a_scan_and_leave_its_page, "a scan that was replaced has no pages left"),
    (say_that_other_bytes_were_stored, "a file that is said to be stored is an original of its bytes"),
    (lose_the_other_half, "a frame is one whole page, or a left and a right one"),
    (forget_an_original, "an original that is not opened has open work or an open failure"),
    (strand_a_page, "a page that is not finished has open work or an open failure"),
    (strand_a_page_with_cancelled_work, "a page that is not finished has open work or an open failure"),
    (leave_a_lease, "no lease has been over for long"),
    (forget_due_work, "no due work of an active collection has waited for a day"),
    (lose_a_passes_readings, "a done pass has read something of what it was given"),
    (read_without_work, "a reading stems from a done pass of its run, or of an earlier one whose line has not moved"),
    (lose_a_vote, "a finished run has one vote for each line of its layout"),
    (vote_on_another_pages_line, "readings and votes are of lines of their run's page"),
    (lose_a_decision, "a finished page has a decision for its run"),
    (borrow_a_layout, "a page's run and layout are its own"),
    (try_for_ever, "attempts and interruptions are bounded"),
    (fail_in_silence, "failed work has an open failure, open failures are of failed work"),
    (leave_a_failure_of_done_work, "failed work has an open failure, open failures are of failed work"),
    (skip_a_revision_number, "revisions of a line are numbered without gaps"),
    (hide_the_last_revision, "a line's current text is its last revision"),
    (overrule_a_person, "a vote never follows a person's text"),
    (forget_a_replaced_line, "a replacement counts the lines and places that it changed, and those taken back"),
    (mix_up_a_replaced_line, "what a replacement wrote stands between what was there before and what took it back"),
    (lose_a_replacements_work, "a replacement in motion has open work or an open failure"),
    (take_a_trials_run_for_the_pages_own, "a trial's run is no page's own, decides nothing and is nobody's text"),
    (lose_an_exports_file, "a done export has a file"),
    (accept_below_the_threshold, "a page is accepted unseen from its threshold on"),
    (audit_another_page, "an audit is of its run's page and collection"),
    (settle_an_audit_too_soon, "an audit is settled when all of its lines are"),
    (leave_an_audit_open, "an audit is settled when all of its lines are"),
    (promise_on_nothing, "a promise stands on audits of its profile version"),
    (keep_an_old_row_in_the_index, "lines of present layouts are in the search index as they are, no others are"),
    (lose_a_row_of_the_index, "lines of present layouts are in the search index as they are, no others are"),
    (keep_a_row_of_no_line, "lines of present layouts are in the search index as they are, no others are"),
    (miscount, "the counts of reports are what the rows come to"),
    (leave_a_page_unjudged, "no page that people worked on waits for long to be judged"),
    (leave_a_mark, "no changed page waits for long to be made searchable"),
    (trust_a_text_that_failed, "a text that failed a check is not sure of its words"),
]


@pytest.mark.parametrize(("plant", "invariant"), PLANTED, ids=[plant.__name__ for plant, _ in PLANTED])
def test_a_planted_violation_is_found(plant: Callable[[Page], None], invariant: str, page: Page) -> None:
    plant(page)
    assert invariant in [found.name for found in violations()]


def test_every_invariant_is_broken_by_some_planted_violation() -> None:
    assert set(INVARIANTS) == {invariant for _, invariant in PLANTED}


def report() -> tuple[int, dict[str, Any]]:
    output = io.StringIO()
    try:
        call_command("invariants", stdout=output)
    except SystemExit as end:
        return int(end.code or 0), json.loads(output.getvalue())
    return 0, json.loads(output.getvalue())


def test_the_command_exits_with_1_and_prints_the_rows(page: Page) -> None:
    assert report() == (0, {"checked": len(INVARIANTS), "violations": []})
    lose_a_page(page)
    status, found = report()
    assert status == 1
    assert found["violations"][0]["rows"][0]["frames"] == 2
    assert Reading.objects.exists()
