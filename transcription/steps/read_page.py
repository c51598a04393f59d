"""Read whole pages: the answer is kept as it came, and its lines are put on the layout's by text and order.

What other passes have read in the run so far tells the layout's lines apart. A page that is read before them, or by no
other pass, is placed by the lengths of its lines.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from statistics import mean

from transcription.engines.halving import in_halves
from transcription.errors import EngineFailure, LonghandError, LostLease, OutOfMemory
from transcription.htr.enhance import enhance
from transcription.htr.page_alignment import LayoutText, PlacedText, align_page
from transcription.htr.records import Hints, ItemError, LineGeometry, PageImage, PageText, ReadingRecord
from transcription.models import LayoutLine, Page, PageReading, Reading, Run, Work
from transcription.steps import flow
from transcription.steps.checked_readings import LONGEST_LINE, checked_pages
from transcription.steps.metering import paying
from transcription.steps.page_image import page_image, too_large_now
from transcription.steps.profiles import registry
from transcription.steps.queue import fail, finishing

logger = logging.getLogger(__name__)


def reads_pages_only(engine: str) -> bool:
    """Whether a pass by this engine reads whole pages: it is declared to read nothing smaller."""
    return registry().readers().get(engine) == ["pages"]


def read_pages(
    engine: str, works: Sequence[Work], hints: Hints, token: uuid.UUID, progress: Callable[[], None]
) -> None:
    """Read the pages of ``works`` with one call of ``engine``; ``progress`` is called after each page.

    A page that cannot be read fails by itself. One that the pass has read before in its run (for another stage) is not
    read again.
    """
    waiting = {index: work for index, work in enumerate(works) if not _read_before(work, token)}
    images = _images(waiting, token)
    keys = [(work.pk, 0) for work in works]
    started = time.perf_counter()
    page_reader = registry().page_reader(engine)
    with paying(page_reader, name=engine, works=works, keys=keys, token=token, progress=progress) as reader:

        def read(pages: Iterator[PageImage]) -> Iterator[PageText | ItemError]:
            return checked_pages(reader.read_pages(pages, hints), works)

        for result in in_halves(read, images, retrying=progress):
            work = waiting.pop(result.key, None)
            now = time.perf_counter()
            if work is not None:
                _take(work, result, (now - started) * 1000, token)
            started = now
            progress()
        for work in waiting.values():
            _give_up(work, token, EngineFailure("The engine gave no result for this page.", code="no-result"))


def _read_before(work: Work, token: uuid.UUID) -> bool:
    reading = PageReading.objects.filter(run=work.run, pass_version=work.pass_version).first()
    if reading is not None:
        _write(work, reading, _places(work), 0.0, token, new=False)
    return reading is not None


def _images(waiting: dict[int, Work], token: uuid.UUID) -> Iterator[PageImage]:
    for index, work in list(waiting.items()):
        version = work.pass_version
        assert version is not None
        try:
            assert work.page_id is not None
            page = Page.objects.filter(pk=work.page_id).first()
            if page is None:
                raise LostLease(f"Page {work.page_id} was deleted while it waited to be read.")
            image = page_image(page)
            lines = tuple(place.geometry for place in _places(work))
            yield PageImage(index, enhance(image, version.recipe, version.recipe_options), lines)
        except LonghandError as error:
            del waiting[index]
            _give_up(work, token, error)
        except MemoryError:
            del waiting[index]
            _give_up(work, token, too_large_now())


def _places(work: Work) -> list[LayoutLine]:
    assert work.run is not None
    assert work.run.layout_id is not None
    return list(LayoutLine.objects.filter(layout_id=work.run.layout_id))


def _take(work: Work, result: PageText | ItemError, milliseconds: float, token: uuid.UUID) -> None:
    if isinstance(result, ItemError):
        kind = OutOfMemory if result.code == OutOfMemory.code else EngineFailure
        _give_up(work, token, kind(f"This page could not be read: {result.message}", code=result.code))
        return
    assert work.run is not None
    assert work.pass_version_id is not None
    reading = PageReading.from_record(result, run_id=work.run.pk, pass_version_id=work.pass_version_id)
    _write(work, reading, _places(work), milliseconds, token, new=True)


def _write(
    work: Work,
    reading: PageReading,
    places: Sequence[LayoutLine],
    milliseconds: float,
    token: uuid.UUID,
    *,
    new: bool,
) -> None:
    """Write the page's reading and those of its lines, all or none. The run's other readings are looked at under the
    page's lock, so that none comes in between."""
    run = work.run
    assert run is not None
    wanted = set(work.lines) if work.lines is not None else {place.line_id for place in places}
    try:
        with finishing(work, token, milliseconds=milliseconds) as page:
            assert page is not None
            record = reading.to_record()
            aligned = align_page(_layout_texts(run, reading.pass_version_id, places), record.lines)
            if new:
                reading.placed = [_placed_entry(each, places) for each in aligned.placed]
                reading.unplaced = [
                    {"row": each.row, "line": places[each.near].line_id if each.near is not None else None}
                    for each in aligned.unplaced
                ]
                reading.save()
            mine = Reading.objects.filter(run=run, pass_version_id=reading.pass_version_id)
            wanted -= set(mine.values_list("line", flat=True))  # of an earlier stage
            records = [_line_reading(each, record, places) for each in aligned.placed]
            Reading.objects.bulk_create(
                Reading.from_record(each, run_id=run.pk, pass_version_id=reading.pass_version_id)
                for each in records
                if each.key in wanted and len(each.text) <= LONGEST_LINE
            )
            flow.after_stage_read(page=page, run=run, stage=work.stage, lane=work.lane)
    except LostLease as lost:
        logger.info("%s", lost)


def _layout_texts(run: Run, pass_version_id: int, places: Sequence[LayoutLine]) -> list[LayoutText]:
    """For each line the reading that its pass was surest of, and the line's width in its heights."""
    best: dict[int, tuple[float, str]] = {}
    for reading in Reading.objects.filter(run=run).exclude(pass_version=pass_version_id).order_by("pk"):
        score = mean(reading.chars) if reading.chars else 0.0
        if reading.text and score > best.get(reading.line_id, (-1.0, ""))[0]:
            best[reading.line_id] = (score, reading.text)
    return [
        LayoutText(best[place.line_id][1] if place.line_id in best else "", _width(place.geometry)) for place in places
    ]


def _width(geometry: LineGeometry) -> float:
    xs, ys = zip(*geometry.polygon, strict=True)
    return float((max(xs) - min(xs)) / max(1, max(ys) - min(ys)))


def _placed_entry(placed: PlacedText, places: Sequence[LayoutLine]) -> dict[str, object]:
    stretches = [[each.row, each.start, each.end] for each in placed.stretches]
    return {"line": places[placed.line].line_id, "stretches": stretches, "cost": placed.cost}


def _line_reading(placed: PlacedText, record: PageText, places: Sequence[LayoutLine]) -> ReadingRecord:
    text, chars = "", list[float]()
    for stretch in placed.stretches:
        piece = record.lines[stretch.row][stretch.start : stretch.end]
        scores = record.chars[stretch.row][stretch.start : stretch.end]
        if text:
            text += " "
            chars.append(min([chars[-1], *scores[:1]]))
        text += piece
        chars += scores
    return ReadingRecord(places[placed.line].line_id, text, tuple(chars))


def _give_up(work: Work, token: uuid.UUID, error: LonghandError) -> None:
    try:
        fail(work, token, error, then=flow.after_failure)
    except LostLease as lost:
        logger.info("%s", lost)
