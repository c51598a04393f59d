"""Read lines: one engine call over the lines of many claimed pages; a page is written as soon as its lines are done."""

from __future__ import annotations

import logging
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice

from transcription.engines.halving import in_halves
from transcription.errors import EngineFailure, LonghandError, LostLease, OutOfMemory
from transcription.htr.crop import cut_line
from transcription.htr.enhance import enhance
from transcription.htr.languages import language_tag
from transcription.htr.records import Gray, Hints, ItemError, LineImage, ReadingRecord
from transcription.models import LayoutLine, Page, Reading, Vote, Work
from transcription.steps import flow
from transcription.steps.check_texts import ink_of, keep_ink
from transcription.steps.checked_readings import checked
from transcription.steps.metering import paying
from transcription.steps.page_image import page_image, too_large_now
from transcription.steps.profiles import registry
from transcription.steps.queue import fail, finishing
from transcription.steps.read_page import read_pages, reads_pages_only
from transcription.steps.vocabulary import words_at

logger = logging.getLogger(__name__)

_CUTTERS = 2  # threads; decoding and most of cutting let others run
_Cut = tuple[dict[int, Gray], dict[int, float]]  # of a page: its lines' images by line, what ink_of found


@dataclass(slots=True)
class _Job:
    """One unit of work on its way through the engine: the lines it waits for and what came back."""

    work: Work
    waiting: set[int]
    readings: list[ReadingRecord] = field(default_factory=list)
    errors: list[ItemError] = field(default_factory=list)
    milliseconds: float = 0.0
    ink: dict[int, float] = field(default_factory=dict)  # of its lines where it was not known, by place
    written: bool = False


def recognize(works: Sequence[Work], token: uuid.UUID, progress: Callable[[], None]) -> None:
    """Read the lines of ``works`` (rows of one claim); ``progress`` is called after each line.

    One call of an engine reads all pages that are read with the same hints: those of one collection, with the words
    its vocabulary had when their runs began. A page whose image cannot be read fails by itself; a line that cannot be
    read is left out by that pass. What is too much for the memory at once is read in halves.
    """
    calls: dict[tuple[str, int, int], list[Work]] = defaultdict(list)
    for work in works:
        assert work.pass_version is not None
        assert work.run is not None
        calls[work.pass_version.engine, work.collection_id, work.run.vocabulary].append(work)
    # Whole pages last: what the others read tells their lines apart.
    for (engine, collection_id, revision), group in sorted(
        calls.items(), key=lambda call: reads_pages_only(call[0][0])
    ):
        language = language_tag(group[0].collection.language)  # rows older than the form's check may hold a name
        hints = Hints(language=language, vocabulary=words_at(collection_id, revision))
        if reads_pages_only(engine):
            read_pages(engine, group, hints, token, progress)
            continue
        _read_lines(engine, group, hints, token, progress)


def _read_lines(
    engine: str, works: Sequence[Work], hints: Hints, token: uuid.UUID, progress: Callable[[], None]
) -> None:
    """Read the lines of ``works`` with one engine: in one call, or in halves where memory does not hold that."""
    jobs = {work.pk: _Job(work, set()) for work in works}
    keys: list[tuple[int, int]] = []  # an engine's key is an index here: (work, line)
    started = time.perf_counter()
    recognizer = registry().recognizer(engine)
    with paying(recognizer, name=engine, works=works, keys=keys, token=token, progress=progress) as reader:

        def read(crops: Iterator[LineImage]) -> Iterator[ReadingRecord | ItemError]:
            return checked(reader.recognize(crops, hints), keys)

        # To find a smaller size is progress, too: a lease must not end over it.
        for result in in_halves(read, _crops(jobs, keys, token), retrying=progress):
            work_id, line_id = keys[result.key]
            job = jobs[work_id]
            now = time.perf_counter()
            job.milliseconds += (now - started) * 1000
            started = now
            _take(job, line_id, result)
            if not job.waiting and not job.written:
                _write(job, token)
            progress()
        _account_for_silence(jobs.values(), token)


def _crops(jobs: dict[int, _Job], keys: list[tuple[int, int]], token: uuid.UUID) -> Iterator[LineImage]:
    """Cut and enhance the lines of all jobs. The next pages are decoded and cut while this one's lines are enhanced and
    the engine works; so many whole images are held at once as there are threads."""
    pages: dict[int, list[_Job]] = defaultdict(list)
    for job in jobs.values():
        assert job.work.page_id is not None
        pages[job.work.page_id].append(job)
    images = Page.objects.in_bulk(list(pages))
    order = iter(pages.items())
    with ThreadPoolExecutor(_CUTTERS, thread_name_prefix="crops") as cutters:
        coming: deque[tuple[list[_Job], Future[_Cut]]] = deque()
        while True:
            for page_id, group in islice(order, _CUTTERS - len(coming)):
                coming.append((group, cutters.submit(_cut, images.get(page_id), page_id, _places_of(group))))
            if not coming:
                return
            group, cut = coming.popleft()
            try:
                yield from _enhanced(cut.result(), group, keys, token)
            except LonghandError as error:
                _give_up_all(group, token, error)
            except MemoryError:
                _give_up_all(group, token, too_large_now())


