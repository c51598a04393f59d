from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.factories import create_collection, create_failure, create_page, create_work
from tests.steps.journey import prepared_page, work_until_nothing_is_due
from transcription.models import Collection, Page, PageState, Queue, Step, Work, Worker, WorkState
from transcription.steps import control
from transcription.steps.profiles import registry
from transcription.steps.progress import collection_progress

pytestmark = pytest.mark.django_db


def test_numbers_equal_the_rows(media_root: Path, scribe: Callable[..., None]) -> None:
    collection = create_collection()
    for state in [PageState.RECEIVED, PageState.ACCEPTED, PageState.ACCEPTED, PageState.IN_REVIEW]:
        create_page(collection=collection, state=state)
    create_page(state=PageState.REVIEWED)  # another collection's
    failed = create_page(collection=collection)
    create_failure(collection=collection, page=failed)
    create_failure(collection=collection, page=failed, resolved_at=timezone.now())
    for work_state in (WorkState.QUEUED, WorkState.QUEUED, WorkState.DONE, WorkState.CANCELLED):
        create_work(collection=collection, state=work_state)
    create_work(collection=collection, step=Step.UNPACK)
    prepared = prepared_page(media_root, collection=collection)
    progress = collection_progress(collection)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, count(*) FROM transcription_page WHERE collection_id = %s GROUP BY state", [collection.pk]
        )
        assert progress.by_state == dict(cursor.fetchall())
        cursor.execute(
            "SELECT count(*) FROM transcription_work WHERE collection_id = %s AND state = 'queued'", [collection.pk]
        )
        assert [(progress.queued,)] == cursor.fetchall()
    assert progress.pages == 6
    assert progress.finished == 3
    assert progress.failures == 1
    assert progress.unpacking == 1
    assert progress.running == 0
    assert not progress.idle
    assert prepared.run is not None
    assert {each.name: (each.done, each.total) for each in progress.passes} == dict.fromkeys(
        prepared.run.profile_version.passes.values_list("name", flat=True), (0, 1)
    )


def test_passes_count_only_the_runs_that_stand(media_root: Path, scribe: Callable[..., None]) -> None:
    page = prepared_page(media_root)
    work_until_nothing_is_due()
    control.rerun(page.collection)
    assert {(each.done, each.total) for each in collection_progress(page.collection).passes} == {(0, 1)}
    work_until_nothing_is_due()
    assert {(each.done, each.total) for each in collection_progress(page.collection).passes} == {(1, 1)}
    assert collection_progress(page.collection).idle


def test_the_pace_is_that_of_the_last_minutes() -> None:
    collection = create_collection()
    now = timezone.now()
    for minutes in (60, 5, 4, 3):
        create_page(collection=collection, state=PageState.ACCEPTED, finished_at=now - timedelta(minutes=minutes))
    assert collection_progress(collection).pages_per_hour == pytest.approx(36, rel=0.05)
    assert collection_progress(collection).seconds_left is None, "four pages tell nothing"


class TestWhyNothingHappens:
    @pytest.fixture
    def waiting(self, media_root: Path, scribe: Callable[..., None]) -> Collection:
        page = prepared_page(media_root)
        Work.objects.update(created_at=timezone.now() - timedelta(minutes=5))
        return page.collection

    def test_a_paused_collection_says_so(self, waiting: Collection) -> None:
        control.pause(waiting)
        assert collection_progress(waiting).waiting_reason == "paused"

    def test_no_worker_that_reads(self, waiting: Collection) -> None:
        assert collection_progress(waiting).waiting_reason == "no-engine-worker"

    def test_a_worker_with_the_engine_is_reason_enough_to_wait(self, waiting: Collection) -> None:
        digest = Page.objects.get().run.profile_version.passes.all()[0].engine_digest  # type: ignore[union-attr]
        Worker.objects.create(name="w", queue=Queue.ENGINE, engine_digests=[digest], seen_at=Now())
        assert collection_progress(waiting).waiting_reason == ""

    def test_workers_that_all_hold_newer_weights(self, waiting: Collection, settings: Settings) -> None:
        Worker.objects.create(name="w", queue=Queue.ENGINE, engine_digests=["newer"], seen_at=Now())
        settings.ENGINES = settings.ENGINES | {"starter": settings.ENGINES["starter"] | {"VERSION": "newer"}}
        registry.cache_clear()
        assert collection_progress(waiting).waiting_reason == "no-engine-version"

    def test_nothing_waits(self) -> None:
        assert collection_progress(create_collection()).waiting_reason == ""


def test_the_number_of_queries_does_not_grow_with_the_pages() -> None:
    collection = create_collection()
    create_page(collection=collection)
    with CaptureQueriesContext(connection) as few:
        collection_progress(collection)
    for _ in range(10):
        create_page(collection=collection)
    with CaptureQueriesContext(connection) as many:
        collection_progress(collection)
    assert len(many) == len(few) <= 12
