"""Find the lines of a page with the segmenter of its profile; turn a page that lies on its side, part a spread."""

from __future__ import annotations

import uuid

from transcription.formats.pyramid import read_gray
from transcription.formats.pyramid import size as pyramid_size
from transcription.htr.geometry import scale_layout
from transcription.htr.records import LayoutRecord
from transcription.models import Collection, Page, PageState, Part, Turner, Work
from transcription.models.layout import JOINED
from transcription.steps import flow
from transcription.steps.files import local_path
from transcription.steps.layouts import write_layout
from transcription.steps.profiles import registry
from transcription.steps.queue import finishing
from transcription.steps.split_spread import split_locked
from transcription.steps.turn import may_machine_turn, turn_locked

# Segmenters look at a page at 1,200 to 2,560 pixels; a scan of 100 megapixels is not worth its memory here.
LOOK_SIDE = 2560


def segment(work: Work, token: uuid.UUID) -> None:
    """Run the profile's segmenter over the page's image and write what it found."""
    page, run = work.page, work.run
    assert page is not None
    assert run is not None
    version = run.profile_version
    with local_path(page.pyramid) as path:
        image, _ = read_gray(path, LOOK_SIDE)
        size = pyramid_size(path)
    record = scale_layout(registry().segmenter(version.segmenter).segment(image), size)
    source = f"{version.segmenter}@{registry().digest(version.segmenter)[:8]}"
    with finishing(work, token) as locked:
        assert locked is not None
        if record.turn % 4 and may_machine_turn(locked):
            turn_locked(locked, record.turn, by=Turner.MACHINE, lane=work.lane)
            return
        # What a person has approved keeps its lines as it keeps its texts: until it is taken into review again.
        frozen = locked.layout if locked.approved_at is not None else None
        layout = frozen or write_layout(page=locked, record=record, source=source)
        run.layout = layout
        run.save(update_fields=["layout"])
        locked.layout = layout
        locked.state = PageState.SEGMENTED
        if locked.part == Part.WHOLE:
            locked.gutter = gutter_of(record)
        locked.save(update_fields=["layout", "state", "gutter", "changed_at"])
        if splits_by_itself(locked):
            split_locked(locked, lane=work.lane)
            return
        flow.begin_stage(page=locked, run=run, stage=0, lines=None, lane=work.lane)


def gutter_of(record: LayoutRecord) -> float | None:
    """Where the segmenter says that a spread parts, as a share of its width; None for a single page."""
    width = record.size[0]
    if record.gutter is None or not 0 < record.gutter < width:
        return None
    return record.gutter / width


def splits_by_itself(page: Page) -> bool:
    """Whether the spread is to be split without being asked: never one that a person approved or joined again."""
    if page.part != Part.WHOLE or page.gutter is None or page.collection.spreads != Collection.Spreads.SPLIT:
        return False
    return page.approved_at is None and not page.layouts.filter(change=JOINED).exists()