def _places_of(group: list[_Job]) -> list[LayoutLine]:
    run = group[0].work.run
    assert run is not None
    assert run.layout_id is not None
    return list(LayoutLine.objects.filter(layout_id=run.layout_id))


def _cut(page: Page | None, page_id: int, places: list[LayoutLine]) -> _Cut:
    """The images of a page's lines, by line, and their ink. Asks the database nothing: it runs in other threads."""
    if page is None:
        raise LostLease(f"Page {page_id} was deleted while it waited to be read.")
    image = page_image(page)
    lines = {place.line_id: cut_line(image, place.geometry) for place in places}
    return lines, ink_of(places, lines)


def _enhanced(cut: _Cut, group: list[_Job], keys: list[tuple[int, int]], token: uuid.UUID) -> Iterator[LineImage]:
    lines, ink = cut
    for job in group:
        job.ink = ink
        wanted = set(job.work.lines) if job.work.lines is not None else None
        job.waiting = {line for line in lines if wanted is None or line in wanted}
        version = job.work.pass_version
        assert version is not None
        before = _texts_before(job.work)
        if not job.waiting:
            _write(job, token)
        for line in list(job.waiting):
            keys.append((job.work.pk, line))
            pixels = enhance(lines[line], version.recipe, version.recipe_options)
            yield LineImage(len(keys) - 1, pixels, before.get(line, ()))


def _texts_before(work: Work) -> dict[int, tuple[str, ...]]:
    """The different texts that earlier stages gave each line of ``work``, the voted one first; none in the first."""
    if work.stage == 0 or work.lines is None:
        return {}
    votes = Vote.objects.filter(run=work.run, line__in=work.lines, stage__lt=work.stage).order_by("-stage")
    readings = Reading.objects.filter(run=work.run, line__in=work.lines).order_by("pk")
    found: dict[int, dict[str, None]] = defaultdict(dict)  # a dict keeps the order and each text once
    for line, text in [*votes.values_list("line", "text"), *readings.values_list("line", "text")]:
        if text:
            found[line][text] = None
    return {line: tuple(texts) for line, texts in found.items()}


def _account_for_silence(jobs: Iterable[_Job], token: uuid.UUID) -> None:
    """An engine that stopped without a word about some lines has failed on these; asked again, it would do the same."""
    for job in jobs:
        if not job.written:
            job.errors.append(ItemError(0, "no-result", f"the engine gave no result for {len(job.waiting)} lines."))
            job.waiting = set()
            _write(job, token)


def _take(job: _Job, line_id: int, result: ReadingRecord | ItemError) -> None:
    if line_id not in job.waiting:
        return  # a second result for one line: the first one stands
    job.waiting.discard(line_id)
    if isinstance(result, ItemError):
        job.errors.append(result)
        return
    job.readings.append(replace(result, key=line_id))


def _write(job: _Job, token: uuid.UUID) -> None:
    """Write a page's readings of one pass, all or none."""
    job.written = True
    work, run = job.work, job.work.run
    assert run is not None
    assert work.pass_version_id is not None
    if job.errors and not job.readings:
        first = job.errors[0]
        kind = OutOfMemory if first.code == OutOfMemory.code else EngineFailure  # what may pass is tried again
        _give_up(job, token, kind(f"No line of this page could be read: {first.message}", code=first.code))
        return
    rows = [Reading.from_record(record, run_id=run.pk, pass_version_id=work.pass_version_id) for record in job.readings]
    try:
        with finishing(work, token, milliseconds=job.milliseconds) as page:
            assert page is not None
            Reading.objects.bulk_create(rows)
            keep_ink(job.ink)
            flow.after_stage_read(page=page, run=run, stage=work.stage, lane=work.lane)
    except LostLease as lost:
        logger.info("%s", lost)


def _give_up_all(jobs: Iterable[_Job], token: uuid.UUID, error: LonghandError) -> None:
    for job in jobs:
        if not job.written:
            _give_up(job, token, error)


def _give_up(job: _Job, token: uuid.UUID, error: LonghandError) -> None:
    job.waiting, job.written = set(), True
    try:
        fail(job.work, token, error, then=flow.after_failure)
    except LostLease as lost:
        logger.info("%s", lost)
