from __future__ import annotations

import threading

import pytest
from django.db import connection

from tests.factories import create_layout, create_page, create_revision, create_run, create_user, create_vote
from transcription.models import Line, Page, Source
from transcription.models.transcript import PRECEDENCE
from transcription.steps.correct import LineGone, RevisionConflict, save_line
from transcription.steps.revise import outranked_by


def a_line() -> Line:
    page = create_page()
    layout = create_layout(page=page, lines=1)
    line = layout.places.get().line
    create_vote(run=create_run(page=page), line=line)
    return line


@pytest.mark.django_db
class TestSaving:
    def test_a_save_appends_a_revision_of_the_person(self) -> None:
        line, author = a_line(), create_user()
        saved = save_line(line=line, text="the  Rector ", base_revision=1, author=author)
        assert (saved.number, saved.text, saved.source, saved.author) == (2, "the Rector", Source.PERSON, author)
        line.refresh_from_db()
        assert line.current == saved
        assert line.revisions.count() == 2

    def test_the_same_save_sent_again_is_the_same_revision(self) -> None:
        line, author = a_line(), create_user()
        first = save_line(line=line, text="the Rector", base_revision=1, author=author)
        assert save_line(line=line, text="the Rector", base_revision=1, author=author) == first
        assert save_line(line=line, text="the Rector", base_revision=2, author=author) == first

    def test_a_save_over_anothers_change_is_refused_with_both_texts_kept(self) -> None:
        line, anna = a_line(), create_user(username="anna")
        save_line(line=line, text="the Rector", base_revision=1, author=anna)
        with pytest.raises(RevisionConflict, match="anna") as refused:
            save_line(line=line, text="the Pastor", base_revision=1, author=create_user())
        assert refused.value.current is not None
        assert refused.value.current.text == "the Rector"
        assert line.revisions.count() == 2

    def test_the_same_text_by_another_person_is_a_conflict_not_a_repetition(self) -> None:
        line = a_line()
        save_line(line=line, text="the Rector", base_revision=1, author=create_user())
        with pytest.raises(RevisionConflict):
            save_line(line=line, text="the Rector", base_revision=1, author=create_user())

    def test_a_line_that_left_the_page_takes_no_text(self) -> None:
        line, author = a_line(), create_user()
        create_layout(page=line.page, lines=1)
        with pytest.raises(LineGone, match="no longer among them"):
            save_line(line=line, text="the Rector", base_revision=1, author=author)
        assert line.revisions.count() == 1

    def test_a_machine_that_read_meanwhile_is_named(self) -> None:
        line = a_line()
        create_revision(line=line, text="read again", source=Source.VOTE)
        with pytest.raises(RevisionConflict, match="the machine"):
            save_line(line=line, text="mine", base_revision=1, author=create_user())


@pytest.mark.django_db
@pytest.mark.parametrize("current", PRECEDENCE)
@pytest.mark.parametrize("source", PRECEDENCE)
def test_person_outranks_import_outranks_bulk_fix_outranks_vote(source: Source, current: Source) -> None:
    line = create_layout(page=create_page(), lines=1).places.get().line
    revision = create_revision(line=line, text="text", source=current)
    assert outranked_by(source, revision) == (PRECEDENCE.index(current) > PRECEDENCE.index(source))


@pytest.mark.django_db(transaction=True)
def test_two_people_saving_at_once_leave_numbers_without_gaps_and_no_text_overwritten_unseen() -> None:
    line = a_line()
    authors = [create_user(), create_user()]
    together = threading.Barrier(2)
    conflicts: list[RevisionConflict] = []

    def write(number: int) -> None:
        try:
            together.wait()
            for turn in range(10):
                base = Line.objects.select_related("current").get(pk=line.pk).current
                assert base is not None
                try:
                    save_line(line=line, text=f"{number}-{turn}", base_revision=base.number, author=authors[number])
                except RevisionConflict as conflict:
                    conflicts.append(conflict)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = list(line.revisions.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) == 1 + 20 - len(conflicts)
    assert Page.objects.count() == 1
