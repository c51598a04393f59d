from __future__ import annotations

import threading
import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from review.claims import claim_page
from review.corrections import correct_line
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
from tests.review.written_page import create_reviewer
from transcription.errors import BadInput, LostLease
from transcription.htr.replacing import Pattern
from transcription.htr.text import clean
from transcription.models import (
    Collection,
    Line,
    Page,
    PageState,
    Queue,
    ReplacedLine,
    Replacement,
    Role,
    Source,
    TranscriptRevision,
    Work,
    WorkState,
)
from transcription.steps import replace as replace_module
from transcription.steps import sweep
from transcription.steps.correct import RevisionConflict
from transcription.steps.drain import drain
from transcription.steps.find_places import Standing, census, found_lines, present_revision
from transcription.steps.invariants import INVARIANTS
from transcription.steps.replace import NothingToUndo, replace, request_replacement, request_undo

pytestmark = pytest.mark.django_db

LONG_S = Pattern("ſ", "f")
OURS = [name for name in INVARIANTS if "replace" in name or "revision" in name or "vote never" in name]


def written(collection: Collection, *texts: str, state: PageState = PageState.IN_REVIEW) -> Page:
    """A page on which the machine read ``texts``."""
    page = create_page(collection=collection, state=state)
    layout = create_layout(page=page, lines=len(texts))
    run = create_run(page=page)
    for place, text in zip(layout.places.order_by("position"), texts, strict=True):
        create_vote(run=run, line=place.line, words=[word(each) for each in text.split()])
    return page


def texts_of(collection: Collection) -> list[str]:
    lines = Line.objects.filter(page__collection=collection).order_by("pk")
    return [line.current.text if line.current else "" for line in lines.select_related("current")]


def origins_of(collection: Collection) -> list[object]:
    lines = Line.objects.filter(page__collection=collection, current__isnull=False).order_by("pk")
    return list(lines.values_list("current__text", "current__source", "current__author", "current__vote"))


def asked(
    collection: Collection,
    pattern: Pattern = LONG_S,
    *,
    typed: bool = False,
    as_of: int | None = None,
    left_out: dict[int, list[int]] | None = None,
    author: User | None = None,
) -> Replacement:
    return request_replacement(
        collection=collection,
        pattern=pattern,
        typed=typed,
        as_of=present_revision() if as_of is None else as_of,
        left_out=left_out or {},
        author=author or create_user(),
    )


def made(collection: Collection, pattern: Pattern = LONG_S, **how: object) -> Replacement:
    replacement = asked(collection, pattern, **how)  # type: ignore[arg-type]
    drain(Queue.CPU)
    replacement.refresh_from_db()
    assert replacement.state == Replacement.State.DONE
    return replacement


def undone(replacement: Replacement) -> Replacement:
    request_undo(replacement, by=create_user())
    drain(Queue.CPU)
    replacement.refresh_from_db()
    assert replacement.state == Replacement.State.UNDONE
    return replacement


def broken() -> list[str]:
    found = []
    with connection.cursor() as cursor:
        for name in OURS:
            cursor.execute(INVARIANTS[name])
            found += [name] if cursor.fetchall() else []
    return found


def test_machine_texts_of_pages_nobody_approved_change_and_are_a_bulk_fix() -> None:
    collection = create_collection()
    written(collection, "the ſirſt", "of May")
    written(collection, "ſo", state=PageState.ACCEPTED)
    lead = create_user()
    replacement = made(collection, author=lead)
    assert texts_of(collection) == ["the firft", "of May", "fo"]
    assert (replacement.places, replacement.lines, replacement.pages) == (3, 2, 2)
    assert (replacement.planned_places, replacement.planned_lines, replacement.planned_pages) == (3, 2, 2)
    revision = ReplacedLine.objects.select_related("after").earliest("pk").after
    assert (revision.source, revision.author, revision.vote) == (Source.BULK, lead, None)
    assert broken() == []


def test_what_people_wrote_approved_or_have_open_and_what_is_being_read_is_left_and_counted() -> None:
    collection = create_collection()
    typed, approved, held = (written(collection, "ſo") for _ in range(3))
    written(collection, "ſo", state=PageState.VOTED)
    create_revision(line=typed.lines.get(), text="ſaid ſo")
    Page.objects.filter(pk=approved.pk).update(state=PageState.REVIEWED, approved_at=timezone.now())
    claim_page(page=held, reviewer=create_reviewer(collection))
    found = census(collection_id=collection.pk, pattern=LONG_S, typed=False, as_of=present_revision())
    assert {standing: count.places for standing, count in found.counts.items()} == {
        Standing.TYPED: 2,
        Standing.APPROVED: 1,
        Standing.HELD: 1,
        Standing.UNFINISHED: 1,
    }
    with pytest.raises(BadInput, match="Nothing is left"):
        asked(collection)
    free = written(collection, "ſo")
    replacement = made(collection)
    assert replacement.held == [held.pk]
    assert [each.line.page for each in replacement.changed.all()] == [free]


