from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from review.approvals import send_back
from tests.factories import create_user
from tests.steps.journey import TEXTS, claim_step, current_run, perform, prepared_page, work_until_nothing_is_due
from transcription.errors import EngineFailure, LostLease
from transcription.htr.transcript_alignment import words_of
from transcription.models import (
    Alignment,
    ImportedTranscript,
    Line,
    Page,
    PageState,
    RouteDecision,
    Source,
    Step,
    TranscriptRevision,
    Work,
    WorkState,
)
from transcription.steps import align as align_module
from transcription.steps import flow, queue
from transcription.steps.control import rerun, retry
from transcription.steps.correct import save_line
from transcription.steps.import_transcripts import import_transcripts
from transcription.steps.invariants import violations
from transcription.steps.placement import unplaced
from transcription.steps.purge import purge_collection
from transcription.steps.withdraw import withdraw_transcript

pytestmark = pytest.mark.django_db
TRANSCRIPT = "\n".join(TEXTS)


def bring(page: Page, text: str = TRANSCRIPT, *, name: str = "p.txt") -> ImportedTranscript:
    report = import_transcripts(collection=page.collection, files=[(name, text.encode())], importer=create_user())
    assert report.refused == []
    return report.imported[0].transcript


def texts(page: Page) -> list[tuple[str, str]]:
    page.refresh_from_db()
    assert page.layout is not None
    lines = [place.line for place in page.layout.places.select_related("line__current").order_by("position")]
    return [(line.current.text, line.current.source) if line.current else ("", "") for line in lines]


def work_until(step: Step) -> tuple[Work, uuid.UUID]:
    """Do what is due until ``step`` is; claim that."""
    while not Work.objects.filter(step=step, state=WorkState.QUEUED).exists():
        row = Work.objects.filter(state=WorkState.QUEUED).earliest("pk")
        perform(*claim_step(Step(row.step)))
    return claim_step(step)


