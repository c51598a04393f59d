"""The whole road of a page: every step writes its result once, however often it is run."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.factories import create_collection
from tests.steps.journey import (
    TEXTS,
    claim_step,
    current_run,
    draw_page,
    open_work,
    perform,
    prepared_page,
    receive,
    receive_page,
    work_until_nothing_is_due,
)
from transcription.engines.registry import WEIGHTS
from transcription.errors import LostLease
from transcription.htr.metrics import cer
from transcription.models import (
    Audit,
    AuditLine,
    Export,
    Failure,
    Layout,
    Line,
    Page,
    PageState,
    Reading,
    RouteDecision,
    Run,
    Source,
    Step,
    TranscriptRevision,
    Vote,
    Work,
    WorkState,
)
from transcription.steps import control
from transcription.steps.export import request_export
from transcription.steps.import_transcripts import import_transcripts
from transcription.steps.invariants import violations
from transcription.steps.recognize import recognize

pytestmark = pytest.mark.django_db

COUNTED = [
    Page,
    Audit,
    AuditLine,
    Layout,
    Line,
    Run,
    Work,
    Reading,
    Vote,
    TranscriptRevision,
    RouteDecision,
    Failure,
    Export,
]
ROAD = [Step.UNPACK, Step.PREPARE, Step.SEGMENT, Step.RECOGNIZE, Step.VOTE, Step.SCORE, Step.ROUTE]


def counts() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in COUNTED}  # type: ignore[attr-defined]


def perform_or_lose(work: Work, token: uuid.UUID) -> None:
    """Recognize logs a lost lease and goes on with the batch; the other steps raise it."""
    if work.step == Step.RECOGNIZE:
        recognize([work], token, lambda: None)
    else:
        with pytest.raises(LostLease):
            perform(work, token)


def perform_and_crash(work: Work, token: uuid.UUID) -> None:
    """All is written, nothing committed."""
    with transaction.atomic():
        perform(work, token)
        raise KeyboardInterrupt


def test_every_step_run_twice_gives_one_result(tmp_path: Path, scribe: Callable[..., None]) -> None:
    page_of = receive_page(tmp_path)
    for step in ROAD:
        while Work.objects.filter(step=step, state=WorkState.QUEUED).exists():
            work, token = claim_step(step)
            before = counts()
            perform_or_lose(work, uuid.uuid4())  # a worker that lost its lease comes back
            assert counts() == before, f"{step} wrote under a token that is not its row's"
            perform(work, token)
            once = counts()
            perform_or_lose(work, token)  # and the same worker does it again
            assert counts() == once, f"{step} wrote twice"
    page = Page.objects.get(original=page_of)
    assert page.state in {PageState.ACCEPTED, PageState.IN_REVIEW}
    assert violations() == []


def test_an_export_run_twice_gives_one_file(tmp_path: Path, media_root: Path, scribe: Callable[..., None]) -> None:
    page = prepared_page(media_root)
    work_until_nothing_is_due()
    request_export(collection=page.collection, format="txt", scope=Export.Scope.ALL, requester=None)
    work, token = claim_step(Step.EXPORT)
    with pytest.raises(LostLease):
        perform(work, uuid.uuid4())
    assert Export.objects.get().state == Export.State.QUEUED
    perform(work, token)
    with pytest.raises(LostLease):
        perform(work, token)
    assert Export.objects.get().state == Export.State.DONE
    assert len(list((media_root / "exports").iterdir())) == 1


@pytest.mark.skipif(not (WEIGHTS / "starter.safetensors").exists(), reason="the starter's weights are not here")
def test_a_drawn_page_is_found_read_voted_scored_and_routed_by_what_ships(tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    draw_page().save(path)
    original = receive(path, collection=create_collection(language="en")).original
    work_until_nothing_is_due()
    page = Page.objects.get(original=original)
    run = current_run(page)
    assert page.layout is not None
    texts = [place.line.current.text for place in page.layout.places.all() if place.line.current]
    assert len(texts) == len(TEXTS), texts
    assert cer(" ".join(TEXTS), " ".join(texts)) < 0.5, texts
    passes = run.profile_version.stage_passes.count()
    assert run.readings.count() == passes * len(TEXTS)
    assert run.votes.count() == len(TEXTS)
    assert page.confidence is not None
    assert 0 <= page.confidence <= 1
    assert run.route_decision.outcome in {"accept", "review"}
    assert not open_work(page).exists()
    assert violations() == []


@pytest.mark.parametrize(
    ("segmenter", "state", "reason"),
    [("classical", PageState.IN_REVIEW, "no-lines"), ("learned", PageState.ACCEPTED, "blank-page")],
)
def test_a_page_without_lines_says_why_and_goes_to_review_unless_it_is_surely_blank(
    segmenter: str, state: str, reason: str, tmp_path: Path, scribe: Callable[..., None], settings: Settings
) -> None:
    settings.SEGMENTERS = [segmenter]
    path = tmp_path / "blank.png"
    draw_page(()).save(path)
    receive(path)
    work_until_nothing_is_due()
    page = Page.objects.get()
    assert page.state == state
    assert reason in current_run(page).route_decision.reasons
    assert violations() == []


def test_a_page_that_is_surely_blank_is_finished_unseen_and_says_why(
    tmp_path: Path, scribe: Callable[..., None], surveyor: Callable[..., None]
) -> None:
    surveyor(note="blank page")
    path = tmp_path / "blank.png"
    draw_page(()).save(path)
    receive(path)
    work_until_nothing_is_due()
    page = Page.objects.get()
    assert (page.state, page.confidence) == (PageState.ACCEPTED, None)
    assert current_run(page).route_decision.reasons == ["blank-page"]
    assert violations() == []
    # Somebody has words of it: then it is not blank, or they are of another page.
    import_transcripts(collection=page.collection, files=[("blank.txt", b"the old rector")], importer=None)
    work_until_nothing_is_due()
    page.refresh_from_db()
    assert page.state == PageState.IN_REVIEW
    assert current_run(page).route_decision.reasons == ["blank-page", "transcript-unplaced"]


@pytest.mark.parametrize("note", ["", "Perhaps a blank page; the ink may be too faint."])
def test_a_page_without_lines_that_may_not_be_blank_goes_to_review(
    tmp_path: Path, scribe: Callable[..., None], surveyor: Callable[..., None], note: str
) -> None:
    surveyor(note=note)
    path = tmp_path / "blank.png"
    draw_page(()).save(path)
    receive(path)
    work_until_nothing_is_due()
    page = Page.objects.get()
    assert page.state == PageState.IN_REVIEW
    assert current_run(page).route_decision.reasons == ["no-lines"]


def test_a_page_below_its_collections_threshold_goes_to_review_and_one_above_does_not(
    media_root: Path, scribe: Callable[..., None]
) -> None:
    strict = prepared_page(media_root, collection=create_collection(threshold=1.0))
    lenient = prepared_page(media_root, collection=create_collection(threshold=0.0))
    work_until_nothing_is_due()
    assert current_run(strict).route_decision.reasons == ["low-confidence"]
    assert current_run(lenient).route_decision.reasons == []
    assert {p.state for p in Page.objects.filter(pk=strict.pk)} == {PageState.IN_REVIEW}
    assert {p.state for p in Page.objects.filter(pk=lenient.pk)} == {PageState.ACCEPTED}


def test_reading_an_approved_page_again_changes_none_of_its_text(media_root: Path, scribe: Callable[..., None]) -> None:
    page = prepared_page(media_root, lines=2)
    work_until_nothing_is_due()
    Page.objects.filter(pk=page.pk).update(approved_at=timezone.now())
    scribe(text="another reading")
    control.rerun(page.collection)
    work_until_nothing_is_due()
    page.refresh_from_db()
    assert page.state == PageState.REVIEWED
    assert set(TranscriptRevision.objects.values_list("text", flat=True)) == {"the old rector"}
    assert set(current_run(page).votes.values_list("text", flat=True)) == {"another reading"}


def test_a_vote_never_replaces_what_a_person_wrote(media_root: Path, scribe: Callable[..., None]) -> None:
    from tests.factories import create_revision, create_user

    page = prepared_page(media_root)
    lines = list(page.lines.order_by("pk"))
    create_revision(line=lines[0], text="a person's", author=create_user())
    create_revision(line=lines[1], text="imported", source=Source.IMPORT)
    work_until_nothing_is_due()
    current = [Line.objects.get(pk=line.pk).current for line in lines]
    assert [revision.text for revision in current if revision] == ["a person's", "imported", "the old rector"]
    assert current_run(page).votes.count() == 3, "what the machine reads is kept beside it"


def test_a_crash_while_a_result_is_written_leaves_nothing_of_it(media_root: Path, scribe: Callable[..., None]) -> None:
    prepared_page(media_root)
    work, token = claim_step(Step.RECOGNIZE)
    before = counts()
    with pytest.raises(KeyboardInterrupt):
        perform_and_crash(work, token)
    assert counts() == before
    work.refresh_from_db()
    assert work.state == WorkState.RUNNING, "its lease still runs; the sweeper frees it"
