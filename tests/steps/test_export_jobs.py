"""The job of an export: it goes on where it was, stops when told, ends whole or not at all, and is kept for a time."""

from __future__ import annotations

import hashlib
import itertools
import json
import uuid
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import bagit
import numpy as np
import pytest
import pyvips
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import Value
from django.db.models.functions import Concat
from django.utils import timezone

from tests.factories import (
    create_collection,
    create_document,
    create_layout,
    create_original,
    create_page,
    create_revision,
)
from tests.steps.journey import claim_step, perform
from transcription.errors import BadInput, LostLease, PermanentError
from transcription.formats.pyramid_writer import write_pyramid
from transcription.formats.writing import PageToWrite
from transcription.formats.zip_parts import join_parts
from transcription.models import Collection, Document, Export, Line, Page, PageState, Step, Work, WorkState
from transcription.steps.append_only import may_delete
from transcription.steps.control import cancel, resume
from transcription.steps.export import cancel_export, expire_exports, export, request_export
from transcription.steps.export_formats import MEMBERS
from transcription.steps.export_pages import pages_to_write
from transcription.steps.export_plan import exports_folder, folder_of, plan_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def typed(media_root: Path) -> Collection:
    """Two documents with three and two reviewed pages of two lines each, with originals and images."""
    collection = create_collection(title="Vestry minutes", identifier="PR/12")
    for title, count in (("Volume 1", 3), ("Volume 2", 2)):
        document = create_document(collection=collection, title=title)
        for number in range(count):
            data = f"{title} {number}".encode()
            original = create_original(document=document, name="scan.jpg", sha256=hashlib.sha256(data).hexdigest())
            default_storage.save(original.file, ContentFile(data))
            page = create_page(document=document, original=original, state=PageState.REVIEWED, width=300, height=400)
            page.pyramid = f"pages/{page.pk}.tif"
            page.save()
            (media_root / "pages").mkdir(parents=True, exist_ok=True)
            write_pyramid(pyvips.Image.new_from_array(np.full((400, 300), 200, np.uint8)), media_root / page.pyramid)
            for line, text in zip(_lines_of(page), ("the ⟦old⟧ ſaid", f"page {number + 1}"), strict=True):
                create_revision(line=line, text=text)
    return collection


def _lines_of(page: Page) -> list[Line]:
    return [place.line for place in create_layout(page=page).places.select_related("line").order_by("position")]


def finished(job: Export) -> Export:
    perform(*claim_step(Step.EXPORT))
    job.refresh_from_db()
    return job


def files_of(job: Export, root: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(root / job.file) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_whoever_takes_an_export_over_writes_only_what_is_missing(
    typed: Collection, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transcription.steps.export_plan.PAGES_A_PART", 1)
    job = request_export(collection=typed, format="txt")
    work, token = claim_step(Step.EXPORT)
    calls: list[int] = []

    def die_at_the_fourth() -> None:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(work, token, die_at_the_fourth)
    parts = sorted(folder_of(job.pk).glob("*.zip"))
    assert len(parts) == 3
    before = [part.stat().st_mtime_ns for part in parts]
    # What has changed since the export was begun changes neither its pages nor their names.
    Document.objects.update(title=Concat("title", Value(" (renamed)")))
    Page.objects.filter(document__title__startswith="Volume 2").update(state=PageState.IN_REVIEW)
    Work.objects.filter(pk=work.pk).update(state=WorkState.QUEUED, token=None, lease_until=None)
    kept: list[list[int]] = []
    monkeypatch.setattr(
        "transcription.steps.export.join_parts",
        lambda paths, target, progress: (
            kept.append([part.stat().st_mtime_ns for part in paths[:3]]),
            join_parts(paths, target, progress),
        ),
    )
    job = finished(job)
    assert kept == [before]
    assert (job.state, job.pages, job.total) == (Export.State.DONE, 5, 5)
    assert list(files_of(job, media_root)) == [
        *(f"Volume_1/000{number}_scan.txt" for number in (1, 2, 3)),
        *(f"Volume_2/000{number}_scan.txt" for number in (1, 2)),
    ]
    assert not folder_of(job.pk).exists()


def test_a_cancelled_export_stops_and_leaves_nothing(
    typed: Collection, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transcription.steps.export.REPORT_EVERY", 1)
    job = request_export(collection=typed, format="txt")
    work, token = claim_step(Step.EXPORT)
    with pytest.raises(LostLease):
        export(work, token, lambda: cancel_export(job) and None)
    job.refresh_from_db()
    assert (job.state, job.file) == (Export.State.CANCELLED, "")
    assert not folder_of(job.pk).exists()
    assert not (media_root / "exports").exists()
    assert not cancel_export(job)
    # A collection that is resumed has its cancelled work queued again; this stays cancelled.
    cancel(typed)
    resume(typed)
    assert finished(job).state == Export.State.CANCELLED


def test_files_of_exports_are_removed_after_their_time_and_parts_that_nobody_goes_on_with(
    typed: Collection, media_root: Path
) -> None:
    job = finished(request_export(collection=typed, format="txt"))
    waiting = request_export(collection=typed, format="txt")
    for key in (waiting.pk, uuid.uuid4()):
        folder_of(key).mkdir(parents=True)
    assert expire_exports() == 0
    assert [path.name for path in exports_folder().iterdir()] == [str(waiting.pk)]
    Export.objects.filter(pk=job.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert expire_exports() == 1
    job.refresh_from_db()
    assert (job.state, job.file) == (Export.State.EXPIRED, "")
    assert list((media_root / "exports").iterdir()) == []


def test_an_export_may_be_of_one_document_with_plain_spelling_and_names_of_the_catalogue(
    typed: Collection, media_root: Path
) -> None:
    volume = Document.objects.get(title="Volume 2")
    Document.objects.filter(pk=volume.pk).update(identifier="PR/12/2")
    job = request_export(
        collection=typed, document=volume, format="txt", normalised=True, names="{identifier}/{identifier}_{page:03}"
    )
    files = files_of(finished(job), media_root)
    assert list(files) == ["PR_12_2/PR_12_2_001.txt", "PR_12_2/PR_12_2_002.txt"]
    assert files["PR_12_2/PR_12_2_001.txt"].decode() == "the old said\npage 1\n"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"format": "odt"}, "unknown-format"),
        ({"format": "originals"}, "unknown-format"),
        ({"format": "txt", "scope": "some"}, "unknown-scope"),
        ({"format": "txt", "names": "{nothing}"}, "file-names"),
        ({"format": "iiif", "base": "ftp://x"}, "no-address"),
    ],
)
def test_what_cannot_be_exported_is_refused_before_it_is_queued(
    typed: Collection, wish: dict[str, str], code: str
) -> None:
    with pytest.raises(BadInput) as refused:
        request_export(collection=typed, **wish)  # type: ignore[arg-type]
    assert refused.value.code == code
    assert not Export.objects.exists()


