from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import create_collection
from tests.steps.journey import claim_step, draw_page, perform, receive
from transcription.models import Failure, Page, PageState, Queue, Step, Work, WorkState
from transcription.steps.control import retry
from transcription.steps.drain import drain
from transcription.steps.invariants import violations

pytestmark = pytest.mark.django_db


def several(folder: Path, name: str, pages: int = 3) -> Path:
    images = [draw_page((f"page {number}",)).convert("RGB") for number in range(pages)]
    path = folder / name
    images[0].save(path, save_all=True, append_images=images[1:])
    return path


@pytest.mark.parametrize("name", ["letters.pdf", "letters.tif"])
def test_each_page_of_a_file_becomes_a_page_in_order(name: str, tmp_path: Path) -> None:
    original = receive(several(tmp_path, name)).original
    assert original is not None
    perform(*claim_step(Step.UNPACK))
    pages = Page.objects.filter(original=original).order_by("position")
    assert [(page.frame, page.position, page.state) for page in pages] == [
        (frame, frame + 1, PageState.RECEIVED) for frame in range(3)
    ]
    original.refresh_from_db()
    assert original.frames == 3
    assert Work.objects.filter(step=Step.PREPARE, page__in=pages).count() == 3


def test_files_of_one_document_follow_one_another(tmp_path: Path) -> None:
    collection = create_collection()
    for name in ("a.png", "b.png"):
        path = tmp_path / name
        draw_page((name,)).save(path)
        receive(path, collection=collection)
    document = collection.documents.first()
    collection.originals.update(document=document)
    perform(*claim_step(Step.UNPACK))
    perform(*claim_step(Step.UNPACK))
    assert sorted(Page.objects.values_list("position", flat=True)) == [1, 2]


@pytest.mark.parametrize("name", ["cut.jpg", "cut.png", "cut.tif", "cut.pdf"])
def test_a_damaged_file_is_a_failure_in_one_sentence_and_the_rest_goes_on(name: str, tmp_path: Path) -> None:
    collection = create_collection()
    path = tmp_path / name
    draw_page().convert("RGB").save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    receive(path, collection=collection)
    whole = tmp_path / "whole.png"
    draw_page().save(whole)
    receive(whole, collection=collection)
    drain(Queue.CPU)
    drain(Queue.ENGINE)
    failure = Failure.objects.get()
    assert name in failure.message
    assert failure.step in {Step.UNPACK, Step.PREPARE}
    assert Page.objects.exclude(layout=None).count() == 1, "the whole one was prepared and its lines found"
    assert violations() == []


def test_a_file_that_was_repaired_is_opened_on_retry(tmp_path: Path, media_root: Path) -> None:
    path = tmp_path / "scan.png"
    draw_page().save(path)
    original = receive(path).original
    assert original is not None
    stored = media_root / original.file
    stored.write_bytes(stored.read_bytes()[:200])
    drain(Queue.CPU)
    assert Failure.objects.open().count() == 1
    stored.write_bytes(path.read_bytes())
    assert retry(Failure.objects.all()) == 1
    drain(Queue.CPU)
    assert not Failure.objects.open().exists()
    assert Page.objects.get().state == PageState.PREPARED


def test_a_worker_lost_in_the_middle_leaves_no_page_behind(tmp_path: Path) -> None:
    receive(several(tmp_path, "letters.tif"))
    lost, _ = claim_step(Step.UNPACK)
    assert not Page.objects.exists()
    Work.objects.filter(pk=lost.pk).update(state=WorkState.QUEUED, token=None, lease_until=None)
    perform(*claim_step(Step.UNPACK))
    assert Page.objects.count() == 3
