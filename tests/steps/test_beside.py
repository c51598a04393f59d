"""Transcripts in the same upload as their scans: each finds its page, whatever comes first and wherever it lies."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.factories import create_collection, create_upload
from tests.formats.archives import packed
from tests.steps.journey import TEXTS, claim_step, perform, prepared_page, work_until_nothing_is_due
from transcription.errors import BadInput
from transcription.models import (
    Beside,
    BesideTranscript,
    ImportedTranscript,
    Line,
    PageState,
    RouteDecision,
    Source,
    Step,
    Upload,
    Work,
    WorkState,
)
from transcription.steps.beside import beside_counts, loose_title
from transcription.steps.import_transcripts import import_transcript
from transcription.steps.route import DRAFT_BROUGHT
from transcription.steps.store import Received, receive_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def upload() -> Upload:
    upload = create_upload(collection=create_collection())
    upload.transcripts = Beside.TRUTH
    upload.save()
    return upload


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (64, 48), shade).save(buffer, "PNG")
    return buffer.getvalue()


def send(upload: Upload, path: str, data: bytes) -> Received:
    folder, _, name = path.rpartition("/")
    return receive_file(
        collection=upload.collection, upload=upload, name=name, stream=io.BytesIO(data), document_title=folder
    )


def open_all() -> None:
    while Work.objects.filter(step=Step.UNPACK, state=WorkState.QUEUED).exists():
        perform(*claim_step(Step.UNPACK))


def page_xml(image: str, text: str = "Mary daughter of John") -> bytes:
    line = f"<TextLine><TextEquiv><Unicode>{text}</Unicode></TextEquiv></TextLine>"
    page = f"<Page imageFilename='{image}' imageWidth='9' imageHeight='9'><TextRegion>{line}</TextRegion></Page>"
    namespace = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
    return f"<?xml version='1.0'?><PcGts xmlns='{namespace}'>{page}</PcGts>".encode()


def alto(image: str) -> bytes:
    source = f"<Description><sourceImageInformation><fileName>{image}</fileName></sourceImageInformation></Description>"
    line = "<TextBlock><TextLine><String CONTENT='Mary'/></TextLine></TextBlock>"
    layout = f"<Layout><Page WIDTH='9' HEIGHT='9'><PrintSpace>{line}</PrintSpace></Page></Layout>"
    return f"<alto xmlns='http://www.loc.gov/standards/alto/ns-v4#'>{source}{layout}</alto>".encode()


@pytest.mark.parametrize("transcripts_first", [True, False])
def test_as_programs_lay_them_out_each_transcript_finds_its_scan(upload: Upload, *, transcripts_first: bool) -> None:
    scans = {
        "box/0001.png": png(1),  # Transkribus: page/ below the scans
        "box/0002.png": png(2),
        "escr/f1.png": png(3),  # eScriptorium: side by side
        "book/OCR-D-IMG/FILE_0001_IMG.png": png(4),  # METS: folders beside one another, the file says its image
        "other/0001.png": png(5),  # the same name elsewhere
        "loose.png": png(6),  # in no folder, while one of its name is in one
        "other/loose.png": png(7),
    }
    transcripts = {
        "box/page/0001.xml": page_xml("0001.png"),
        "box/alto/0002.xml": alto("0002.png"),
        "escr/f1.txt": b"Mary daughter",
        "loose.txt": b"Mary daughter of John",
        "book/OCR-D-GT-SEG-PAGE/FILE_0001_GT.xml": page_xml("OCR-D-IMG/FILE_0001_IMG.png"),
    }
    groups = [transcripts, scans] if transcripts_first else [scans, transcripts]
    for group in groups:
        for path, data in group.items():
            send(upload, path, data)
        open_all()
    found = {
        each.name: f"{each.original.document.title}/{each.original.name}"
        for each in ImportedTranscript.objects.select_related("original__document")
    }
    assert found == {
        "0001.xml": "box/0001.png",
        "0002.xml": "box/0002.png",
        "f1.txt": "escr/f1.png",
        "loose.txt": f"{loose_title(upload)}/loose.png",
        "FILE_0001_GT.xml": "book/OCR-D-IMG/FILE_0001_IMG.png",
    }
    assert beside_counts(upload) == {"waiting": 0, "taken": 5, "refused": 0}
    assert not ImportedTranscript.objects.filter(draft=True).exists()


def test_in_an_archive_they_come_along_and_what_fits_none_waits(upload: Upload, tmp_path: Path) -> None:
    pages = [Image.new("L", (60, 40), shade) for shade in (1, 2, 3)]
    pages[0].save(tmp_path / "v.tif", save_all=True, append_images=pages[1:])
    files = {
        "a.png": png(1),
        "page/a.xml": page_xml("a.png"),
        "v.tif": (tmp_path / "v.tif").read_bytes(),
        "v-2.txt": b"second page",
        "nowhere.txt": b"whose is this",
        "mets.xml": b"<?xml version='1.0'?><mets/>",
    }
    send(upload, "volume.zip", packed(files))
    open_all()
    found = ImportedTranscript.objects.order_by("name")
    assert [(each.name, each.original.name, each.frame) for each in found] == [
        ("a.xml", "a.png", 0),
        ("v-2.txt", "v.tif", 1),
    ]
    waiting = upload.beside.filter(state=BesideTranscript.State.WAITING)
    assert [each.name for each in waiting] == ["nowhere.txt"]


def test_two_scans_as_near_leave_it_waiting(upload: Upload) -> None:
    send(upload, "x/1.png", png(1))
    send(upload, "y/1.png", png(2))
    send(upload, "z/w/1.txt", b"whose")
    open_all()
    assert beside_counts(upload)["waiting"] == 1


def test_without_having_been_asked_for_they_are_refused_as_ever(upload: Upload) -> None:
    upload.transcripts = Beside.LEFT_OUT
    with pytest.raises(BadInput) as refused:
        send(upload, "a.txt", b"Dear Sir, I have the honour")
    assert refused.value.code == "not-an-image"


def test_the_same_file_again_is_the_one_before(upload: Upload) -> None:
    first = send(upload, "a.txt", b"Dear Sir").beside
    assert send(upload, "a.txt", b"Dear Sir").beside == first


def test_a_draft_is_placed_on_lines_as_a_draft_and_a_person_looks(
    upload: Upload, media_root: Path, scribe: Callable[..., None]
) -> None:
    scribe(text=TEXTS[0])
    upload.transcripts = Beside.DRAFT
    upload.save()
    upload.collection.threshold = 0.0
    upload.collection.save()
    page = prepared_page(media_root, collection=upload.collection, lines=1)
    page.original.upload = upload
    page.original.save()
    send(upload, "p.txt", TEXTS[0].encode())
    work_until_nothing_is_due()
    page.refresh_from_db()
    assert page.state == PageState.IN_REVIEW
    assert DRAFT_BROUGHT in RouteDecision.objects.get(page=page).reasons
    line = Line.objects.get(page=page)
    assert line.current is not None
    assert (line.current.source, line.current.text) == (Source.DRAFT, TEXTS[0])
    assert upload.beside.get().state == BesideTranscript.State.TAKEN
    taken = import_transcript(
        original=page.original, frame=0, name="p.txt", data=TEXTS[0].encode(), lines=1, importer=None
    )
    assert taken.new, "the same bytes, said to be ground truth this time"
    work_until_nothing_is_due()
    line.refresh_from_db()
    assert line.current.source == Source.IMPORT
