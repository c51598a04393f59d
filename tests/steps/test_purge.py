from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import Error as DatabaseError
from django.db import transaction

from tests.factories import create_collection, create_revision, create_user
from tests.steps.journey import claim_step, perform, prepared_page, receive_page, work_until_nothing_is_due
from transcription.errors import LostLease
from transcription.models import (
    Collection,
    DisplacedText,
    Export,
    Line,
    Page,
    Queue,
    Reading,
    Run,
    Step,
    TranscriptRevision,
    Work,
)
from transcription.steps import queue
from transcription.steps.correct import save_line
from transcription.steps.drain import drain
from transcription.steps.export import request_export
from transcription.steps.purge import purge_collection

pytestmark = pytest.mark.django_db
Install = Callable[..., None]


def test_a_purged_collection_leaves_neither_row_nor_file(tmp_path: Path, media_root: Path, scribe: Install) -> None:
    collection = create_collection()
    receive_page(tmp_path, collection=collection)
    kept = prepared_page(media_root, collection=create_collection())
    work_until_nothing_is_due()
    page = Page.objects.get(collection=collection)
    save_line(line=page.lines.order_by("pk")[0], text="a person's", base_revision=1, author=create_user())
    gone, layout = Line.objects.create(page=page), page.layout
    assert layout is not None
    written = create_revision(line=gone, text="lost its line")
    DisplacedText.objects.create(page=page, layout=layout, line=gone, revision=written, near=page.lines.all()[0])
    request_export(collection=collection, format="txt", scope=Export.Scope.ALL, requester=None)
    work_until_nothing_is_due()
    assert purge_collection(collection) == 1
    assert list(Collection.objects.all()) == [kept.collection]
    assert list(Page.objects.all()) == [kept]
    assert set(Line.objects.values_list("page", flat=True)) == {kept.pk}
    assert set(Run.objects.values_list("page", flat=True)) == {kept.pk}
    assert set(Work.objects.values_list("collection", flat=True)) == {kept.collection_id}
    files = [path for path in media_root.rglob("*") if path.is_file()]
    assert [str(path.relative_to(media_root)) for path in files] == [kept.pyramid]


def test_after_a_purge_readings_are_append_only_as_before(media_root: Path, scribe: Install) -> None:
    prepared_page(media_root)
    other = prepared_page(media_root)
    work_until_nothing_is_due()
    with transaction.atomic():
        purge_collection(other.collection)
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            Reading.objects.all().delete()
    assert TranscriptRevision.objects.exists()


def test_a_worker_in_the_middle_of_a_purged_page_writes_nothing_and_lives(media_root: Path, scribe: Install) -> None:
    page = prepared_page(media_root)
    work, token = claim_step(Step.RECOGNIZE)
    purge_collection(page.collection)
    perform(work, token)
    with pytest.raises(LostLease), queue.finishing(work, token):
        pass
    assert not Reading.objects.exists()
    assert drain(Queue.ENGINE) == 0
