"""Layout versions: what a segmenter found or a person drew, over stable lines for the text to hang on."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db.models import Max

from transcription.htr.framing import Framing
from transcription.htr.line_matching import match_geometries
from transcription.htr.records import LayoutRecord, LineGeometry, RegionGeometry
from transcription.models import Layout, LayoutLine, Line, Page, Source
from transcription.steps.framings import framing_of
from transcription.steps.revise import outranked_by


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
    return save_layout(page=page, places=places, regions=record.regions, source=source, note=record.note)


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


def regions_of(layout: Layout) -> list[RegionGeometry]:
    """The regions of a stored layout, in reading order."""
    return [
        RegionGeometry(each["id"], each["kind"], tuple((int(x), int(y)) for x, y in each["polygon"]))
        for each in layout.regions
    ]


def _must_stay(line: Line) -> bool:
    return line.current is not None and outranked_by(Source.VOTE, line.current)
