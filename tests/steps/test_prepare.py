from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from fpdf import FPDF
from PIL import Image

from tests.steps.journey import claim_step, draw_page, perform, receive, receive_page
from transcription.errors import BadInput
from transcription.formats.pyramid import read_gray
from transcription.models import Failure, Line, Page, PageState, Queue, Step, TextLayer
from transcription.steps.drain import drain

pytestmark = pytest.mark.django_db


def test_a_prepared_page_has_an_upright_pyramid_a_thumbnail_and_its_first_run(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera on its side
    exif[0x8825] = {1: "N", 2: (51.0, 30.0, 0.0)}
    draw_page().rotate(90, expand=True).save(path, exif=exif)
    receive(path)
    perform(*claim_step(Step.UNPACK))
    perform(*claim_step(Step.PREPARE))
    page = Page.objects.get()
    assert page.state == PageState.PREPARED
    assert (page.width, page.height) == (900, 560)
    pixels, _ = read_gray(Path(default_storage.path(page.pyramid)), None)
    assert pixels.shape == (560, 900)
    assert default_storage.exists(page.thumbnail)
    for name in (page.pyramid, page.thumbnail):
        with Image.open(default_storage.path(name)) as image:
            assert 0x8825 not in image.getexif(), "where it was taken is nobody's business"
    assert page.run is not None
    assert page.run.number == 1


def test_an_original_that_was_altered_after_receipt_is_never_read(tmp_path: Path, media_root: Path) -> None:
    original = receive_page(tmp_path)
    perform(*claim_step(Step.UNPACK))
    stored = media_root / original.file
    draw_page(("forged",)).save(stored)
    work, token = claim_step(Step.PREPARE)
    with pytest.raises(BadInput, match="has changed since it was received") as refused:
        perform(work, token)
    assert refused.value.code == "altered-original"
    assert Page.objects.get().state == PageState.RECEIVED
    assert not (media_root / "pages").exists()


def test_an_altered_original_is_a_failure_on_the_page(tmp_path: Path, media_root: Path) -> None:
    original = receive_page(tmp_path)
    perform(*claim_step(Step.UNPACK))
    with (media_root / original.file).open("ab") as file:
        file.write(b"\x00")
    drain(Queue.CPU)
    failure = Failure.objects.get()
    assert (failure.code, failure.page_id) == ("altered-original", Page.objects.get().pk)
    assert "backup" in failure.message


def test_the_text_layer_of_a_pdf_is_kept_as_it_came_and_read_by_nobody(tmp_path: Path) -> None:
    document = FPDF(format=(100, 60))
    document.set_font("helvetica", size=14)
    for text in ("Baptisms in the parish", ""):
        document.add_page()
        if text:
            document.cell(text=text)
    document.output(str(tmp_path / "scanned.pdf"))
    original = receive(tmp_path / "scanned.pdf").original
    assert original is not None
    drain(Queue.CPU)
    assert Page.objects.count() == 2
    layer = TextLayer.objects.get()
    assert (layer.original_id, layer.frame, layer.text) == (original.pk, 0, "Baptisms in the parish")
    assert not Line.objects.exists()