class TestJourney:
    def test_a_page_takes_the_text_that_was_brought_for_it(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        transcript = bring(page)
        work_until_nothing_is_due()
        assert texts(page) == [(text, Source.IMPORT) for text in TEXTS]
        assert page.state == PageState.ACCEPTED
        assert page.confidence is not None
        assert page.confidence > 0.9, "a line counts as surely as its text was placed"
        alignment = Alignment.objects.get()
        assert (alignment.transcript, alignment.unplaced) == (transcript, [])
        assert TranscriptRevision.objects.filter(source=Source.IMPORT).first().author == transcript.importer  # type: ignore[union-attr]
        assert violations() == []

    def test_a_page_read_before_takes_it_without_being_read_again(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        work_until_nothing_is_due()
        before = Work.objects.filter(step=Step.RECOGNIZE).count()
        bring(page)
        work_until_nothing_is_due()
        assert texts(page) == [(text, Source.IMPORT) for text in TEXTS]
        assert Work.objects.filter(step=Step.RECOGNIZE).count() == before
        assert RouteDecision.objects.count() == 1
        assert violations() == []

    def test_what_finds_no_place_is_kept_and_sends_the_page_to_review(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        bring(page, f"{TRANSCRIPT}\nWitness my hand this fourth day")
        work_until_nothing_is_due()
        assert texts(page) == [(text, Source.IMPORT) for text in TEXTS]
        assert Alignment.objects.get().unplaced == [{"text": "Witness my hand this fourth day", "line": None, "row": 3}]
        assert page.state == PageState.IN_REVIEW
        assert "transcript-unplaced" in RouteDecision.objects.get().reasons

    def test_the_text_of_another_page_changes_nothing(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        bring(page, "I wish that you would have them\nsent with my other things. I must\ncut this letter short")
        work_until_nothing_is_due()
        assert {source for _, source in texts(page)} == {Source.VOTE}
        assert page.state == PageState.IN_REVIEW
        left = " ".join(entry["text"] for entry in Alignment.objects.get().unplaced)
        brought = "I wish that you would have them sent with my other things. I must cut this letter short"
        assert sorted(left.split()) == sorted(brought.split())

    def test_an_engine_that_scores_no_texts_places_by_what_it_read(
        self, media_root: Path, scribe: Callable[..., None]
    ) -> None:
        scribe(text="Mary daughter of John Cartwr")
        page = prepared_page(media_root, lines=1)
        bring(page, "Mary daughter of John Cartwr")
        work_until_nothing_is_due()
        assert texts(page) == [("Mary daughter of John Cartwr", Source.IMPORT)]

    def test_a_page_without_lines_keeps_the_whole_text_to_show(self, media_root: Path) -> None:
        page = prepared_page(media_root, lines=0)
        bring(page)
        work_until_nothing_is_due()
        assert [entry["text"] for entry in Alignment.objects.get().unplaced] == list(TEXTS)
        assert page.state != PageState.ACCEPTED


class TestPrecedence:
    def test_a_persons_text_wins_and_its_words_count_as_placed(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        work_until_nothing_is_due()
        line = Line.objects.filter(page=page).select_related("current").earliest("pk")
        assert line.current is not None
        save_line(line=line, text="Baptisms!", base_revision=line.current.number, author=create_user())
        bring(page)
        work_until_nothing_is_due()
        assert texts(page)[0] == ("Baptisms!", Source.PERSON)
        assert texts(page)[1:] == [(text, Source.IMPORT) for text in TEXTS[1:]]
        assert Alignment.objects.get().unplaced == []

    def test_words_without_a_place_count_as_placed_once_a_person_has_typed_them(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        bring(page, f"{TRANSCRIPT}\nWitness my hand this fourth day")
        work_until_nothing_is_due()
        line = Line.objects.filter(page=page).select_related("current").latest("pk")
        assert line.current is not None
        typed = save_line(
            line=line, text="Witness my hand this 4th day", base_revision=line.current.number, author=create_user()
        )
        left = Alignment.objects.get().unplaced
        assert left == [{"text": TEXTS[2], "line": None, "row": 2}], "what stood there before has no place now"
        rerun(page.collection)
        work_until_nothing_is_due()
        assert Alignment.objects.latest("pk").unplaced == left
        assert texts(page)[2] == (typed.text, Source.PERSON)
        line.refresh_from_db()
        save_line(line=line, text=TEXTS[2], base_revision=typed.number, author=create_user())
        assert [piece["row"] for piece in Alignment.objects.latest("pk").unplaced] == [3]

    def test_a_correction_stays_when_the_page_is_read_again(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        bring(page)
        work_until_nothing_is_due()
        line = Line.objects.filter(page=page).select_related("current").earliest("pk")
        assert line.current is not None
        save_line(line=line, text="corrected", base_revision=line.current.number, author=create_user())
        count = TranscriptRevision.objects.count()
        rerun(page.collection)
        work_until_nothing_is_due()
        assert texts(page)[0] == ("corrected", Source.PERSON)
        assert TranscriptRevision.objects.count() == count, "what stands is not written again"
        assert [alignment.unplaced for alignment in Alignment.objects.all()] == [[], []]
        assert violations() == []

    def test_an_approved_page_is_left_as_it_was_approved(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        work_until_nothing_is_due()
        before = texts(page)
        Page.objects.filter(pk=page.pk).update(state=PageState.REVIEWED, approved_at="2026-01-01T00:00Z")
        bring(page)
        work_until_nothing_is_due()
        assert texts(page) == before
        assert page.state == PageState.REVIEWED
        send_back(page=page)
        assert texts(page) == [(text, Source.IMPORT) for text in TEXTS], "taken into review again, it takes the text"
        assert page.state == PageState.IN_REVIEW

    def test_a_page_in_review_on_which_somebody_writes_stays_there(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        work_until_nothing_is_due()
        Page.objects.filter(pk=page.pk).update(state=PageState.IN_REVIEW)
        line = Line.objects.filter(page=page).select_related("current").earliest("pk")
        assert line.current is not None
        save_line(line=line, text="begun", base_revision=line.current.number, author=create_user())
        bring(page)
        work_until_nothing_is_due()
        page.refresh_from_db()
        assert page.state == PageState.IN_REVIEW

    def test_a_later_transcript_takes_the_place_of_an_earlier_one(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        bring(page)
        work_until_nothing_is_due()
        bring(page, TRANSCRIPT.replace("Mary daughter", "Marie daughter"))
        work_until_nothing_is_due()
        assert texts(page)[1] == (TEXTS[1].replace("Mary", "Marie"), Source.IMPORT)
        assert ImportedTranscript.objects.count() == 2, "the earlier one is kept"


class TestWithdrawing:
    def test_the_one_before_is_placed_again(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        first = bring(page)
        work_until_nothing_is_due()
        second = bring(page, TRANSCRIPT.replace("Mary daughter", "Marie daughter"))
        work_until_nothing_is_due()
        assert withdraw_transcript(second, by=create_user()) == first
        assert Page.objects.get().confidence is not None
        assert texts(page)[1][1] == Source.VOTE
        work_until_nothing_is_due()
        assert texts(page) == [(text, Source.IMPORT) for text in TEXTS]
        assert ImportedTranscript.objects.count() == 2, "the bytes are kept"
        assert violations() == []

    def test_without_one_before_lines_take_the_votes_text_and_a_persons_stands(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        transcript = bring(page, f"{TRANSCRIPT}\nWitness my hand this fourth day")
        work_until_nothing_is_due()
        line = Line.objects.filter(page=page).select_related("current").earliest("pk")
        assert line.current is not None
        save_line(line=line, text="typed", base_revision=line.current.number, author=create_user())
        assert withdraw_transcript(transcript, by=create_user()) is None
        assert texts(page)[0] == ("typed", Source.PERSON)
        assert {source for _, source in texts(page)[1:]} == {Source.VOTE}
        assert TranscriptRevision.objects.filter(source=Source.VOTE, vote=None).count() == 0
        count = TranscriptRevision.objects.count()
        assert withdraw_transcript(transcript, by=create_user()) is None
        assert TranscriptRevision.objects.count() == count, "done twice, it changes nothing"
        rerun(page.collection)
        work_until_nothing_is_due()
        assert {source for _, source in texts(page)[1:]} == {Source.VOTE}
        assert "transcript-unplaced" not in RouteDecision.objects.latest("pk").reasons
        assert violations() == []

    def test_while_it_is_being_placed_nothing_of_it_is_written(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        transcript = bring(page)
        work, token = work_until(Step.ALIGN)
        withdraw_transcript(transcript, by=create_user())
        perform(work, token)
        work_until_nothing_is_due()
        assert {source for _, source in texts(page)} == {Source.VOTE}
        assert page.state in (PageState.ACCEPTED, PageState.IN_REVIEW)
        assert violations() == []

    def test_an_approved_page_stays_as_it_was_approved(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        transcript = bring(page)
        work_until_nothing_is_due()
        Page.objects.filter(pk=page.pk).update(state=PageState.REVIEWED, approved_at="2026-01-01T00:00Z")
        before = texts(page)
        withdraw_transcript(transcript, by=create_user())
        work_until_nothing_is_due()
        assert texts(page) == before

    def test_it_is_said_once_and_for_good(self, media_root: Path) -> None:
        transcript = bring(prepared_page(media_root))
        withdraw_transcript(transcript, by=create_user())
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            ImportedTranscript.objects.update(withdrawn_at=None)


class TestFaults:
    def test_text_that_was_placed_does_not_keep_a_collection_from_being_deleted(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        withdraw_transcript(bring(page), by=create_user())
        bring(page)
        work_until_nothing_is_due()
        purge_collection(page.collection)
        assert not TranscriptRevision.objects.exists()

    def test_the_same_work_done_twice_changes_nothing(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        bring(page)
        work, token = work_until(Step.ALIGN)
        perform(work, token)
        revisions = TranscriptRevision.objects.count()
        with pytest.raises(LostLease):
            perform(work, token)
        Work.objects.filter(pk=work.pk).update(state=WorkState.QUEUED)
        perform(*claim_step(Step.ALIGN))
        assert TranscriptRevision.objects.count() == revisions
        assert Alignment.objects.count() == 1

    def test_a_worker_killed_while_it_writes_leaves_nothing_half_done(
        self, media_root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = prepared_page(media_root)
        bring(page)
        work, token = work_until(Step.ALIGN)
        before = texts(page)

        class Killed(BaseException):
            """What no code of ours catches, as no code runs after kill -9."""

        def killed(*_: object, **__: object) -> None:
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(align_module, "_go_on", killed)
            with pytest.raises(Killed):
                perform(work, token)
        assert texts(page) == before
        assert not Alignment.objects.exists()
        queue.release(token=token)  # what the sweeper does when the lease is over
        work_until_nothing_is_due()
        assert texts(page) == [(text, Source.IMPORT) for text in TEXTS]
        assert violations() == []

    def test_a_new_run_leaves_the_old_ones_result_unwritten(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        bring(page)
        work, token = work_until(Step.ALIGN)
        rerun(page.collection)
        with pytest.raises(LostLease):
            perform(work, token)
        work_until_nothing_is_due()
        assert texts(page) == [(text, Source.IMPORT) for text in TEXTS]
        assert Alignment.objects.get().run == current_run(page)

    def test_a_page_whose_transcript_was_given_up_goes_on_without_it(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        bring(page)
        work, token = work_until(Step.ALIGN)
        queue.fail(work, token, EngineFailure("no."), then=flow.after_failure)
        work_until_nothing_is_due()
        page.refresh_from_db()
        assert page.state in (PageState.ACCEPTED, PageState.IN_REVIEW)
        assert retry(page.failures.open()) == 1
        work_until_nothing_is_due()
        assert texts(page) == [(text, Source.IMPORT) for text in TEXTS]
        assert violations() == []

    def test_a_deleted_collection_takes_its_transcripts_along(self, media_root: Path) -> None:
        page = prepared_page(media_root)
        bring(page)
        work, token = work_until(Step.ALIGN)
        purge_collection(page.collection)
        assert not ImportedTranscript.objects.exists()
        with pytest.raises(LostLease):
            perform(work, token)

    def test_what_was_brought_cannot_be_changed_or_deleted(self, media_root: Path) -> None:
        transcript = bring(prepared_page(media_root))
        for statement in (
            "UPDATE transcription_importedtranscript SET data = ''",
            "DELETE FROM transcription_importedtranscript",
        ):
            with (
                pytest.raises(IntegrityError, match="append-only"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement)
        transcript.refresh_from_db()
        assert bytes(transcript.data) == TRANSCRIPT.encode()


def test_unplaced_words_are_told_in_their_order_with_the_line_they_may_belong_to() -> None:
    words = words_of(["one two three", "four five", "six seven"])
    entries = [
        {"line": 7, "first": 0, "end": 2, "text": "one two", "accepted": True},
        {"line": 8, "first": 3, "end": 5, "text": "four five", "accepted": False},
    ]
    assert unplaced(words, entries) == [
        {"text": "three", "line": None, "row": 0},
        {"text": "four five", "line": 8, "row": 1},
        {"text": "six seven", "line": None, "row": 2},
    ]
