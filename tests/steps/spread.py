"""A drawn two-page spread on its way, for tests of splitting, joining and turning."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.steps.journey import draw_page, receive, work_until_nothing_is_due
from transcription.models import Collection, LayoutLine, Page

SIZE, GUTTER = (1200, 560), 610
# Left, top, right, bottom; the heading reaches over the gutter and stands mostly left of it.
HEADING = (60, 20, 700, 70)
LEFT = [(60, 100, 560, 150), (60, 230, 560, 280)]
RIGHT = [(660, 100, 1150, 150), (660, 230, 1150, 280), (660, 360, 1150, 410)]
LINES = [HEADING, *LEFT, *RIGHT]


def draw_spread() -> Image.Image:
    spread = Image.new("L", SIZE, 236)
    spread.paste(draw_page(("left one", "left two"), size=(600, 560)), (0, 0))
    spread.paste(draw_page(("right one", "right two", "right three"), size=(590, 560)), (GUTTER, 0))
    return spread


def receive_spread(folder: Path, *, collection: Collection | None = None, name: str = "letter-07.png") -> None:
    path = folder / name
    draw_spread().save(path)
    assert receive(path, collection=collection).original is not None


def read_spread(folder: Path, *, collection: Collection | None = None) -> Page:
    """A spread that was read as one page; the surveyor's lines and gutter are the test's to install."""
    receive_spread(folder, collection=collection)
    work_until_nothing_is_due()
    return Page.objects.latest("pk")


def places(page: Page) -> list[LayoutLine]:
    page.refresh_from_db()
    assert page.layout is not None
    return list(page.layout.places.select_related("line__current").order_by("position"))


def shown(page: Page) -> list[tuple[object, ...]]:
    """Where each line stands and what it says, in reading order."""
    return [
        (place.baseline, place.polygon, place.region, place.line.current.text if place.line.current else None)
        for place in places(page)
    ]