def test_typed_text_changes_only_where_it_is_asked_for_and_is_then_the_askers() -> None:
    collection = create_collection()
    page = written(collection, "ſo", "ſo")
    reviewer, lead = create_user(), create_user()
    create_revision(line=page.lines.earliest("pk"), text="ſaid", author=reviewer)
    replacement = made(collection, typed=True, author=lead)
    assert origins_of(collection) == [("faid", "person", lead.pk, None), ("fo", "bulk", lead.pk, None)]
    undone(replacement)
    assert [row[:3] for row in origins_of(collection)] == [  # type: ignore[index]
        ("ſaid", "person", reviewer.pk),
        ("ſo", "vote", None),
    ]
    assert broken() == []


def test_places_that_were_ticked_off_stay() -> None:
    collection = create_collection()
    page = written(collection, "ſo ſo ſo", "ſo")
    first, second = page.lines.order_by("pk")
    replacement = made(collection, left_out={first.pk: [1], second.pk: [0]})
    assert texts_of(collection) == ["fo ſo fo", "ſo"]
    assert (replacement.planned_places, replacement.places, replacement.lines) == (2, 2, 1)


def test_a_line_that_changed_since_the_preview_is_left() -> None:
    collection = create_collection()
    page = written(collection, "ſo", "ſo")
    seen = present_revision()
    replacement = asked(collection, as_of=seen)
    create_revision(line=page.lines.earliest("pk"), text="ſo it is", source=Source.VOTE)
    drain(Queue.CPU)
    replacement.refresh_from_db()
    assert texts_of(collection) == ["ſo it is", "fo"]
    assert (replacement.planned_lines, replacement.lines) == (2, 1)


def test_undo_gives_back_texts_with_their_origin_and_leaves_what_was_edited_since() -> None:
    collection = create_collection()
    page = written(collection, "ſo", "ſaid", "ſix")
    before = origins_of(collection)
    replacement = made(collection)
    edited = page.lines.order_by("pk")[1]
    create_revision(line=edited, text="fayd", author=create_user())
    undone(replacement)
    after = origins_of(collection)
    assert (after[0], after[2]) == (before[0], before[2])
    assert texts_of(collection) == ["ſo", "fayd", "ſix"]
    assert replacement.restored == 2
    assert [each.line for each in replacement.changed.filter(restored=None)] == [edited]
    assert broken() == []
    with pytest.raises(NothingToUndo):
        request_undo(replacement, by=create_user())


def test_what_was_open_when_it_was_undone_can_be_undone_later() -> None:
    collection = create_collection()
    page = written(collection, "ſo")
    replacement = made(collection)
    hold = claim_page(page=page, reviewer=create_reviewer(collection))
    undone(replacement)
    assert (replacement.held, texts_of(collection)) == ([page.pk], ["fo"])
    hold.delete()
    undone(replacement)
    assert (replacement.held, texts_of(collection)) == ([], ["ſo"])
    assert broken() == []


def test_pages_approved_since_keep_what_their_reader_saw() -> None:
    collection = create_collection()
    page = written(collection, "ſo")
    replacement = made(collection)
    Page.objects.filter(pk=page.pk).update(state=PageState.REVIEWED, approved_at=timezone.now())
    with pytest.raises(NothingToUndo, match="nothing was taken back"):
        request_undo(replacement, by=create_user())


def test_a_reviewer_who_started_from_the_text_before_gets_both_texts_and_nothing_is_lost() -> None:
    collection = create_collection()
    line = written(collection, "ſo").lines.get()
    reviewer = create_reviewer(collection)
    made(collection)
    with pytest.raises(RevisionConflict) as conflict:
        correct_line(line=line, text="So", base_revision=1, decisions=[], reviewer=reviewer)
    assert conflict.value.current is not None
    assert conflict.value.current.text == "fo"
    assert texts_of(collection) == ["fo"]


def test_a_later_reading_does_not_undo_it_unnoticed() -> None:
    collection = create_collection()
    page = written(collection, "ſo")
    made(collection)
    from transcription.steps.vote import _transcribe

    run = create_run(page=page)
    vote = run.votes.create(line=page.lines.get(), text="ſo", words=[word("ſo")], confidence=0.9)
    _transcribe(page, [vote])
    assert texts_of(collection) == ["fo"]


