from __future__ import annotations

import pytest
from django.utils import timezone

from review.approvals import approve, send_back
from review.models import Approval
from tests.factories import (
    create_collection,
    create_layout,
    create_page,
    create_revision,
    create_run,
    create_user,
    create_vote,
    word,
)
from transcription.models import Audit, AuditLine, Collection, Line, Page, PageState, Vote
from transcription.steps.trusted_lines import Origin, trusted_lines

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection() -> Collection:
    return create_collection()


def read_page(collection: Collection) -> Page:
    """A page of two lines with their votes, waiting for review."""
    page = create_page(collection=collection, state=PageState.IN_REVIEW)
    create_layout(page=page)
    run = create_run(page=page)
    for line in lines_of(page):
        create_vote(run=run, line=line, words=[word("the"), word("Rectar")])
    return page


def lines_of(page: Page) -> list[Line]:
    return list(page.lines.order_by("pk"))


def audited(line: Line, truth: str | None) -> AuditLine:
    audit = Audit.objects.create(
        collection=line.page.collection,
        page=line.page,
        run=line.page.run,
        kind="machine",
        seed=1,
        confidence=0.9,
        size=20,
    )
    return AuditLine.objects.create(
        audit=audit,
        line=line,
        vote=Vote.objects.get(line=line),
        position=1,
        size=10,
        text="the Rectar",
        typed=truth or "",
        typed_at=timezone.now(),
        truth=truth,
        verdict="typed" if truth is not None else "unreadable",
        edits=1,
        characters=10,
    )


def texts(collection: Collection) -> list[tuple[str, str, Origin]]:
    return [(each.vote.text, each.text, each.origin) for each in trusted_lines(collection)]


def test_lines_of_a_page_read_whole_are_trusted_with_what_the_reader_let_stand(collection: Collection) -> None:
    page = read_page(collection)
    reader = create_user()
    create_revision(line=lines_of(page)[0], text="the Rector", author=reader)
    approve(page=page, reviewer=reader, mode=Approval.Mode.WHOLE_PAGE, active_seconds=60)
    assert texts(collection) == [
        ("the Rectar", "the Rector", Origin.PAGE),
        ("the Rectar", "the Rectar", Origin.PAGE),
    ]


def test_a_page_of_which_only_the_doubtful_words_were_passed_is_not_trusted(collection: Collection) -> None:
    page = read_page(collection)
    create_revision(line=lines_of(page)[0], text="the Rector", author=create_user())
    approve(page=page, reviewer=create_user(), mode=Approval.Mode.DOUBTFUL_WORDS, active_seconds=60)
    assert texts(collection) == []


def test_a_page_that_is_taken_into_review_again_is_not_trusted(collection: Collection) -> None:
    page = read_page(collection)
    approve(page=page, reviewer=create_user(), mode=Approval.Mode.WHOLE_PAGE, active_seconds=60)
    send_back(page=page)
    assert texts(collection) == []


def test_an_audited_line_is_trusted_once_and_with_the_audits_text(collection: Collection) -> None:
    page = read_page(collection)
    audited(lines_of(page)[0], "the Rector")
    approve(page=page, reviewer=create_user(), mode=Approval.Mode.WHOLE_PAGE, active_seconds=60)
    assert texts(collection) == [
        ("the Rectar", "the Rector", Origin.AUDIT),
        ("the Rectar", "the Rectar", Origin.PAGE),
    ]


def test_a_line_that_nobody_could_read_teaches_nothing(collection: Collection) -> None:
    audited(lines_of(read_page(collection))[0], None)
    assert texts(collection) == []


def test_lines_of_other_collections_are_not_among_them(collection: Collection) -> None:
    page = read_page(create_collection())
    approve(page=page, reviewer=create_user(), mode=Approval.Mode.WHOLE_PAGE, active_seconds=60)
    assert texts(collection) == []
