"""Part a two-page spread in two pages. ``join_spread`` is the reverse."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from transcription.errors import Conflict
from transcription.htr.frame_cut import columns_at, turned_size
from transcription.htr.framing import Framing, part_of, region_part_of, stands_left
from transcription.htr.records import LineGeometry, RegionGeometry
from transcription.models import Layout, LayoutLine, Line, Page, PageState, Part, Step
from transcription.models.layout import SPLIT
from transcription.steps.carry_texts import carry_texts
from transcription.steps.framings import framing_of
from transcription.steps.layouts import save_layout
from transcription.steps.queue import enqueue
from transcription.steps.renew_image import renew_image

MIDDLE = 0.5


class NoSpread(Conflict):
    """The page cannot be parted or joined as it is now; the message says why."""

    code = "no-spread"


def split_spread(*, page: Page, lane: int, by: User | None = None) -> Page:
    """Make ``page`` the left page of the spread, and return the right one. Takes the page lock. Raises NoSpread.

    Where nobody found a gutter it parts in the middle.
    """
    with transaction.atomic():
        locked = Page.objects.select_for_update(of=("self",)).select_related("layout").get(pk=page.pk)
        if locked.part != Part.WHOLE:
            raise NoSpread(_("This page is one page of a spread already."))
        check_not_approved(locked)
        if locked.state == PageState.RECEIVED:  # its lines may not be those of its image yet
            raise NoSpread(
                _("The image of “%(page)s” is just being prepared: try again in a moment.") % {"page": locked.label}
            )
        return split_locked(locked, lane=lane, by=by)


def check_not_approved(page: Page) -> None:
    """Raise NoSpread for a page that a person answers for as it is."""
    if page.approved_at is not None:
        raise NoSpread(
            _("“%(page)s” is approved: take it into review again before its spread is split or joined.")
            % {"page": page.label}
        )


def split_locked(page: Page, *, lane: int, by: User | None = None) -> Page:
    """The same for who holds the page lock, on a whole page whose layout is of its present image."""
    whole = framing_of(page)
    page.gutter = MIDDLE if page.gutter is None else page.gutter
    width, height = turned_size(whole.size, page.turn)
    left, right = (columns_at(width, page.gutter, right=side) for side in (False, True))
    page.part, page.frame_turn, page.turn = Part.LEFT, page.turn, 0
    other = Page.objects.create(
        collection_id=page.collection_id,
        document_id=page.document_id,
        original_id=page.original_id,
        frame=page.frame,
        part=Part.RIGHT,
        frame_turn=page.frame_turn,
        turned_by=page.turned_by,
        gutter=page.gutter,
        position=page.position + 1,  # until ``prepare`` numbers the document's pages
        width=right[1] - right[0],
        height=height,
    )
    if page.layout is not None:
        _part_layout(page, other, page.layout, left, right, by)
    renew_image(page, lane=lane)
    enqueue(step=Step.PREPARE, collection_id=page.collection_id, lane=lane, page_id=other.pk)
    return other


def _part_layout(
    page: Page, other: Page, layout: Layout, left: tuple[int, int], right: tuple[int, int], by: User | None
) -> None:
    """Give each page the lines that stand on it. A page without any is looked at by itself: its layout stays empty."""
    whole = framing_of(page)
    places = list(layout.places.select_related("line").order_by("position"))
    sides: dict[bool, list[LayoutLine]] = {True: [], False: []}
    for place in places:
        sides[stands_left(place.geometry, left[1])].append(place)
    staying, going = sides[True], sides[False]
    lines = _lines_on(other, going)
    page.layout = _half(page, layout, [place.line for place in staying], staying, left, whole, by)
    other.layout = _half(other, layout, lines, going, right, whole, by)
    other.save(update_fields=["layout"])


def _lines_on(page: Page, places: Sequence[LayoutLine]) -> list[Line]:
    """A new line for each: readings and votes are of lines of their page, so the old ones stay where they were read."""
    lines = Line.objects.bulk_create(Line(page=page) for _ in places)
    links = Line.derived_from.through
    links.objects.bulk_create(
        links(from_line_id=line.pk, to_line_id=place.line_id) for line, place in zip(lines, places, strict=True)
    )
    carry_texts({place.line_id: line.pk for line, place in zip(lines, places, strict=True)})
    return lines


def _half(
    page: Page,
    layout: Layout,
    lines: Sequence[Line],
    places: Sequence[LayoutLine],
    columns: tuple[int, int],
    whole: Framing,
    by: User | None,
) -> Layout | None:
    if not places:
        return None
    geometries = [part_of(place.geometry, columns) for place in places]
    return save_layout(
        page=page,
        places=list(zip(geometries, lines, strict=True)),
        regions=_regions_on(layout, geometries, columns),
        source=layout.source,
        parent=layout,
        author=by,
        change=SPLIT,
        framing=Framing(whole.size, page.frame_turn, columns),
    )


def _regions_on(layout: Layout, lines: Sequence[LineGeometry], columns: tuple[int, int]) -> list[RegionGeometry]:
    """Regions that lines of this page belong to; those without lines go where their middle is."""
    here = {line.region for line in lines}
    anywhere = set(layout.places.values_list("region", flat=True))
    middles = {
        region.id: (min(xs) + max(xs)) / 2
        for region in layout.region_geometries
        if (xs := [x for x, _y in region.polygon])
    }
    return [
        region_part_of(region, columns)
        for region in layout.region_geometries
        if region.id in here
        or (region.id not in anywhere and columns[0] <= middles.get(region.id, columns[0]) < columns[1])
    ]
