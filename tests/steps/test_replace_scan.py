"""A better scan in the place of another: the page, its order and people's texts stay, the image is new."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.factories import create_collection, create_upload, create_user
from tests.steps.journey import claim_step, draw_page, perform, receive, work_until_nothing_is_due
from transcription.errors import BadInput
from transcription.models import Failure, KnownFiles, Original, Page, PageState, Source, Step
from transcription.steps import flow, queue
from transcription.steps.correct import save_line
from transcription.steps.invariants import violations
from transcription.steps.store import Arrived, Received, store
from transcription.steps.upload_limits import limits_of_installation

pytestmark = pytest.mark.django_db
Install = Callable[..., None]
LINES = [(50, 50, 850, 120), (50, 180, 850, 250)]


def bring(path: Path, original: Original) -> Received:
    """Send ``path`` into the place of ``original``, with *Replace scan*."""
    data = path.read_bytes()
    arrived = Arrived(path, original.name, original.document.title, hashlib.sha256(data).hexdigest(), len(data))
    uploader = create_user()
    return store(
        arrived,
        collection=original.collection,
        upload=create_upload(collection=original.collection, uploader=uploader),
        known_files=KnownFiles.REPLACE,
        limits=limits_of_installation(),
        viewer=uploader,
    )


def test_what_a_person_wrote_is_on_the_lines_of_the_new_scan(
    tmp_path: Path, scribe: Install, surveyor: Install, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    surveyor(lines=LINES)
    scan = tmp_path / "p1.png"
    draw_page().save(scan)
    with django_capture_on_commit_callbacks(execute=True):
        receive(scan)
        work_until_nothing_is_due()
    page = Page.objects.get()
    before = page.original
    first, _second = (place.line for place in page.layout.places.order_by("position"))  # type: ignore[union-attr]
    save_line(line=first, text="Typed by a person", base_revision=first.current.number, author=create_user())  # type: ignore[union-attr]

    # Twice as fine: all stands elsewhere in pixels.
    better = tmp_path / "better.png"
    draw_page().resize((1800, 1120), Image.Resampling.LANCZOS).save(better)
    surveyor(lines=[tuple(2 * value for value in line) for line in LINES])
    with django_capture_on_commit_callbacks(execute=True):
        received = bring(better, before)
        assert received.original is not None
        assert received.original.replaces == before
        work_until_nothing_is_due()
    page.refresh_from_db()
    assert (page.original, page.width, page.height, page.image) == (received.original, 1800, 1120, 1)
    assert page.state in (PageState.ACCEPTED, PageState.IN_REVIEW)
    places = page.layout.places.select_related("line__current").order_by("position")  # type: ignore[union-attr]
    texts = [(place.line.current.text, place.line.current.source) for place in places]  # type: ignore[union-attr]
    assert texts[0] == ("Typed by a person", Source.PERSON)
    assert texts[1][1] == Source.VOTE
    assert max(x for x, _y in places[0].polygon) > 1000, "the lines stand on the new image"
    assert Page.objects.count() == 1
    assert not before.pages.exists()
    assert not violations()
    assert not Original.objects.in_use().filter(pk=before.pk).exists()


def test_a_scan_that_could_never_be_opened_is_replaced_by_one_that_can(tmp_path: Path) -> None:
    collection = create_collection()
    torn, whole = tmp_path / "p1.png", tmp_path / "whole.png"
    draw_page().save(whole)
    torn.write_bytes(whole.read_bytes()[:24])
    original = receive(torn, collection=collection).original
    assert original is not None
    work, token = claim_step(Step.UNPACK)
    with pytest.raises(BadInput) as error:
        perform(work, token)
    queue.fail(work, token, error.value, then=flow.after_failure)
    assert Failure.objects.open().count() == 1
    bring(whole, original)
    perform(*claim_step(Step.UNPACK))
    assert not Failure.objects.open().exists()
    assert Page.objects.get().original.replaces == original
    assert not violations()


def test_a_scan_of_another_number_of_pages_replaces_nothing(tmp_path: Path) -> None:
    film, longer = tmp_path / "film.tif", tmp_path / "longer.tif"
    pages = [draw_page((f"Page {number}",)) for number in range(3)]
    pages[0].save(film, save_all=True, append_images=pages[1:2])
    pages[0].save(longer, save_all=True, append_images=pages[1:])
    original = receive(film).original
    assert original is not None
    perform(*claim_step(Step.UNPACK))
    bring(longer, original)
    with pytest.raises(BadInput, match="holds 3 pages, the scan that it was to replace 2") as refused:
        perform(*claim_step(Step.UNPACK))
    assert refused.value.code == "other-page-count"
    assert set(Page.objects.values_list("original", flat=True)) == {original.pk}
