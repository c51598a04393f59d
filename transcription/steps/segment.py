"""Find the lines of a page: a new layout version, and stable lines for the text to hang on."""

from __future__ import annotations

import uuid

from django.db.models import Max

from transcription.formats.pyramid import read_gray
from transcription.htr.line_matching import match_geometries
from transcription.htr.records import LayoutRecord, LineGeometry
from transcription.models import Layout, LayoutLine, Line, Page, PageState, Source, Work
from transcription.steps import flow
from transcription.steps.files import local_path
from transcription.steps.profiles import registry
from transcription.steps.queue import finishing
from transcription.steps.revise import outranked_by


def segment(work: Work, token: uuid.UUID) -> None:
    """Run the profile's segmenter over the page's image and write what it found."""
    page, run = work.page, work.run
    assert page is not None
    assert run is not None
    version = run.profile_version
    with local_path(page.pyramid) as path:
        image, _ = read_gray(path, None)
    record = registry().segmenter(version.segmenter).segment(image)
    source = f"{version.segmenter}@{registry().digest(version.segmenter)[:8]}"
    with finishing(work, token) as locked:
        assert locked is not None
        layout = write_layout(page=locked, record=record, source=source)
        run.layout = layout
        run.save(update_fields=["layout"])
        locked.layout = layout
        locked.state = PageState.SEGMENTED
        locked.save(update_fields=["layout", "state", "changed_at"])
        flow.begin_stage(page=locked, run=run, stage=0, lines=None, lane=work.lane)


def write_layout(*, page: Page, record: LayoutRecord, source: str) -> Layout:
    """A new layout version over the lines that are still there, new lines for the rest. The caller holds the page lock.

    A line with a text that outranks a vote stays where it was even if the segmenter no longer finds it: no layout may
    lose what a person wrote.
    """
    before = list(page.layout.places.select_related("line__current").order_by("position")) if page.layout else []
    matches = match_geometries([place.geometry for place in before], record.lines)
    places: list[tuple[LineGeometry, Line]] = []
    for geometry, match in zip(record.lines, matches, strict=True):
        line = before[match.same].line if match.same is not None else Line.objects.create(page=page)
        if match.derived:
            line.derived_from.add(*(before[index].line for index in match.derived))
        places.append((geometry, line))
    for index, place in enumerate(before):
        if _must_stay(place.line) and all(line.pk != place.line_id for _, line in places):
            earlier = {other.line_id for other in before[:index]}
            at = max((n for n, (_, line) in enumerate(places, start=1) if line.pk in earlier), default=0)
            places.insert(at, (place.geometry, place.line))
    regions = [{"id": each.id, "kind": each.kind, "polygon": each.polygon} for each in record.regions]
    version = (page.layouts.aggregate(last=Max("version"))["last"] or 0) + 1
    layout = Layout.objects.create(page=page, version=version, source=source, note=record.note[:200], regions=regions)
    LayoutLine.objects.bulk_create(
        LayoutLine(
            layout=layout,
            line=line,
            position=position,
            baseline=[list(point) for point in geometry.baseline],
            polygon=[list(point) for point in geometry.polygon],
            region=geometry.region,
            production=geometry.production,
        )
        for position, (geometry, line) in enumerate(places, start=1)
    )
    return layout


def _must_stay(line: Line) -> bool:
    return line.current is not None and outranked_by(Source.VOTE, line.current)
