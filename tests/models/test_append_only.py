from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import Error as DatabaseError
from django.db import IntegrityError, transaction

from tests.factories import create_layout, create_page, create_revision, create_run, create_user, create_vote
from transcription.models import Reading, Run, Source, TranscriptRevision

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> Run:
    page = create_page()
    layout = create_layout(page=page, lines=1)
    made = create_run(page=page)
    line = layout.places.get().line
    create_vote(run=made, line=line)
    create_revision(line=line, text="the Rector", author=create_user(username="anna"))
    version = made.profile_version.passes.all()[0]
    Reading.objects.create(run=made, line=line, pass_version=version, text="a", chars=[900])
    return made


def test_the_database_refuses_to_change_or_delete_a_reading(run: Run) -> None:
    for act in (lambda: Reading.objects.update(text="b"), lambda: Reading.objects.all().delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            act()
    assert Reading.objects.get().text == "a"


@pytest.mark.parametrize("change", [{"text": "b"}, {"number": 9}, {"source": Source.VOTE}])
def test_the_database_refuses_to_change_a_revision(run: Run, change: dict[str, object]) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        TranscriptRevision.objects.filter(number=1).update(**change)


def test_the_database_refuses_to_delete_a_revision(run: Run) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        TranscriptRevision.objects.filter(number=2).delete()


def test_a_page_with_texts_cannot_be_deleted_in_passing(run: Run) -> None:
    with pytest.raises((DatabaseError, IntegrityError)), transaction.atomic():
        run.page.delete()


def test_a_person_who_leaves_is_forgotten_and_what_was_written_stays(run: Run) -> None:
    User.objects.get(username="anna").delete()
    revision = TranscriptRevision.objects.get(number=2)
    assert (revision.text, revision.author) == ("the Rector", None)


def test_a_voted_text_cannot_pass_for_a_persons(run: Run) -> None:
    line = run.votes.get().line
    with pytest.raises(IntegrityError), transaction.atomic():
        create_revision(line=line, text="voted", source=Source.PERSON, vote=run.votes.get())
