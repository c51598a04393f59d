"""Passes are tried on a few pages: read for real, kept apart, compared, and forgotten."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tests.factories import create_collection, create_page, create_user
from tests.steps.cascade import CLAHE, PLAIN, Reader, cascade, engines
from tests.steps.journey import current_run, prepared_page, work_until_nothing_is_due
from transcription.errors import BadInput
from transcription.models import (
    Charge,
    Collection,
    Failure,
    Line,
    Page,
    PageState,
    ProfileVersion,
    Queue,
    Reading,
    Run,
    Trial,
    Vote,
    Work,
    WorkState,
)
from transcription.steps import queue
from transcription.steps.choose_passes import ChosenPass, choose_passes, trial_profile
from transcription.steps.control import cancel, pause, rerun, resume
from transcription.steps.correct import save_line
from transcription.steps.drain import drain
from transcription.steps.invariants import violations
from transcription.steps.purge import purge_collection
from transcription.steps.renew_image import stop_work
from transcription.steps.sweep import sweep_once
from transcription.steps.trial_comparison import TrialState, compare
from transcription.steps.trials import KEPT, MOST_PAGES, discard, forget_trials, start_trial, usual_pages
from transcription.steps.workers import held_engine_digests

__all__ = ["engines"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engines")]
QUICK = [ChosenPass(PLAIN, engine="quick")]


@pytest.fixture
def page(media_root: Path) -> Page:
    """A page of four lines that the quick engine has read."""
    collection = create_collection(title="Vestry minutes")
    choose_passes(collection=collection, passes=QUICK)
    page = prepared_page(media_root, collection=collection, lines=4)
    work_until_nothing_is_due()
    page.refresh_from_db()
    return page


def told(page: Page) -> list[tuple[object, ...]]:
    """All that anything but a trial knows of a page: its row, its lines, texts, decisions, failures and other runs."""
    with connection.cursor() as cursor:
        found: list[tuple[object, ...]] = []
        for query in (
            "SELECT * FROM transcription_page WHERE id = %s",
            "SELECT * FROM transcription_line WHERE page_id = %s ORDER BY id",
            "SELECT r.* FROM transcription_transcriptrevision r JOIN transcription_line l ON l.id = r.line_id "
            "WHERE l.page_id = %s ORDER BY r.id",
            "SELECT * FROM transcription_routedecision WHERE page_id = %s ORDER BY id",
            "SELECT * FROM transcription_failure WHERE page_id = %s AND resolved_at IS NULL ORDER BY id",
            "SELECT v.* FROM transcription_vote v JOIN transcription_run u ON u.id = v.run_id "
            "WHERE u.page_id = %s AND u.trial_id IS NULL ORDER BY v.id",
        ):
            cursor.execute(query, [page.pk])
            found += cursor.fetchall()
    return found


def try_on(page: Page, *passes: ChosenPass) -> Trial:
    return start_trial(collection=page.collection, passes=passes or cascade(), pages=[page])


class TestReading:
    def test_is_real_and_changes_nothing_of_the_page(self, page: Page) -> None:
        line = page.layout.places.first().line  # type: ignore[union-attr]
        save_line(line=line, text="the old rector", base_revision=1, author=create_user())
        before = told(page)
        trial = try_on(page)
        assert told(page) == before
        work_until_nothing_is_due()
        assert told(page) == before
        run = trial.runs.get()
        assert set(Reading.objects.filter(run=run).values_list("text", flat=True)) == {
            "the old rector",
            "the bold rector",
        }
        assert set(Vote.objects.filter(run=run).values_list("stage", flat=True)) == {0, 1}
        assert violations() == []

    def test_goes_before_bulk_work(self, page: Page, media_root: Path) -> None:
        prepared_page(media_root, collection=page.collection)
        trial = try_on(page, *QUICK)
        claim = queue.claim(queue=Queue.ENGINE, worker="test", limit=9, engine_digests=held_engine_digests())
        assert claim is not None
        assert {work.run.trial_id for work in claim.work if work.run} == {trial.pk}

    def test_of_a_lost_worker_is_picked_up_by_another(self, page: Page) -> None:
        trial = try_on(page)
        claim = queue.claim(queue=Queue.ENGINE, worker="killed", limit=9, engine_digests=held_engine_digests())
        assert claim is not None
        Work.objects.filter(token=claim.token).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert sweep_once().freed == len(claim.work)
        Work.objects.update(not_before=None)
        work_until_nothing_is_due()
        assert [each.state for each in compare(trial).pages] == [TrialState.DONE]
        assert violations() == []

    def test_outlasts_a_rerun_of_its_page(self, page: Page) -> None:
        trial = try_on(page)
        rerun(page.collection)
        work_until_nothing_is_due()
        assert compare(trial).pages[0].state == TrialState.DONE
        assert current_run(page).trial is None
        assert violations() == []

    def test_of_an_approved_page_leaves_it_approved(self, page: Page) -> None:
        Page.objects.filter(pk=page.pk).update(approved_at=timezone.now(), state=PageState.REVIEWED)
        before = told(page)
        try_on(page)
        work_until_nothing_is_due()
        assert told(page) == before


class TestFailures:
    def test_are_told_by_the_trial_and_nowhere_else(self, page: Page) -> None:
        Reader.broken = {"the bold rector"}
        before = told(page)
        trial = try_on(page, ChosenPass(PLAIN, engine="slow"))
        work_until_nothing_is_due()
        compared = compare(trial).pages[0]
        assert compared.state == TrialState.FAILED
        assert "No line of this page could be read" in compared.messages[0]
        assert told(page) == before
        assert not Failure.objects.open().exists()
        assert violations() == []

    def test_of_one_pass_leave_the_others(self, page: Page) -> None:
        Reader.broken = {"the bold rector"}
        trial = try_on(page, ChosenPass(CLAHE, engine="quick"), ChosenPass(PLAIN, engine="slow"))
        work_until_nothing_is_due()
        compared = compare(trial).pages[0]
        assert compared.state == TrialState.DONE
        assert len(compared.lines) == 4
        assert len(compared.messages) == 1

    def test_a_cancelled_collection_stops_its_trials(self, page: Page) -> None:
        trial = try_on(page)
        cancel(page.collection)
        assert compare(trial).pages[0].state == TrialState.STOPPED
        resume(page.collection)
        work_until_nothing_is_due()
        assert compare(trial).pages[0].state == TrialState.STOPPED, "nobody waits for it any more"
        assert violations() == []

    def test_a_page_whose_image_is_made_anew_leaves_the_trial(self, page: Page) -> None:
        trial = try_on(page)
        with transaction.atomic():
            stop_work(page)
        assert compare(trial).pages[0].state == TrialState.STOPPED


class TestWhatIsRefused:
    def refused(self, code: str, collection: Collection, pages: list[Page], *passes: ChosenPass) -> None:
        with pytest.raises(BadInput) as caught:
            start_trial(collection=collection, passes=passes or QUICK, pages=pages)
        assert caught.value.code == code
        assert not Run.objects.exclude(trial=None).exists()

    def test_more_pages_than_three_or_none(self, page: Page, media_root: Path) -> None:
        self.refused("bad-pages", page.collection, [])
        many = [prepared_page(media_root, collection=page.collection) for _ in range(MOST_PAGES + 1)]
        self.refused("bad-pages", page.collection, many)

    def test_pages_without_lines_or_of_others(self, page: Page) -> None:
        self.refused("no-lines", page.collection, [create_page(collection=page.collection)])
        self.refused("no-lines", create_collection(), [page])

    def test_passes_that_could_not_be_chosen(self, page: Page) -> None:
        self.refused("pass-twice", page.collection, [page], *QUICK, *QUICK)

    def test_while_the_collection_stands_still(self, page: Page) -> None:
        pause(page.collection)
        self.refused("not-active", page.collection, [page])

    def test_a_second_one_while_the_first_is_read(self, page: Page) -> None:
        try_on(page)
        with pytest.raises(BadInput) as caught:
            try_on(page)
        assert caught.value.code == "trial-under-way"
        work_until_nothing_is_due()
        try_on(page)
        assert Trial.objects.count() == 2


class TestComparison:
    def test_shows_both_texts_of_each_line_and_counts_errors_where_a_person_typed(self, page: Page) -> None:
        places = list(page.layout.places.order_by("position"))  # type: ignore[union-attr]
        save_line(line=places[1].line, text="the bold rector", base_revision=1, author=create_user())
        trial = try_on(page, ChosenPass(CLAHE, engine="slow"))
        assert compare(trial).pages[0].lines == []
        assert not compare(trial).has_ended
        work_until_nothing_is_due()
        found = compare(trial)
        assert found.has_ended
        assert (found.passes_done, found.passes, found.stages, found.changed) == (1, 1, [4], 4)
        line = found.lines[1]
        assert (line.present.text, line.tried.text, line.typed) == (
            "the old rector",
            "the bold rector",
            "the bold rector",
        )
        assert [(piece.kind, piece.text) for piece in line.pieces] == [
            ("same", "the"),
            ("removed", "old"),
            ("added", "bold"),
            ("same", "rector"),
        ]
        assert line.tried_rate == 0
        assert line.present_rate == pytest.approx(1 / 15)
        assert (found.counted, found.tried.error_rate) == (1, 0)
        assert found.present.error_rate == pytest.approx(1 / 15)
        assert found.lines[0].typed is None
        assert found.lines[0].present_rate is None
        assert found.present.confidence is not None
        assert found.present.confidence < (found.tried.confidence or 0)
        assert (found.present.unsure_share or 0) > (found.tried.unsure_share or 0)
        assert found.tried.cost is not None
        assert found.tried.cost.seconds > 0

    def test_counts_lines_by_stage(self, page: Page) -> None:
        trial = try_on(page)
        work_until_nothing_is_due()
        assert compare(trial).stages == [4, 2]

    def test_of_a_page_that_was_never_read_has_one_side(self, media_root: Path) -> None:
        page = prepared_page(media_root, lines=2)
        Work.objects.all().delete()
        trial = try_on(page)
        work_until_nothing_is_due()
        found = compare(trial)
        assert found.present.confidence is None
        assert [line.present.text for line in found.lines] == ["", ""]
        assert found.lines[0].tried.text

    def test_tells_what_was_paid(self, page: Page) -> None:
        trial = try_on(page)
        work_until_nothing_is_due()
        Charge.objects.create(
            endpoint="cloud",
            run_id=trial.runs.get().pk,
            reserved_in=1,
            reserved_out=1,
            tokens=150,
            money=42,
            created_at=timezone.now(),
        )
        cost = compare(trial).tried.cost
        assert cost is not None
        assert (cost.tokens, cost.money) == (150, 42)


class TestTheEnd:
    def test_discarding_leaves_no_trace_and_drops_what_is_read(self, page: Page) -> None:
        before = told(page)
        trial = try_on(page)
        claim = queue.claim(queue=Queue.ENGINE, worker="test", limit=9, engine_digests=held_engine_digests())
        assert claim is not None
        discard(trial)
        assert not Run.objects.exclude(trial=None).exists()
        assert not ProfileVersion.objects.filter(profile__name=trial_profile(page.collection)).exists()
        work_until_nothing_is_due()
        assert told(page) == before
        assert violations() == []

    def test_the_sweeper_forgets_old_ones(self, page: Page) -> None:
        old, kept = try_on(page, *QUICK), None
        work_until_nothing_is_due()
        kept = try_on(page, *QUICK)
        Trial.objects.filter(pk=old.pk).update(created_at=timezone.now() - KEPT - timedelta(hours=1))
        sweep_once()
        assert list(Trial.objects.all()) == [kept]
        assert kept.profile_version == ProfileVersion.objects.get(profile__name=trial_profile(page.collection))
        assert forget_trials() == 0
        work_until_nothing_is_due()
        assert compare(kept).pages[0].state == TrialState.DONE

    def test_a_purged_collection_takes_its_trials_along(self, page: Page) -> None:
        try_on(page)
        work_until_nothing_is_due()
        purge_collection(page.collection)
        assert not Trial.objects.exists()
        assert not ProfileVersion.objects.exists()


class TestTheUsualPages:
    def spread(self, collection: Collection, media_root: Path, *confidences: float) -> list[Page]:
        pages = []
        for confidence in confidences:
            page = prepared_page(media_root, collection=collection, lines=1)
            Page.objects.filter(pk=page.pk).update(confidence=confidence, state=PageState.IN_REVIEW)
            pages.append(page)
        return pages

    def test_are_a_doubtful_a_middling_and_a_sure_one(self, media_root: Path) -> None:
        collection = create_collection()
        pages = self.spread(collection, media_root, 0.9, 0.1, 0.2, 0.5, 0.55, 0.95)
        assert usual_pages(collection) == [pages[2], pages[4], pages[5]]

    def test_are_those_that_people_typed_on_where_there_are_enough(self, media_root: Path) -> None:
        collection = create_collection()
        pages = self.spread(collection, media_root, 0.9, 0.1, 0.2, 0.5)
        for page in pages[:3]:
            line = Line.objects.filter(page=page).get()
            save_line(line=line, text="typed", base_revision=0, author=create_user())
        assert usual_pages(collection) == [pages[1], pages[2], pages[0]]

    def test_are_all_that_have_lines_where_there_are_few(self, media_root: Path) -> None:
        collection = create_collection()
        create_page(collection=collection)
        pages = [prepared_page(media_root, collection=collection) for _ in range(2)]
        assert usual_pages(collection) == pages


def test_a_trial_reads_while_pages_wait(page: Page, media_root: Path) -> None:
    """One drain of each queue does a stage of the trial and of the others alike."""
    other = prepared_page(media_root, collection=page.collection)
    trial = try_on(page, *QUICK)
    drain(Queue.ENGINE)
    work_until_nothing_is_due()
    assert compare(trial).has_ended
    assert current_run(other).votes.count() == 3
    assert Work.objects.exclude(state=WorkState.DONE).count() == 0
