"""Layout versions: what a segmenter found or a person drew, over stable lines for the text to hang on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.contrib.auth.models import User
from django.db.models import Max

from transcription.htr.framing import Framing
from transcription.htr.records import LayoutRecord, LineGeometry, RegionGeometry
from transcription.htr.resegmentation import plan_layout
from transcription.models import Layout, LayoutLine, Line, Page
from transcription.steps.framings import framing_of
from transcription.steps.moved_texts import keep_displaced, move_pieces, old_line


def write_layout(*, page: Page, record: LayoutRecord, source: str) -> Layout:
    """A new layout version over the lines that are still there, new lines for the rest. The caller holds the page lock.

    No layout loses or doubles what a person wrote or brought: it stays on its line, moves to the lines that were found
    in its place, or is kept as a DisplacedText.
    """
    before = _places(page)
    plan = plan_layout([old_line(place) for place in before], record.lines)
    kinds = {region.id: region.kind for region in page.layout.region_geometries} if page.layout else {}
    places: list[tuple[LineGeometry, Line]] = []
    for planned in plan.lines:
        line = before[planned.same].line if planned.same is not None else Line.objects.create(page=page)
        if planned.derived:
            line.derived_from.add(*(before[index].line for index in planned.derived))
        if planned.new is not None:
            geometry = record.lines[planned.new]
        else:
            assert planned.same is not None
            geometry = before[planned.same].geometry
            geometry = replace(geometry, region=kinds.get(geometry.region, geometry.region))  # its region is gone
        places.append((geometry, line))
    layout = save_layout(page=page, places=places, regions=record.regions, source=source, note=record.note)
    lines = [line for _, line in places]
    for planned, line in zip(plan.lines, lines, strict=True):
        if planned.pieces:
            move_pieces(layout=layout, line=line, pieces=planned.pieces, before=before)
    near = {planned.new: line for planned, line in zip(plan.lines, lines, strict=True) if planned.new is not None}
    keep_displaced(layout=layout, displaced=plan.displaced, before=before, near=near)
    return layout


def _places(page: Page) -> list[LayoutLine]:
    if page.layout is None:
        return []
    places = page.layout.places.select_related("line__current__author", "line__current__transcript")
    return list(places.defer("line__current__transcript__data").order_by("position"))


def save_layout(
    *,
    page: Page,
    places: Sequence[tuple[LineGeometry, Line]],
    regions: Sequence[RegionGeometry] = (),
    source: str,
    note: str = "",
    parent: Layout | None = None,
    author: User | None = None,
    change: str = "",
    framing: Framing | None = None,
) -> Layout:
    """The next layout version of ``page`` with these lines in reading order. The caller holds the page lock, and makes
    it the page's layout itself. ``framing`` is the image whose pixels the geometries are, None: the page's present one.
    """
    version = (page.layouts.aggregate(last=Max("version"))["last"] or 0) + 1
    layout = Layout.objects.create(
        page=page,
        version=version,
        source=source,
        note=note[:200],
        regions=[{"id": each.id, "kind": each.kind, "polygon": each.polygon} for each in regions],
        framing=(framing or framing_of(page)).to_json(),
        parent=parent,
        author=author,
        change=change[:200],
    )
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