def test_the_work_goes_on_turn_after_turn_and_counts_no_line_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replace_module, "TURN_SECONDS", -1.0)
    collection = create_collection()
    for _ in range(4):
        written(collection, "ſo ſo", "ſo")
    replacement = made(collection)
    assert (replacement.places, replacement.lines, replacement.pages) == (12, 8, 4)
    assert Work.objects.get(replacement=replacement).state == WorkState.DONE
    undone(replacement)
    assert replacement.restored == 8
    assert broken() == []


def test_a_worker_that_was_killed_in_the_middle_is_followed_by_one_that_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    collection = create_collection()
    for _ in range(3):
        written(collection, "ſo")
    replacement = asked(collection)
    claimed = _claim_inside_the_test()

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        replace(*claimed, die)  # the first page is written, then the process is gone
    replacement.refresh_from_db()
    assert (replacement.lines, replacement.state) == (1, Replacement.State.APPLYING)
    Work.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sweep.sweep_once().freed == 1
    Work.objects.update(not_before=None)
    drain(Queue.CPU)
    replacement.refresh_from_db()
    assert (replacement.lines, replacement.pages, replacement.state) == (3, 3, Replacement.State.DONE)
    with pytest.raises(LostLease):
        replace(*claimed)  # the one believed dead comes back and changes nothing
    assert texts_of(collection) == ["fo"] * 3
    assert TranscriptRevision.objects.filter(source=Source.BULK).count() == 3
    assert broken() == []


def _claim_inside_the_test() -> tuple[Work, uuid.UUID]:
    """As a worker claims; a claim proper commits, which a test inside a transaction cannot."""
    token = uuid.uuid4()
    Work.objects.update(state=WorkState.RUNNING, token=token, lease_until=timezone.now() + timedelta(minutes=1))
    return Work.objects.get(), token


def test_a_preview_goes_on_behind_a_key_in_the_order_of_pages_and_lines() -> None:
    collection = create_collection()
    for _ in range(3):
        written(collection, "ſo", "no", "ſaid")
    how = {"collection_id": collection.pk, "pattern": LONG_S, "typed": False, "as_of": present_revision()}
    first, more = found_lines(**how, after=None, size=4)  # type: ignore[arg-type]
    rest, end = found_lines(**how, after=first[-1].key, size=4)  # type: ignore[arg-type]
    assert (len(first), more, len(rest), end) == (4, True, 2, False)
    keys = [each.key for each in first + rest]
    assert keys == sorted(keys)
    assert len({each.line for each in first + rest}) == 6


def test_nobody_else_sees_a_collections_replacements() -> None:
    collection = create_collection()
    written(collection, "ſo")
    made(collection)
    assert not Replacement.objects.visible_to(create_reviewer(collection), Role.LEAD).exists()


LETTERS = "aſsf n̄.é"
texts_as_stored = st.text(alphabet=LETTERS, min_size=1, max_size=8).map(clean).filter(bool)
lines_of_text = st.lists(texts_as_stored, min_size=1, max_size=4)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines_of_text,
    st.text(alphabet=LETTERS, min_size=1, max_size=2),
    st.text(alphabet=LETTERS, max_size=2),
    st.booleans(),
    st.booleans(),
)
def test_what_is_made_and_undone_leaves_exactly_the_texts_before(
    texts: list[str], find: str, put: str, whole_words: bool, typed: bool
) -> None:
    collection = create_collection()
    page = written(collection, *texts)
    create_revision(line=page.lines.latest("pk"), text=texts[0], author=create_user())
    before = origins_of(collection)
    try:
        replacement = made(collection, Pattern(find, put, whole_words), typed=typed)
    except BadInput:
        assert origins_of(collection) == before
        return
    assert origins_of(collection) != before
    undone(replacement)
    assert origins_of(collection) == before
    assert broken() == []


@pytest.mark.django_db(transaction=True)
def test_a_reviewer_saving_the_same_line_at_the_same_moment_loses_nothing() -> None:
    collection = create_collection()
    line = written(collection, "ſo").lines.get()
    reviewer = create_reviewer(collection)
    replacement = asked(collection)
    outcome: list[str] = []
    ready = threading.Barrier(2)

    def save() -> None:
        ready.wait(10)
        try:
            correct_line(line=line, text="So be it", base_revision=1, decisions=[], reviewer=reviewer)
            outcome.append("saved")
        except RevisionConflict:
            outcome.append("told")
        finally:
            connection.close()

    saving = threading.Thread(target=save)
    saving.start()
    ready.wait(10)
    drain(Queue.CPU)
    saving.join(20)
    replacement.refresh_from_db()
    expected = (["So be it"], 0) if outcome == ["saved"] else (["fo"], 1)
    assert (texts_of(collection), replacement.lines) == expected
    assert broken() == []
