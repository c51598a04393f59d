from __future__ import annotations

import pytest
from django.utils import timezone

from tests.factories import create_collection, create_profile_version, create_revision, create_run
from tests.steps.audited import TEXT, decided_page
from transcription.models import Audit, AuditLine, Collection, PageState, ProfileVersion, Promise, RouteDecision, Source
from transcription.steps.draw_audits import LINES_A_PAGE, draw_approved_audit, draw_machine_audit, draw_missing
from transcription.steps.invariants import violations
from transcription.steps.route import decide

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection() -> Collection:
    return create_collection(audit_rate=1.0)


def gathering(collection: Collection, version: ProfileVersion) -> Promise:
    """Audits are gathered for a promise of this collection."""
    return Promise.objects.create(collection=collection, profile_version=version, error=0.1, thresholds=[0.9, 0.5])


def test_a_page_accepted_unseen_is_drawn_with_a_few_of_its_lines(collection: Collection) -> None:
    page = decided_page(collection, create_profile_version(), lines=9)
    audit = Audit.objects.get(page=page)
    assert (audit.kind, audit.state, audit.run_id) == ("machine", "open", page.run_id)
    assert sum(line.hits for line in audit.lines.all()) == LINES_A_PAGE
    assert {line.text for line in audit.lines.all()} == {TEXT}
    assert all(line.vote is not None and line.vote.line_id == line.line_id for line in audit.lines.all())
    assert audit.size == 9 * len(TEXT)
    assert violations() == []


def test_deciding_twice_draws_once(collection: Collection) -> None:
    page = decided_page(collection, create_profile_version())
    drawn = list(AuditLine.objects.values_list("pk", flat=True))
    assert page.run is not None
    decide(page=page, run=page.run, checks=[])
    assert list(AuditLine.objects.values_list("pk", flat=True)) == drawn
    assert Audit.objects.count() == 1


def test_a_page_in_review_is_drawn_only_where_a_promise_looks_for_a_threshold(collection: Collection) -> None:
    version = create_profile_version()
    decided_page(collection, version, confidence=0.3)
    assert not Audit.objects.exists()
    gathering(collection, version)
    below = decided_page(collection, version, confidence=0.3)
    failed = decided_page(collection, version, confidence=0.3, checks=["no-text"])
    assert Audit.objects.filter(page=below).exists()
    assert not Audit.objects.filter(page=failed).exists()


def test_the_share_that_is_asked_for_is_drawn() -> None:
    collection = create_collection(audit_rate=0.3)
    version = create_profile_version()
    for _ in range(60):
        decided_page(collection, version, lines=1)
    assert 8 <= Audit.objects.count() <= 28


def test_nothing_is_drawn_where_no_audits_are_wanted() -> None:
    decided_page(create_collection(audit_rate=0.0), create_profile_version())
    assert not Audit.objects.exists()


def test_a_higher_share_adds_pages_and_takes_none_away() -> None:
    collection = create_collection(audit_rate=0.2)
    version = create_profile_version()
    for _ in range(30):
        decided_page(collection, version, lines=1)
    before = set(Audit.objects.values_list("page", flat=True))
    collection.audit_rate = 0.7
    collection.save()
    more = draw_missing(collection)
    after = set(Audit.objects.values_list("page", flat=True))
    assert before < after
    assert len(after) == len(before) + more
    assert draw_missing(collection) == 0


def test_a_page_that_is_read_again_is_audited_as_it_is_read_last(collection: Collection) -> None:
    version = create_profile_version()
    page = decided_page(collection, version)
    first = Audit.objects.get(page=page)
    run = create_run(page=page, profile_version=version)
    page.refresh_from_db()
    decide(page=page, run=run, checks=["no-text"])
    first.refresh_from_db()
    assert first.state == Audit.State.OVERTAKEN
    assert not Audit.objects.waiting().exists()


def test_text_that_somebody_brought_is_not_audited_as_the_machines(collection: Collection) -> None:
    page = decided_page(collection, create_profile_version(), lines=2)
    Audit.objects.all().delete()
    brought = page.lines.order_by("pk")[0]
    create_revision(line=brought, text="from the edition", source=Source.IMPORT)
    draw_machine_audit(RouteDecision.objects.get(run=page.run), promised=False)
    assert brought.pk not in AuditLine.objects.values_list("line", flat=True)
    assert AuditLine.objects.count() == 1


def test_an_approved_page_is_audited_with_the_text_that_was_approved(collection: Collection) -> None:
    page = decided_page(collection, create_profile_version(), lines=1)
    create_revision(line=page.lines.get(), text="baptised Marie")
    page.state, page.approved_at = PageState.REVIEWED, timezone.now()
    page.save()
    audit = draw_approved_audit(page)
    assert audit is not None
    assert audit.kind == Audit.Kind.APPROVED
    assert [line.text for line in audit.lines.all()] == ["baptised Marie"]


def test_large_pages_are_drawn_more_often_than_small_ones() -> None:
    collection = create_collection(audit_rate=0.25)
    version = create_profile_version()
    for _ in range(40):
        decided_page(collection, version, lines=1)
        decided_page(collection, version, lines=6)
    sizes = list(Audit.objects.values_list("size", flat=True))
    assert sum(size > 100 for size in sizes) > 2 * sum(size < 100 for size in sizes)


def test_a_page_without_lines_is_not_drawn(collection: Collection) -> None:
    decided_page(collection, create_profile_version(), lines=0, checks=["no-lines"])
    assert not Audit.objects.exists()
