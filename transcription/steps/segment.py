"""Find the lines of a page with the segmenter of its profile."""

from __future__ import annotations

import uuid

from transcription.formats.pyramid import read_gray
from transcription.formats.pyramid import size as pyramid_size
from transcription.htr.geometry import scale_layout
from transcription.models import PageState, Work
from transcription.steps import flow
from transcription.steps.files import local_path
from transcription.steps.layouts import write_layout
from transcription.steps.profiles import registry
from transcription.steps.queue import finishing

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
        # What a person has approved keeps its lines as it keeps its texts: until it is taken into review again.
        frozen = locked.layout if locked.approved_at is not None else None
        layout = frozen or write_layout(page=locked, record=record, source=source)
        run.layout = layout
        run.save(update_fields=["layout"])
        locked.layout = layout
        locked.state = PageState.SEGMENTED
        locked.save(update_fields=["layout", "state", "changed_at"])
        flow.begin_stage(page=locked, run=run, stage=0, lines=None, lane=work.lane)
