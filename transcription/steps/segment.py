"""Find the lines of a page: a new layout version, and stable lines for the text to hang on."""

from __future__ import annotations

import uuid

from django.db.models import Max

from transcription.formats.pyramid import read_gray
from transcription.htr.records import LayoutRecord
from transcription.models import Layout, LayoutLine, Line, Page, PageState, Work
from transcription.steps import flow
from transcription.steps.files import local_path
from transcription.steps.profiles import registry
from transcription.steps.queue import finishing


def segment(work: Work, token: uuid.UUID) -> None:
    """Run the profile's segmenter over the page's image and write what it found."""
    page = Page.objects.get(pk=work.page_id)
    run = work.run
    assert run is not None
    version = run.profile_version
    with local_path(page.pyramid) as path:
        image, _ = read_gray(path, None)
    record = registry().segmenter(version.segmenter).segment(image)
    with finishing(work, token) as locked:
        assert locked is not None
        layout = write_layout(page=locked, record=record, source=f"{version.segmenter}@{version.segmenter_digest[:8]}")
        run.layout = layout
        run.save(update_fields=["layout"])
        locked.layout = layout
        locked.state = PageState.SEGMENTED
        locked.save(update_fields=["layout", "state", "changed_at"])
        flow.begin_stage(page=locked, run=run, stage=0, lines=None, lane=work.lane)


def write_layout(*, page: Page, record: LayoutRecord, source: str) -> Layout:
    """A new layout version with a new line for each geometry. The caller holds the page lock."""
    version = (page.layouts.aggregate(last=Max("version"))["last"] or 0) + 1
    layout = Layout.objects.create(page=page, version=version, source=source, note=record.note[:200])
    lines = Line.objects.bulk_create(Line(page=page) for _ in record.lines)
    LayoutLine.objects.bulk_create(
        LayoutLine(
            layout=layout,
            line=line,
            position=position,
            baseline=[list(point) for point in geometry.baseline],
            polygon=[list(point) for point in geometry.polygon],
            region=geometry.region,
        )
        for position, (line, geometry) in enumerate(zip(lines, record.lines, strict=True), start=1)
    )
    return layout
