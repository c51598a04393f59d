"""A person's change of a page's layout: a new version of it, based on the one they saw."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from transcription.errors import Conflict
from transcription.htr.records import LineGeometry, RegionGeometry
from transcription.models import Layout, Line, Page
from transcription.steps.layout_operations import Draft, Operation
from transcription.steps.layout_regions import tidied
from transcription.steps.layouts import save_layout


class LayoutConflict(Conflict):
    """The layout was changed since the editor read it."""

    code = "layout-conflict"


def edit_layout(*, page: Page, base_version: int, operation: Operation, author: User) -> tuple[Layout, list[int]]:
    """Apply ``operation`` to the page's layout; the new one and the lines to look at. The caller holds the page lock.

    ``base_version`` is the layout version that the person saw (0: none). Raises LayoutConflict, TextAtStake and
    BadInput; then nothing is written.
    """
    before = require_version(page, base_version)
    places = places_of(before)
    draft = Draft(page=page, author=author, places=list(places), regions=regions_of(before), touched=[])
    change = operation.apply(draft)
    was = [geometry for geometry, _line in places]
    if [(g, line.pk) for g, line in places] == [(g, line.pk) for g, line in draft.places] and draft.regions == (
        regions_of(before)
    ):
        assert before is not None
        return before, draft.touched
    layout = save_layout(
        page=page,
        places=draft.places,
        regions=tidied(was, draft.geometries, draft.regions),
        source=author.get_username()[:80],
        parent=before,
        author=author,
        change=change,
    )
    take(page, layout)
    return layout, draft.touched


def require_version(page: Page, version: int) -> Layout | None:
    """The page's layout. Raises LayoutConflict where that is not the ``version`` a change is based on."""
    layout = page.layout
    if (layout.version if layout is not None else 0) == version:
        return layout
    author = layout.author if layout is not None else None
    if author is None:
        raise LayoutConflict(_("The lines of this page were found anew in the meantime; your change was not made."))
    raise LayoutConflict(
        _("%(name)s changed the lines in the meantime; your change was not made. Look again, then repeat it.")
        % {"name": author.get_full_name() or author.get_username()}
    )


def take(page: Page, layout: Layout) -> None:
    """Make ``layout`` the page's own. Its run keeps the layout that it read."""
    page.layout = layout
    page.save(update_fields=["layout", "changed_at"])


def places_of(layout: Layout | None) -> list[tuple[LineGeometry, Line]]:
    """Lines with where they stand, in reading order."""
    if layout is None:
        return []
    places = layout.places.select_related("line__current__author").order_by("position")
    return [(place.geometry, place.line) for place in places]


def regions_of(layout: Layout | None) -> list[RegionGeometry]:
    """The layout's regions, as records."""
    if layout is None:
        return []
    return [
        RegionGeometry(
            id=str(region["id"]),
            kind=str(region["kind"]),
            polygon=tuple((int(x), int(y)) for x, y in region["polygon"]),
        )
        for region in layout.regions
    ]
