"""Make the two pages of a spread one page again: the reverse of ``split_spread``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Max
from django.utils.translation import gettext as _

from transcription.htr.framing import Framing, reframe, reframe_region, whole_of, whole_region_of
from transcription.htr.records import LineGeometry, RegionGeometry
from transcription.models import Audit, Failure, Layout, Line, Page, Part, RouteDecision, Work
from transcription.models.layout import JOINED
from transcription.steps.carry_texts import carry_texts, continues
from transcription.steps.files import delete_files
from transcription.steps.framings import framing_of, framing_of_layout, image_files
from transcription.steps.layouts import save_layout
from transcription.steps.renew_image import renew_image, stop_work
from transcription.steps.split_spread import NoSpread, check_not_approved


@dataclass(slots=True)
class _Spread:
    """What the joined page will show."""

    places: list[tuple[LineGeometry, Line]] = field(default_factory=list)
    regions: list[RegionGeometry] = field(default_factory=list)


def lock_spread(page: Page) -> tuple[Page, Page]:
    """The left and the right page of the spread that ``page`` is one page of, locked in this order. Raises NoSpread."""
    halves = Page.objects.select_for_update(of=("self",)).select_related("layout", "original")
    of_spread = {"original": page.original_id, "frame": page.frame}
    left = halves.filter(part=Part.LEFT, **of_spread).first()
    right = halves.filter(part=Part.RIGHT, **of_spread).first()
    if left is None or right is None:
        raise NoSpread(_("This page is no page of a spread that was split."))
    return left, right


def join_spread(*, page: Page, lane: int, by: User | None = None) -> Page:
    """Make the left page the whole spread again and return it. Takes both pages' locks. Raises NoSpread.

    All that hangs on the right page (lines, layouts, runs with their readings and votes) becomes the whole page's,
    then its row goes. A line that came from the spread as it was before it was split is that line again, with what was
    written on it meanwhile.
    """
    with transaction.atomic():
        left, right = lock_spread(page)
        check_not_approved(left)
        check_not_approved(right)
        before = _before_it_was_split(left)
        joined = Framing(framing_of(left).size, turn=left.frame_turn)
        spread = _joined(left, right, joined, before)
        stop_work(right)
        _take_over(left, right)
        left.part, left.turn, left.frame_turn = Part.WHOLE, left.frame_turn, 0
        layout = save_layout(
            page=left,
            places=spread.places,
            regions=spread.regions,
            source=(left.layout or right.layout or before or Layout()).source,
            parent=left.layout,
            author=by,
            change=JOINED,
            framing=joined,
        )
        # Where neither page had lines they are looked for on the whole; that it was joined is on record all the same.
        left.layout = layout if spread.places else None
        transaction.on_commit(partial(delete_files, image_files(right)))
        right.delete()
        renew_image(left, lane=lane)
    return left


def _before_it_was_split(left: Page) -> Layout | None:
    """The last layout of the whole spread; the present layout is of its left page only."""
    for layout in left.layouts.order_by("-version"):
        if framing_of_layout(layout, left).columns is None:
            return layout
    return None


def _joined(left: Page, right: Page, joined: Framing, before: Layout | None) -> _Spread:
    """The lines of both pages in one image, left before right, or in the order of before where they are the same."""
    same_image = before is not None and framing_of_layout(before, left) == joined
    once = list(before.places.select_related("line__current").order_by("position")) if before and same_image else []
    stood = {place.line_id: place.geometry for place in once}
    regions = {region.id: region for region in before.region_geometries} if before and same_image else {}
    spread = _Spread()
    for page in (left, right):
        _add_half(spread, page, stood, regions)
    order = {line: index for index, line in enumerate(stood)}
    if {line.pk for _, line in spread.places} == set(order):
        spread.places.sort(key=lambda place: order[place[1].pk])
    if {region.id for region in spread.regions} == set(regions):
        first = list(regions)
        spread.regions.sort(key=lambda region: first.index(region.id))
    return spread


def _add_half(spread: _Spread, page: Page, stood: dict[int, LineGeometry], regions: dict[str, RegionGeometry]) -> None:
    if page.layout is None:
        return
    framing = framing_of_layout(page.layout, page)
    level = replace(framing, turn=0)
    columns = framing.columns or (0, framing.cut_size[0])
    places = list(page.layout.places.select_related("line").order_by("position"))
    lines = _former_lines((place.line for place in places), stood) if page.part == Part.RIGHT else {}
    names: dict[str, str] = {}
    known = {region.id: region for region in spread.regions}
    for region in page.layout.region_geometries:
        whole = whole_region_of(reframe_region(region, framing, level), columns, regions.get(region.id))
        # A region that reached over the gutter is one again; others of the same name are two.
        if known.get(region.id) != whole:
            whole = replace(whole, id=f"{region.id}-right"[:40]) if region.id in known else whole
            spread.regions.append(whole)
        names[region.id] = whole.id
    for place in places:
        line = lines.get(place.line_id, place.line)
        geometry = whole_of(reframe(place.geometry, framing, level), columns, stood.get(line.pk))
        spread.places.append((replace(geometry, region=names.get(place.region, place.region)), line))


def _former_lines(lines: Iterable[Line], stood: dict[int, LineGeometry]) -> dict[int, Line]:
    """The line of the whole spread that each line of the right page came from, with its text brought up to date; none
    where it came from several, or somebody wrote on the former one too."""
    former: dict[int, Line] = {}
    taken: set[int] = set()
    for line in lines:
        parents = [parent for parent in line.derived_from.select_related("current") if parent.pk in stood]
        if len(parents) == 1 and parents[0].pk not in taken and continues(line.pk, parents[0].pk):
            former[line.pk] = parents[0]
            taken.add(parents[0].pk)
    carry_texts({line: parent.pk for line, parent in former.items()})
    return former


def _take_over(left: Page, right: Page) -> None:
    """Everything of the right page that must not be lost becomes the left page's: nothing that was read, voted or
    written is deleted, and each reading stays one of a line of its run's page."""
    versions = left.layouts.aggregate(last=Max("version"))["last"] or 0
    runs = left.runs.aggregate(last=Max("number"))["last"] or 0
    Page.objects.filter(pk=right.pk).update(run=None, layout=None)
    right.layouts.update(page=left, version=F("version") + versions)
    right.runs.update(page=left, number=F("number") + runs)
    right.lines.update(page=left)
    RouteDecision.objects.filter(page=right).update(page=left)
    Audit.objects.filter(page=right).update(page=left)
    Failure.objects.filter(page=right, work__run__isnull=False).update(page=left)
    Work.objects.filter(page=right, run__isnull=False).update(page=left)