def test_a_package_is_a_bag_of_everything_that_is_checked_before_it_is_done(
    typed: Collection, media_root: Path, tmp_path: Path
) -> None:
    job = finished(request_export(collection=typed, format="package", base="https://archive.example/"))
    assert (job.state, job.pages) == (Export.State.DONE, 5)
    with zipfile.ZipFile(media_root / job.file) as archive:
        archive.extractall(tmp_path / "bag")
    [top] = (tmp_path / "bag").iterdir()
    bag = bagit.Bag(str(top))
    bag.validate()
    assert bag.info["Longhand-Pages"] == "5"
    assert {path.name for path in (top / "data").iterdir()} == set(MEMBERS)
    assert len(list((top / "data" / "page_xml").rglob("*.xml"))) == 5
    originals = sorted(path.read_text() for path in (top / "data" / "originals").rglob("*.jpg"))
    assert originals == [f"Volume {volume} {number}" for volume, count in ((1, 3), (2, 2)) for number in range(count)]
    history = [json.loads(row) for row in (top / "data" / "provenance" / "provenance.jsonl").open()]
    assert [revision["text"] for revision in history[0]["revisions"]] == ["the ⟦old⟧ ſaid", "page 1"]


def test_an_export_that_lacks_a_page_is_not_published(
    typed: Collection, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(planned: Any, names: Any, **options: Any) -> Iterator[PageToWrite]:
        return itertools.islice(pages_to_write(planned, names, **options), 4)

    monkeypatch.setattr("transcription.steps.export.pages_to_write", forgetful)
    request_export(collection=typed, format="txt")
    with pytest.raises(PermanentError, match="not complete"):
        export(*claim_step(Step.EXPORT))
    assert not (media_root / "exports").exists()


def test_a_page_deleted_meanwhile_is_left_out_and_the_export_still_done(typed: Collection, media_root: Path) -> None:
    job = request_export(collection=typed, format="txt")
    work, token = claim_step(Step.EXPORT)
    plan_of(job)
    with may_delete():
        page = typed.pages.order_by("pk")[0]
        Page.objects.filter(pk=page.pk).update(layout=None)
        page.delete()
    perform(work, token)
    job.refresh_from_db()
    assert job.state == Export.State.DONE
    assert len(files_of(job, media_root)) == 4


def test_a_jpeg_that_is_the_page_goes_into_a_pdf_as_it_is(media_root: Path) -> None:
    collection = create_collection()
    data = pyvips.Image.black(300, 400).copy(interpretation="b-w").jpegsave_buffer(Q=60)
    document = create_document(collection=collection, title="Letter")
    for turn in (0, 1):
        original = create_original(document=document, file=f"originals/{turn}.jpeg", size=len(data))
        default_storage.save(original.file, ContentFile(data))
        page = create_page(document=document, original=original, state=PageState.REVIEWED, width=300, height=400)
        page.transform = {"rotation": 90 * turn}
        page.pyramid = f"pages/{page.pk}.tif"
        page.save()
        (media_root / "pages").mkdir(parents=True, exist_ok=True)
        write_pyramid(pyvips.Image.black(300, 400).copy(interpretation="b-w"), media_root / page.pyramid)
    [pdf] = files_of(finished(request_export(collection=collection, format="pdf")), media_root).values()
    assert pdf.count(data) == 1
