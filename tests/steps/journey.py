"""Pages on their journey, for tests: real files through the real door, work claimed and done as a worker does it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyvips
from django.db.models import QuerySet
from PIL import Image, ImageDraw, ImageFont

from tests.factories import create_collection, create_upload
from transcription.formats.pyramid_writer import write_pyramid
from transcription.htr.records import LayoutRecord, LineGeometry
from transcription.models import Collection, Document, Original, Page, PageState, Queue, Run, Step, Work, WorkState
from transcription.steps import flow, queue
from transcription.steps.drain import LONG, SINGLE, drain
from transcription.steps.layouts import write_layout
from transcription.steps.profiles import profile_version_of
from transcription.steps.recognize import recognize
from transcription.steps.store import Received, receive_file
from transcription.steps.workers import held_engine_digests

FONTS = Path(__file__).resolve().parents[2] / "transcription" / "training" / "sample" / "fonts"
TEXTS = ("Baptisms in the parish of Whitcombe", "Mary daughter of John Carter", "Thomas son of William Hale")


def draw_page(texts: Sequence[str] = TEXTS, *, size: tuple[int, int] = (900, 560)) -> Image.Image:
    """A small page of written lines in a handwriting font."""
    page = Image.new("L", size, 236)
    font = ImageFont.truetype(str(sorted(FONTS.glob("*.woff"))[0]), 46)
    draw = ImageDraw.Draw(page)
    for number, text in enumerate(texts):
        draw.text((60, 60 + 130 * number), text, font=font, fill=45)
    return page


def receive(
    path: Path, *, collection: Collection | None = None, name: str = "", keep_duplicate: bool = False
) -> Received:
    """Send a file through the upload's door."""
    collection = collection or create_collection()
    with path.open("rb") as stream:
        return receive_file(
            collection=collection,
            upload=create_upload(collection=collection),
            name=name or path.name,
            stream=stream,
            keep_duplicate=keep_duplicate,
        )


def receive_page(folder: Path, *, collection: Collection | None = None, name: str = "page.png") -> Original:
    """A drawn page, received."""
    path = folder / name
    # Bytes of its own: the door takes the same bytes once.
    draw_page((*TEXTS[:2], name)).save(path)
    original = receive(path, collection=collection).original
    assert original is not None
    return original


def prepared_page(
    folder: Path,
    *,
    collection: Collection | None = None,
    lines: int = 3,
    layout: LayoutRecord | None = None,
    title: str = "",
) -> Page:
    """A drawn page in its collection as `prepare` leaves it, without the time that decoding takes; its run is begun
    over ``lines`` lines where they stand, or over ``layout``. ``title`` is its document's."""
    collection = collection or create_collection()
    document = Document.objects.create(collection=collection, title=title or str(uuid.uuid4()))
    original = Original.objects.create(
        collection=collection,
        document=document,
        name="p.png",
        sha256="0" * 64,
        size=1,
        kind="png",
        file=f"originals/{uuid.uuid4()}",
    )
    original.frames = 1
    original.save()
    page = Page.objects.create(collection=collection, document=document, original=original, position=1)
    image = np.asarray(draw_page())
    page.pyramid = f"pages/{page.pk}.tif"
    page.height, page.width = image.shape
    page.state = PageState.PREPARED
    page.save()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pages").mkdir(exist_ok=True)
    write_pyramid(pyvips.Image.new_from_array(image), folder / page.pyramid)
    page.layout = write_layout(page=page, record=layout or drawn_layout(lines), source="test")
    page.save()
    flow.start_run(page=page, profile_version=profile_version_of(collection), layout=page.layout, lane=1)
    return page


def drawn_layout(lines: int) -> LayoutRecord:
    """Where `draw_page` puts its lines."""
    geometries = []
    for number in range(lines):
        bottom = 60 + 130 * number + 48
        outline = ((50, bottom - 55), (850, bottom - 55), (850, bottom + 20), (50, bottom + 20))
        geometries.append(LineGeometry(baseline=((50, bottom), (850, bottom)), polygon=outline))
    return LayoutRecord(lines=tuple(geometries), size=(900, 560))


def claim_step(step: Step) -> tuple[Work, uuid.UUID]:
    """Claim the oldest due row of ``step`` by itself."""
    row = Work.objects.filter(step=step, state=WorkState.QUEUED).earliest("pk")
    others = Work.objects.filter(state=WorkState.QUEUED).exclude(pk=row.pk)
    held = list(others.values_list("pk", flat=True))
    Work.objects.filter(pk__in=held).update(state=WorkState.CANCELLED)
    claim = queue.claim(queue=Queue(row.queue), worker="test", limit=1, engine_digests=held_engine_digests())
    Work.objects.filter(pk__in=held).update(state=WorkState.QUEUED)
    assert claim is not None
    return claim.work[0], claim.token


def perform(work: Work, token: uuid.UUID) -> None:
    """Do one claimed row as a worker would."""
    if work.step == Step.RECOGNIZE:
        recognize([work], token, lambda: None)
    elif work.step in LONG:
        LONG[work.step](work, token, lambda: None)
    else:
        SINGLE[work.step](work, token)


def work_until_nothing_is_due() -> None:
    """What the two workers do together."""
    while drain(Queue.CPU) + drain(Queue.ENGINE):
        pass


def current_run(page: Page) -> Run:
    page.refresh_from_db()
    assert page.run is not None
    return page.run


def open_work(page: Page) -> QuerySet[Work]:
    return Work.objects.filter(page=page, state__in=flow.OPEN)
